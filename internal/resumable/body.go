package resumable

import (
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

// Body is a request's body that ends when no byte comes for a while, or when it is
// stopped, with a timeout. A Read that is blocked ends as well, which it otherwise would
// not: the server could not even answer before.
type Body struct {
	io.ReadCloser
	conn *http.ResponseController
	idle time.Duration

	mu      sync.Mutex
	reading bool
	stopped bool
}

// NewBody makes the body of r, which w answers, end when it is idle. The caller stops it
// before it answers.
func NewBody(w http.ResponseWriter, r *http.Request, idle time.Duration) *Body {
	return &Body{ReadCloser: r.Body, conn: http.NewResponseController(w), idle: idle}
}

// Read implements io.Reader.
func (b *Body) Read(p []byte) (int, error) {
	if !b.begin() {
		return 0, os.ErrDeadlineExceeded
	}
	n, err := b.ReadCloser.Read(p)
	b.end()
	return n, err
}

func (b *Body) begin() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		return false
	}
	b.reading = true
	b.deadline(time.Now().Add(b.idle))
	return true
}

func (b *Body) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reading = false
	if !b.stopped {
		b.deadline(time.Time{}) // nobody waits for the client now
	}
}

// Stop ends the body.
func (b *Body) Stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped = true; b.reading {
		b.deadline(time.Unix(1, 0))
	}
}

func (b *Body) deadline(t time.Time) {
	_ = b.conn.SetReadDeadline(t) // a connection without deadlines has none
}
