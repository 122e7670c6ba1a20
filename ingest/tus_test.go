package ingest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/resumable"
)

// tus sends a request with the protocol's headers and returns the answer with its body.
func (f *fixture) tus(server *httptest.Server, method, path string, body io.Reader, headers ...string) (*http.Response, string) {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), method, server.URL+path, body)
	f.must(err)
	r.Header.Set("Tus-Resumable", "1.0.0")
	if method == http.MethodPatch {
		r.Header.Set("Content-Type", "application/offset+octet-stream")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w, err := server.Client().Do(r)
	f.must(err)
	defer w.Body.Close()
	text, err := io.ReadAll(w.Body)
	f.must(err)
	return w, string(text)
}

func (f *fixture) serve(h http.Handler) *httptest.Server {
	server := httptest.NewServer(h)
	f.t.Cleanup(server.Close)
	return server
}

// servePipes is serve over connections in memory, which may be waited for in a synctest
// bubble.
func (f *fixture) servePipes(h http.Handler) *httptest.Server {
	listener := &pipes{conns: make(chan net.Conn)}
	listener.open, listener.close = context.WithCancel(context.Background())
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: h}}
	server.Start()
	f.t.Cleanup(server.Close)
	transport := server.Client().Transport.(*http.Transport)
	transport.DialContext, transport.ExpectContinueTimeout = listener.dial, time.Minute
	return server
}

// pipes is a listener of connections in memory.
type pipes struct {
	conns chan net.Conn
	open  context.Context
	close context.CancelFunc
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements net.Listener.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.open.Done():
		return nil, net.ErrClosed
	}
}

// Addr implements net.Listener.
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

// Close implements net.Listener.
func (p *pipes) Close() error { p.close(); return nil }

func contentOf(id bulk.ImportID) string { return "/v1/imports/" + string(id) + "/content" }

func TestTusUpload(t *testing.T) {
	f := newFixture(t, small)
	server := f.serve(f.Content())
	file := awkward(40)
	id := f.open(int64(len(file)), bulk.Options{})
	path := contentOf(id)
	for at := 0; at < len(file); {
		head, _ := f.tus(server, http.MethodHead, path, nil)
		if head.StatusCode != http.StatusOK || head.Header.Get("Upload-Offset") != strconv.Itoa(at) || head.Header.Get("Upload-Length") != strconv.Itoa(len(file)) {
			t.Fatalf("HEAD at %d: %d %v", at, head.StatusCode, head.Header)
		}
		end := min(at+700, len(file))
		patch, text := f.tus(server, http.MethodPatch, path, strings.NewReader(file[at:end]), "Upload-Offset", strconv.Itoa(at))
		if patch.StatusCode != http.StatusNoContent || patch.Header.Get("Upload-Offset") != strconv.Itoa(end) || patch.Header.Get("Tus-Resumable") != "1.0.0" {
			t.Fatalf("PATCH at %d: %d %v %s", at, patch.StatusCode, patch.Header, text)
		}
		at = end
	}
	if r := f.result(id, int64(len(file))); len(r.rows) != 56 || r.sha256 != sum(file) {
		t.Errorf("%d rows, SHA-256 %s", len(r.rows), r.sha256)
	}
}

func TestTusLengthDeferred(t *testing.T) {
	f := newFixture(t)
	server := f.serve(f.Content())
	id := f.open(-1, bulk.Options{})
	path := contentOf(id)
	f.tus(server, http.MethodPatch, path, strings.NewReader(plain[:20]), "Upload-Offset", "0")
	head, _ := f.tus(server, http.MethodHead, path, nil)
	if head.Header.Get("Upload-Offset") != "20" || head.Header.Get("Upload-Defer-Length") != "1" {
		t.Fatalf("HEAD: %v", head.Header)
	}
	patch, text := f.tus(server, http.MethodPatch, path, strings.NewReader(plain[20:]), "Upload-Offset", "20", "Upload-Length", strconv.Itoa(len(plain)))
	if patch.StatusCode != http.StatusNoContent || !f.imp(id).Sealed {
		t.Errorf("PATCH with the length: %d %s", patch.StatusCode, text)
	}
}

func TestTusProblems(t *testing.T) {
	f := newFixture(t)
	server := f.serve(f.Content())
	id := f.open(int64(len(plain)), bulk.Options{})
	bad := f.open(12, bulk.Options{})
	closed := f.open(9, bulk.Options{})
	_, err := f.store.Cancel(t.Context(), f.account, closed)
	f.must(err)
	for _, c := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		code                     string
	}{
		{"another offset", "PATCH", contentOf(id), "x", []string{"Upload-Offset", "3"}, 409, "mismatched_offset"},
		{"no offset", "PATCH", contentOf(id), "x", nil, 400, "invalid_offset"},
		{"content type", "PATCH", contentOf(id), "x", []string{"Upload-Offset", "0", "Content-Type", "text/csv"}, 400, "invalid_content_type"},
		{"version", "PATCH", contentOf(id), "x", []string{"Upload-Offset", "0", "Tus-Resumable", "0.2.0"}, 412, "unsupported_version"},
		{"more than announced", "PATCH", contentOf(id), plain + "more", []string{"Upload-Offset", "0"}, 400, "upload_size_exceeded"},
		{"concatenation", "PATCH", contentOf(id), "x", []string{"Upload-Offset", "0", "Upload-Concat", "partial"}, 400, "concatenation_unsupported"},
		{"unknown import", "PATCH", contentOf(bulk.NewImportID()), "x", []string{"Upload-Offset", "0"}, 404, "not_found"},
		{"no import", "PATCH", contentOf("x"), "x", []string{"Upload-Offset", "0"}, 404, "not_found"},
		{"cancelled", "PATCH", contentOf(closed), "x", []string{"Upload-Offset", "0"}, 410, "upload_closed"},
		{"bad file", "PATCH", contentOf(bad), "id,id\n1,2,\n\n", []string{"Upload-Offset", "0"}, 422, "bad_header"},
		{"bad file again", "PATCH", contentOf(bad), "id,id\n1,2,\n\n", []string{"Upload-Offset", "0"}, 410, "bad_header"},
		{"download", "GET", contentOf(id), "", nil, 405, "method_not_allowed"},
		{"deletion of what is gone", "DELETE", contentOf(closed), "", nil, 410, "upload_closed"},
		{"override", "POST", contentOf(id), "x", []string{"X-HTTP-Method-Override", "PATCH", "Content-Type", "application/offset+octet-stream", "Upload-Offset", "3"}, 409, "mismatched_offset"},
	} {
		w, text := f.tus(server, c.method, c.path, strings.NewReader(c.body), c.headers...)
		var p struct {
			Status                    int
			Code, Detail, Title, Type string
			Import                    bulk.ImportID `json:"import_id"`
		}
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			t.Errorf("%s: %d %q: %v", c.name, w.StatusCode, text, err)
			continue
		}
		if w.StatusCode != c.status || p.Status != c.status || p.Code != c.code || p.Detail == "" || w.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %v %s; want %d %s", c.name, w.StatusCode, w.Header, text, c.status, c.code)
		}
	}
	if imp := f.imp(id); imp.Bytes.Received != 0 {
		t.Errorf("a problem moved the offset to %d", imp.Bytes.Received)
	}
	if head, _ := f.tus(server, http.MethodHead, contentOf(bulk.NewImportID()), nil); head.StatusCode != http.StatusNotFound {
		t.Errorf("HEAD of an unknown import: %d", head.StatusCode)
	}
}

func TestTusDiscovery(t *testing.T) {
	f := newFixture(t)
	server := f.serve(f.Content())
	w, _ := f.tus(server, http.MethodOptions, contentOf(bulk.NewImportID()), nil)
	if got := w.Header.Get("Tus-Extension"); w.StatusCode != http.StatusNoContent || got != resumable.TusExtensions || w.Header.Get("Tus-Version") != "1.0.0" ||
		w.Header.Get("Tus-Max-Size") != strconv.FormatInt(bulk.DefaultLimits().FileBytes, 10) {
		t.Errorf("OPTIONS: %d %v", w.StatusCode, w.Header)
	}
}

func TestTusForeignAndNobody(t *testing.T) {
	f := newFixture(t)
	id := f.open(10, bulk.Options{})
	stranger, err := f.store.CreateAccount(t.Context(), "two", 10, 1)
	f.must(err)
	for _, c := range []struct {
		who    bulk.Principal
		known  bool
		status int
	}{{bulk.Principal{}, false, 401}, {bulk.Principal{Account: stranger.ID}, true, 404}, {bulk.Principal{Account: stranger.ID, Operator: true}, true, 404}} {
		u := f.another(func(cfg *config) {
			cfg.Principal = func(context.Context) (bulk.Principal, bool) { return c.who, c.known }
		})
		server := f.serve(u.Content())
		head, _ := f.tus(server, http.MethodHead, contentOf(id), nil)
		patch, _ := f.tus(server, http.MethodPatch, contentOf(id), strings.NewReader("id"), "Upload-Offset", "0")
		if head.StatusCode != c.status || patch.StatusCode != c.status {
			t.Errorf("%+v: HEAD %d, PATCH %d, want %d", c.who, head.StatusCode, patch.StatusCode, c.status)
		}
	}
}

// TestTusDisconnect breaks a connection in the middle of a request; what came is kept.
func TestTusDisconnect(t *testing.T) {
	f := newFixture(t)
	server := f.serve(f.Content())
	file := awkward(40)
	id := f.open(int64(len(file)), bulk.Options{})
	// By hand, since an HTTP client may not have sent what it was given when it breaks off.
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	f.must(err)
	fmt.Fprintf(conn, "PATCH %s HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\nContent-Length: %d\r\n\r\n%s",
		contentOf(id), len(file), file[:1000])
	f.until(func() bool { return f.imp(id).State == bulk.StateReceiving })
	f.must(conn.Close())
	f.until(func() bool { return f.imp(id).Bytes.Received == 1000 }) // the broken request stored what it had
	head, _ := f.tus(server, http.MethodHead, contentOf(id), nil)
	offset, err := strconv.Atoi(head.Header.Get("Upload-Offset"))
	if err != nil || offset != 1000 {
		t.Fatalf("HEAD after the cut: %d %v", head.StatusCode, head.Header)
	}
	patch, text := f.tus(server, http.MethodPatch, contentOf(id), strings.NewReader(file[offset:]), "Upload-Offset", strconv.Itoa(offset))
	if patch.StatusCode != http.StatusNoContent {
		t.Fatalf("PATCH after the cut: %d %s", patch.StatusCode, text)
	}
	if r := f.result(id, int64(len(file))); r.sha256 != sum(file) {
		t.Errorf("SHA-256 %s", r.sha256)
	}
}

// TestLaterRequestMakesTheEarlierOneStop holds a PATCH open and asks for the offset.
func TestLaterRequestMakesTheEarlierOneStop(t *testing.T) {
	f := newFixture(t)
	server := f.serve(f.Content())
	id := f.open(1000, bulk.Options{})
	body, feed := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, server.URL+contentOf(id), body)
	f.must(err)
	r.Header.Set("Tus-Resumable", "1.0.0")
	r.Header.Set("Content-Type", "application/offset+octet-stream")
	r.Header.Set("Upload-Offset", "0")
	status := make(chan int)
	go func() {
		w, err := server.Client().Do(r)
		if err != nil {
			status <- 0
			return
		}
		w.Body.Close()
		status <- w.StatusCode
	}()
	io.WriteString(feed, "id,name,size\n")
	f.until(func() bool { return f.imp(id).State == bulk.StateReceiving })
	head, _ := f.tus(server, http.MethodHead, contentOf(id), nil)
	if head.StatusCode != http.StatusOK {
		t.Errorf("HEAD: %d", head.StatusCode)
	}
	feed.Close()
	if got := <-status; got != http.StatusLocked && got != 0 {
		t.Errorf("the earlier request: %d, want 423", got)
	}
}

func TestPressureIsToldSoThatClientsComeAgain(t *testing.T) {
	f, end := crowded(t)
	server := f.serve(f.Content())
	id := f.open(int64(len(plain)), bulk.Options{})
	w, text := f.tus(server, http.MethodPatch, contentOf(id), strings.NewReader(plain), "Upload-Offset", "0")
	if w.StatusCode != http.StatusServiceUnavailable || w.Header.Get("Retry-After") == "" || !strings.Contains(text, `"busy"`) {
		t.Errorf("under pressure: %d %v %s", w.StatusCode, w.Header, text)
	}
	end()
	if w, text = f.tus(server, http.MethodPatch, contentOf(id), strings.NewReader(plain), "Upload-Offset", "0"); w.StatusCode != http.StatusNoContent {
		t.Errorf("afterwards: %d %s", w.StatusCode, text)
	}
}
