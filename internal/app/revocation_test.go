package app_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

// What runs ends soon after its key is revoked, wherever it runs: uploads in one request
// and in several, at any speed, and event streams. Nothing more of a file is taken in.
func TestNothingRunsOnWithARevokedKey(t *testing.T) {
	t.Parallel()
	t.Run("one process", func(t *testing.T) { t.Parallel(); testRevocation(t, newSystem(t).client) })
	t.Run("many processes", func(t *testing.T) {
		t.Parallel()
		c := newCluster(t, bulk.RoleConsole, bulk.RoleIngest, bulk.RoleDispatcher, bulk.RoleProcessor)
		c.call(http.MethodPut, "/v1/datasets/things", things, nil)
		testRevocation(t, c)
	})
}

func testRevocation(t *testing.T, operator *client) {
	acme := (&system{client: operator}).account("acme", 1_000_000)
	for _, fast := range []string{http.MethodPost, http.MethodPatch} {
		var key struct {
			bulk.APIKey
			Secret string
		}
		operator.call(http.MethodPost, "/v1/accounts/"+string(acme.account)+"/keys", map[string]any{"name": "short-lived"}, &key)
		short := *acme
		short.key = key.Secret
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		running := short.uploads(ctx, fast)
		var list struct{ Imports []bulk.Import }
		received := func() (sum int64) {
			acme.get("/v1/imports?state=receiving", &list)
			for _, i := range list.Imports {
				sum += i.Bytes.Received
			}
			return sum
		}
		acme.eventually("two uploads run, the fast one with some bytes", func() bool { return received() > 0 && len(list.Imports) == 2 })
		running = append(running, short.start(ctx, http.MethodGet, "/v1/imports/"+string(list.Imports[0].ID)+"/events", nil, nil))

		operator.call(http.MethodDelete, fmt.Sprintf("/v1/accounts/%s/keys/%s", acme.account, key.ID), nil, nil)
		revoked := time.Now()
		for i, ended := range running {
			if status := <-ended; status != http.StatusUnauthorized && status != 0 && i < 2 {
				t.Errorf("upload %d got %d, want 401 or a broken connection", i, status)
			}
			t.Logf("request %d ended %v after its key", i, time.Since(revoked).Round(time.Millisecond))
		}
		if ctx.Err() != nil {
			t.Fatal("requests went on until the test's end")
		}
		last := int64(-1)
		acme.eventually("nothing more is taken in", func() bool {
			before := last
			last = received()
			return last == before
		})
		for _, i := range list.Imports {
			acme.steer(i.ID, "cancel")
		}
	}
}

// uploads begins one upload in one request and one by tus, one of them fast.
func (c *client) uploads(ctx context.Context, fast string) []<-chan int {
	c.t.Helper()
	meta := "dataset " + base64.StdEncoding.EncodeToString([]byte("things"))
	a, err := c.ask(http.MethodPost, "/v1/imports", nil, http.Header{"Tus-Resumable": {"1.0.0"}, "Upload-Length": {"1000000000"}, "Upload-Metadata": {meta}})
	c.must(err)
	return []<-chan int{
		c.start(ctx, http.MethodPost, "/v1/imports?dataset=things", trickle(ctx, fast == http.MethodPost), http.Header{"Content-Type": {"text/csv"}}),
		c.start(ctx, http.MethodPatch, a.header.Get("Location"), trickle(ctx, fast == http.MethodPatch),
			http.Header{"Tus-Resumable": {"1.0.0"}, "Upload-Offset": {"0"}, "Content-Type": {"application/offset+octet-stream"}}),
	}
}

// start sends a request and returns the status that it ends with, 0 for a connection
// that broke.
func (c *client) start(ctx context.Context, method, path string, body io.Reader, header http.Header) <-chan int {
	ended := make(chan int, 1)
	go func() {
		res, err := c.open(ctx, method, path, body, header)
		if err != nil {
			ended <- 0
			return
		}
		defer res.Body.Close()
		io.Copy(io.Discard, res.Body) //nolint:errcheck // its end is what counts
		ended <- res.StatusCode
	}()
	return ended
}

// trickle is a file without end: fast, or a header and then nothing until ctx ends.
func trickle(ctx context.Context, fast bool) io.Reader {
	in, out := io.Pipe()
	context.AfterFunc(ctx, func() { in.CloseWithError(ctx.Err()) })
	go func() {
		out.Write([]byte("id,text\n")) //nolint:errcheck // the reader left
		for n := 0; fast; n++ {
			var b bytes.Buffer
			for i := range 1000 {
				fmt.Fprintf(&b, "%d-%d,some text\n", n, i)
			}
			if _, err := out.Write(b.Bytes()); err != nil {
				return
			}
			select { // a hundred thousand rows a second are enough
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}()
	return in
}
