package app_test

import (
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"sync"
	"testing"
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

// newCutter cuts the way to the client's server ten times within a file of so many bytes.
func (c *client) newCutter(t *testing.T, size int) *cutter {
	t.Helper()
	at, err := url.Parse(c.url)
	c.must(err)
	rng, cuts := rand.New(rand.NewPCG(7, 7)), make([]int64, 10)
	for i := range cuts {
		cuts[i] = 1 + rng.Int64N(int64(size)/10)
	}
	return newCutter(t, at.Host, cuts)
}

// address is where the client's server is reached through it.
func (c *cutter) address() string { return "http://" + c.Addr().String() }

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
