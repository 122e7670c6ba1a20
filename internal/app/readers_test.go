package app_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
)

// Clients that ask for large pages and never read them hold bounded memory, are told so
// when it is used up, and hurt no other account.
func TestReadersThatNeverReadAreBounded(t *testing.T) {
	s := newSystem(t)
	greedy, other := s.account("greedy", 1000), s.account("other", 1000)
	const wide, rows = 200 << 10, 200
	file := bytes.NewBufferString("id,text\n")
	random := rand.NewChaCha8([32]byte{})
	noise := make([]byte, wide/2)
	for i := range rows {
		random.Read(noise)
		fmt.Fprintf(file, "%d,%x\n", i, noise)
	}
	greedy.run("dataset=things&mode=upsert", file.Bytes())
	other.run("dataset=things&mode=upsert", []byte("id,text\n1,a\n"))

	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	refused := 0
	for range 30 {
		c := greedy.asking(fmt.Sprintf("/v1/datasets/things/records?limit=%d", rows))
		defer c.Close()
		first := make([]byte, 12)
		if _, err := c.Read(first); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(string(first), "429") {
			refused++
		} else if !strings.HasSuffix(string(first), "200") {
			t.Fatalf("got %q", first)
		}
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapInuse) - int64(before.HeapInuse); grown > 200<<20 {
		t.Errorf("30 readers of %d MiB each hold %d MiB, want 64 at most and what was not collected yet", wide*rows>>20, grown>>20)
	}
	if refused < 20 {
		t.Errorf("%d of 30 were refused, want what is beyond the account's share", refused)
	}
	if a, err := greedy.ask(http.MethodGet, "/v1/datasets/things/records", nil, nil); err != nil || a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" ||
		a.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("one more got %+v, %v", a, err)
	}
	if n := other.live("things"); n != 1 {
		t.Errorf("the other account reads %d records, want its one", n)
	}
	var imp bulk.Import
	if p := greedy.try(http.MethodGet, "/v1/imports/"+string(greedy.imports("")[0].ID), nil, &imp); p != nil {
		t.Errorf("a small answer was refused to the account as well: %v", p)
	}
}

// asking sends a request and reads nothing.
func (c *client) asking(path string) net.Conn {
	c.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(c.t.Context(), "tcp", strings.TrimPrefix(c.url, "http://"))
	c.must(err)
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", path, c.key)
	c.must(err)
	return conn
}
