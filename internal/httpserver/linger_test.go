package httpserver

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A client that sends everything before it reads sees the refusal, however long its body.
func TestRefusalReachesAClientThatIsSending(t *testing.T) {
	server := httptest.NewServer(lingering(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body.Close()
		w.Header().Set("Content-Length", "2")
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, "no")
	})))
	defer server.Close()
	for _, size := range []int{1, 100 << 10, 32 << 20} {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", size)
		if _, err := io.WriteString(conn, strings.Repeat("x", size)); err != nil {
			t.Errorf("sending %d bytes: %v", size, err)
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || res.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("after %d bytes: %v, %v", size, res, err)
		}
		conn.Close()
	}
}

// A client that waits for the answer gets it before it has sent its body.
func TestRefusalDoesNotWaitForTheBody(t *testing.T) {
	server := httptest.NewServer(lingering(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	})))
	defer server.Close()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx")
	if res, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%v, %v", res, err)
	}
}

// Closing ends a handler's reading.
func TestClosedBodyIsNotRead(t *testing.T) {
	b := &unclosed{body: strings.NewReader("x")}
	b.Close()
	if _, err := b.Read(make([]byte, 1)); !errors.Is(err, http.ErrBodyReadAfterClose) {
		t.Errorf("Read = %v", err)
	}
}

// Over HTTP/2 the refusal arrives at once, and its connection serves the next request.
func TestRefusalReachesAClientOfHTTP2(t *testing.T) {
	server := httptest.NewUnstartedServer(lingering(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "2")
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, "no")
	})))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	for range 3 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader(strings.Repeat("x", 32<<20)))
		if err != nil {
			t.Fatal(err)
		}
		res, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if res.ProtoMajor != 2 || res.StatusCode != http.StatusServiceUnavailable || string(text) != "no" || err != nil {
			t.Errorf("%s %d %q, %v", res.Proto, res.StatusCode, text, err)
		}
	}
}
