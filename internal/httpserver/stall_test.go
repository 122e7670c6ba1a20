package httpserver

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"testing"
	"time"
)

// answering serves an answer of so many bytes that do not compress, and reports how
// writing each one ended.
func answering(t *testing.T, size int) (addr string, ended <-chan error) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ends := make(chan error, 10)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		source, block, out := rand.NewChaCha8([32]byte{}), make([]byte, 32<<10), io.Writer(w)
		if r.Header.Get("Accept-Encoding") == "gzip" {
			out = gzip.NewWriter(w)
		}
		var err error
		for sent := 0; sent < size && err == nil; sent += len(block) {
			source.Read(block)
			_, err = out.Write(block)
		}
		ends <- err
	})
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	cfg := Config{Handler: h, Stall: 2 * time.Second, Log: slog.New(slog.DiscardHandler)}
	go func() { served <- Serve(ctx, l, cfg) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String(), ends
}

// ask sends a request by a connection that takes in little before it is read.
func ask(t *testing.T, addr, encoding string) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{Control: smallReceiveBuffer}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: %s\r\n\r\n", encoding); err != nil {
		t.Fatal(err)
	}
	return c
}

// Who takes nothing of an answer is cut, also where what is written passes a compressor.
func TestReaderThatNeverReadsIsCut(t *testing.T) {
	for _, encoding := range []string{"identity", "gzip"} {
		t.Run(encoding, func(t *testing.T) {
			addr, ended := answering(t, 64<<20)
			ask(t, addr, encoding)
			if err := <-ended; err == nil {
				t.Error("64 MiB were written to a client that reads nothing")
			}
		})
	}
}

// A slow reader gets the whole of an answer that takes much longer than it may stall.
func TestSlowReaderIsNotCut(t *testing.T) {
	addr, ended := answering(t, 3<<20)
	began := time.Now()
	resp, err := http.ReadResponse(bufio.NewReader(&slowReader{ask(t, addr, "identity")}), nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	if n != 3<<20 || err != nil || <-ended != nil {
		t.Errorf("after %v the reader has %d bytes, %v", time.Since(began), n, err)
	}
	if took := time.Since(began); took < 3*time.Second {
		t.Errorf("the reader took %v, which is not slow", took)
	}
}

// slowReader reads about 600 kB a second.
type slowReader struct{ net.Conn }

func (r *slowReader) Read(b []byte) (int, error) {
	<-time.After(5 * time.Millisecond)
	return r.Conn.Read(b[:min(len(b), 3<<10)])
}
