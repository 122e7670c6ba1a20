package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"bulkhead/internal/bulk"
	"bulkhead/internal/sample"
)

// cutter passes connections on to a server and cuts each, in the middle of whatever
// is under way, once the client has sent so many bytes more; it does so len(after)
// times, and is well-behaved from then on.
type cutter struct {
	net.Listener
	server string

	mu    sync.Mutex
	after []int64
	cuts  int
	conns sync.WaitGroup
}

func newCutter(t *testing.T, server string, after []int64) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{Listener: l, server: server, after: after}
	c.conns.Go(c.accept)
	t.Cleanup(func() {
		l.Close()
		c.conns.Wait()
	})
	return c
}

func (c *cutter) accept() {
	for {
		in, err := c.Accept()
		if err != nil {
			return // closed
		}
		c.conns.Go(func() {
			defer in.Close()
			out, err := net.Dial("tcp", c.server)
			if err != nil {
				return
			}
			defer out.Close()
			c.conns.Go(func() {
				io.Copy(in, out) // ends when either side is closed
				in.Close()
			})
			c.pass(out, in)
		})
	}
}

// pass copies until the client ends, or its bytes are used up.
func (c *cutter) pass(out io.Writer, in io.Reader) {
	buf := make([]byte, 4<<10)
	for {
		n, err := in.Read(buf)
		if left := c.take(int64(n)); left < int64(n) {
			out.Write(buf[:left]) // the connection is cut anyway
			return
		}
		if _, failed := out.Write(buf[:n]); err != nil || failed != nil {
			return
		}
	}
}

// take returns how many of n bytes may pass; fewer than n means that the connection
// is to be cut.
func (c *cutter) take(n int64) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cuts == len(c.after) {
		return n
	}
	if c.after[c.cuts] -= n; c.after[c.cuts] >= 0 {
		return n
	}
	c.cuts++
	return n + c.after[c.cuts-1]
}

func (c *cutter) done() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cuts
}

// tusClient uploads a file with tus-js-client through a connection that is cut ten
// times, and returns the import's end.
func (c *client) tusClient(t *testing.T, dataset string, file []byte, chunk int) bulk.Import {
	t.Helper()
	name := filepath.Join(t.TempDir(), "tus.csv")
	c.must(os.WriteFile(name, file, 0o600))
	at, err := url.Parse(c.url)
	c.must(err)
	rng, cuts := rand.New(rand.NewPCG(7, 7)), make([]int64, 10)
	for i := range cuts {
		cuts[i] = 1 + rng.Int64N(int64(len(file))/10)
	}
	proxy := newCutter(t, at.Host, cuts)

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	node := exec.CommandContext(ctx, "node", "upload.mjs", "http://"+proxy.Addr().String()+"/v1/imports", name, fmt.Sprint(chunk))
	node.Dir, node.Env = "testdata/tus", append(os.Environ(), "BULKHEAD_API_KEY="+c.key, "DATASET="+dataset)
	var stderr bytes.Buffer
	node.Stderr = &stderr
	out, err := node.Output()
	if err != nil {
		t.Fatalf("tus-js-client: %v\n%s", err, &stderr)
	}
	var said struct {
		URL     string `json:"url"`
		Retries int    `json:"retries"`
	}
	c.must(json.Unmarshal(out, &said))
	if proxy.done() != len(cuts) || said.Retries == 0 {
		t.Fatalf("the connection was cut %d times and the client tried again %d times, want %d cuts", proxy.done(), said.Retries, len(cuts))
	}
	return c.end(bulk.ImportID(path.Base(path.Dir(said.URL))))
}

// TestTusClient uploads with the client that most web pages use.
func TestTusClient(t *testing.T) {
	t.Parallel()
	needTusClient(t)
	s := newSystem(t)
	file, want := contacts(t, sample.Options{Rows: rows(t, 20_000, 8_000), Seed: 4, RejectRate: 0.02, DuplicateRate: 0.01})
	for _, chunk := range []int{0, 64 << 10} {
		t.Run(fmt.Sprintf("chunks of %d bytes", chunk), func(t *testing.T) {
			c := s.account(t.Name(), 1_000_000).in(t)
			imp := c.tusClient(t, "contacts", file, chunk)
			c.wantEnd(imp, bulk.StateCompletedWithRejects, counts(want))
			c.wantSound(imp, want.Bytes)
			if *imp.SHA256 != want.SHA256 {
				t.Errorf("SHA-256 %s, want %s", *imp.SHA256, want.SHA256)
			}
			c.verify(imp.ID, file)
		})
	}
	t.Run("records larger than a chunk", func(t *testing.T) {
		s.apply(bulk.Spec{Name: "documents", Key: []string{"id"}, Columns: []bulk.Column{{Name: "id", Type: bulk.TypeInteger}, {Name: "text", Type: bulk.TypeText}, {Name: "more", Type: bulk.TypeText}}})
		var file bytes.Buffer
		file.WriteString("id,text,more\n")
		for i := range 20 {
			fmt.Fprintf(&file, "%d,\"%s\n\"\"%d\"\"\",%s\n", i, strings.Repeat("text ", 20_000), i, strings.Repeat("more ", 20_000))
		}
		c := s.account(t.Name(), 100).in(t)
		imp := c.tusClient(t, "documents", file.Bytes(), 64<<10)
		c.wantEnd(imp, bulk.StateCompleted, bulk.Counts{Read: 20, Created: 20})
		c.wantSound(imp, int64(file.Len()))
		if *imp.SHA256 != digest(file.Bytes()) {
			t.Errorf("SHA-256 %s, want %s", *imp.SHA256, digest(file.Bytes()))
		}
		c.verify(imp.ID, file.Bytes())
	})
}

// needTusClient skips the test where there is no Node.js or its package is not
// installed, and fails it where both are required.
func needTusClient(t *testing.T) {
	t.Helper()
	_, err := exec.LookPath("node")
	if _, e := os.Stat("testdata/tus/node_modules/tus-js-client"); err == nil {
		err = e
	}
	switch {
	case err == nil:
	case os.Getenv("BULKHEAD_REQUIRE_SERVICES") == "1":
		t.Fatal(err)
	case errors.Is(err, os.ErrNotExist), errors.Is(err, exec.ErrNotFound):
		t.Skipf("SKIPPED: no test with the real tus-js-client (%v); install Node.js and run `npm ci --prefix internal/app/testdata/tus`", err)
	default:
		t.Fatal(err)
	}
}
