package mirror

import (
	"io"
	"net"
	"sync/atomic"
	"time"
)

// How long engines are waited for. A ClickHouse that works on a query reports progress
// ten times a second, and the child of chDB beats once, so silence means that it is
// stopped, hangs or cannot be reached. Both bounds lie below the ten seconds in which
// that has to be seen.
const (
	silence     = 5 * time.Second  // without a byte from the engine while it is asked something
	longestCall = 10 * time.Minute // one request to chDB, which may hang and beat on
	closeWithin = 5 * time.Second  // for a child to end

	longestSilence = time.Minute // for a server that wrote too slowly before
)

// deadlineConn is a connection on which nothing waits longer than the limit for the other
// side. It does not take longer waits from its user either.
type deadlineConn struct {
	net.Conn
	limit *atomic.Int64 // a time.Duration
}

func (c deadlineConn) Read(b []byte) (int, error) {
	if err := c.Conn.SetReadDeadline(c.deadline()); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

func (c deadlineConn) Write(b []byte) (int, error) {
	if err := c.Conn.SetWriteDeadline(c.deadline()); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

func (c deadlineConn) deadline() time.Time { return time.Now().Add(time.Duration(c.limit.Load())) }

func (deadlineConn) SetDeadline(time.Time) error      { return nil }
func (deadlineConn) SetReadDeadline(time.Time) error  { return nil }
func (deadlineConn) SetWriteDeadline(time.Time) error { return nil }

// watchdog calls expired when one read from, or write to, a process takes longer than the limit.
type watchdog struct {
	limit   time.Duration
	expired func()
}

func (d *watchdog) guard(transfer func([]byte) (int, error), b []byte) (int, error) {
	defer time.AfterFunc(d.limit, d.expired).Stop()
	return transfer(b)
}

type watchedReader struct {
	io.Reader
	*watchdog
}

func (r watchedReader) Read(b []byte) (int, error) { return r.guard(r.Reader.Read, b) }

type watchedWriter struct {
	io.WriteCloser
	*watchdog
}

// pipePiece is written at once: what the other side has taken shows that it lives.
const pipePiece = 1 << 20

func (w watchedWriter) Write(b []byte) (n int, err error) {
	for len(b) > 0 && err == nil {
		var m int
		m, err = w.guard(w.WriteCloser.Write, b[:min(len(b), pipePiece)])
		n, b = n+m, b[m:]
	}
	return n, err
}
