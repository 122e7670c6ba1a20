package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// sender is a request's body, read ahead of its user. It ends with os.ErrDeadlineExceeded
// when no byte came for a while, with ctx, or when its hold is to leave. A Read of the
// body that is blocked then stays so until the body's owner closes it, as an HTTP server
// does.
type sender struct {
	ctx  context.Context
	hold *hold
	idle time.Duration
	full chan chunk
	free chan []byte
	stop chan struct{}
	by   time.Time // then Read ends with errSlow, unless zero
	now  chunk     // being given out
	buf  []byte    // that now lies in
}

type chunk struct {
	data []byte
	err  error
}

const (
	sendBuffers    = 2 // one filled while the other is used
	sendBufferSize = 64 << 10
)

// errSlow says that the client did not send as fast as it is read.
var errSlow = errors.New("the client is waited for")

func newSender(ctx context.Context, body io.Reader, hold *hold, idle time.Duration) *sender {
	s := &sender{
		ctx: ctx, hold: hold, idle: idle,
		full: make(chan chunk, sendBuffers), free: make(chan []byte, sendBuffers), stop: make(chan struct{}),
	}
	for range sendBuffers {
		s.free <- make([]byte, sendBufferSize)
	}
	go s.pump(body)
	return s
}

// close lets the pump end; the body is not closed.
func (s *sender) close() { close(s.stop) }

// Read implements io.Reader.
func (s *sender) Read(p []byte) (int, error) {
	for len(s.now.data) == 0 {
		if s.now.err != nil {
			return 0, s.now.err
		}
		if s.buf != nil {
			s.free <- s.buf // never blocks: it holds every buffer
			s.buf = nil
		}
		c, err := s.next()
		if err != nil {
			return 0, err
		}
		s.now, s.buf = c, c.data
	}
	n := copy(p, s.now.data)
	s.now.data = s.now.data[n:]
	return n, nil
}

// next prefers what came to the reason for which no more will.
func (s *sender) next() (c chunk, err error) {
	select {
	case c := <-s.full:
		return c, nil
	default:
	}
	s.hold.await()
	defer func() { s.hold.arrived(len(c.data)) }()
	why := s.wait(&c)
	if why == nil {
		return c, nil
	}
	select {
	case c = <-s.full:
		return c, nil
	default:
	}
	if !errors.Is(why, errSlow) {
		return chunk{err: why}, nil // for good
	}
	return chunk{}, why
}

// wait waits for a chunk, and returns why it does so no longer.
func (s *sender) wait(c *chunk) error {
	var slow <-chan time.Time
	if !s.by.IsZero() {
		t := time.NewTimer(time.Until(s.by))
		defer t.Stop()
		slow = t.C
	}
	idle := time.NewTimer(s.idle)
	defer idle.Stop()
	select {
	case *c = <-s.full:
		return nil
	case <-slow:
		return errSlow
	case <-idle.C:
		return fmt.Errorf("no byte for %v: %w", s.idle, os.ErrDeadlineExceeded)
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	case <-s.hold.leave:
		return refused(refusedSlow)
	}
}

func (s *sender) pump(body io.Reader) {
	for {
		var buf []byte
		select {
		case buf = <-s.free:
		case <-s.stop:
			return
		}
		n, err := body.Read(buf[:cap(buf)])
		s.full <- chunk{buf[:n], err} // never blocks: it holds every buffer
		if err != nil {
			return
		}
	}
}
