package ingest

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"
)

// idleReader reads a body ahead of its user, and ends with os.ErrDeadlineExceeded
// when no byte came for a while, or with ctx. A Read of the body that is blocked then
// stays so until the body's owner closes it, as an HTTP server does.
type idleReader struct {
	ctx   context.Context
	idle  time.Duration
	timer *time.Timer
	full  chan chunk
	free  chan []byte
	stop  chan struct{}
	now   chunk  // being given out
	buf   []byte // that now lies in
}

type chunk struct {
	data []byte
	err  error
}

const (
	idleBuffers    = 2 // one filled while the other is used
	idleBufferSize = 128 << 10
)

func newIdleReader(ctx context.Context, body io.Reader, idle time.Duration) *idleReader {
	r := &idleReader{
		ctx: ctx, idle: idle, timer: time.NewTimer(idle),
		full: make(chan chunk, idleBuffers), free: make(chan []byte, idleBuffers), stop: make(chan struct{}),
	}
	for range idleBuffers {
		r.free <- make([]byte, idleBufferSize)
	}
	go r.pump(body)
	return r
}

// Close lets the pump end; the body is not closed.
func (r *idleReader) Close() error {
	r.timer.Stop()
	close(r.stop)
	return nil
}

func (r *idleReader) Read(p []byte) (int, error) {
	for len(r.now.data) == 0 {
		if r.now.err != nil {
			return 0, r.now.err
		}
		if r.buf != nil {
			r.free <- r.buf // never blocks: it holds every buffer
			r.buf = nil
		}
		r.now = r.next()
		r.buf = r.now.data
	}
	n := copy(p, r.now.data)
	r.now.data = r.now.data[n:]
	return n, nil
}

// next prefers what came to the reason for which no more will.
func (r *idleReader) next() chunk {
	r.timer.Reset(r.idle)
	var why error
	select {
	case c := <-r.full:
		return c
	case <-r.timer.C:
		why = fmt.Errorf("no byte for %v: %w", r.idle, os.ErrDeadlineExceeded)
	case <-r.ctx.Done():
		why = context.Cause(r.ctx)
	}
	select {
	case c := <-r.full:
		return c
	default:
		return chunk{err: why}
	}
}

func (r *idleReader) pump(body io.Reader) {
	for {
		var buf []byte
		select {
		case buf = <-r.free:
		case <-r.stop:
			return
		}
		n, err := body.Read(buf[:cap(buf)])
		r.full <- chunk{buf[:n], err} // never blocks: it holds every buffer
		if err != nil {
			return
		}
	}
}
