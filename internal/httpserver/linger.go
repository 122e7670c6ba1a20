package httpserver

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// Bounds of what is read after an answer that came before its request had ended.
const (
	lingerFor  = 30 * time.Second
	lingerIdle = 5 * time.Second // without a byte
	lingerers  = 1000            // requests at once; others are cut
)

// lingering answers at once, and goes on reading a body that the handler left unread.
// Were the connection closed with bytes on their way, the system would reset it, and
// clients that send everything before they read would never see why they were refused.
func lingering(next http.Handler) http.Handler {
	var at atomic.Int32
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody || r.ProtoMajor > 1 { // HTTP/2 ends a stream without its connection
			next.ServeHTTP(w, r)
			return
		}
		conn := http.NewResponseController(w)
		_ = conn.EnableFullDuplex() // else the server waits for the body before it sends a header
		body := &unclosed{body: r.Body}
		with := *r
		with.Body = body
		next.ServeHTTP(w, &with)
		if body.ended.Load() || conn.Flush() != nil {
			return
		}
		if at.Add(1) <= lingerers {
			linger(conn, body.body)
		} else {
			_ = conn.SetReadDeadline(time.Now()) // the server would wait for what is left
		}
		at.Add(-1)
	})
}

// linger reads a body to its end, within the bounds.
func linger(conn *http.ResponseController, body io.Reader) {
	buf := make([]byte, 16<<10)
	for end := time.Now().Add(lingerFor); time.Now().Before(end); {
		if conn.SetReadDeadline(time.Now().Add(lingerIdle)) != nil {
			return
		}
		if _, err := body.Read(buf); err != nil {
			return
		}
	}
}

// unclosed is a body that its handler cannot close.
type unclosed struct {
	body          io.Reader
	ended, closed atomic.Bool
}

// Read implements io.Reader.
func (b *unclosed) Read(p []byte) (int, error) {
	if b.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := b.body.Read(p)
	if err == io.EOF {
		b.ended.Store(true)
	}
	return n, err
}

// Close implements io.Closer.
func (b *unclosed) Close() error {
	b.closed.Store(true)
	return nil
}
