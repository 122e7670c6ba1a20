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

// patientConn is a connection on which nothing waits longer than the limit for the other
// side. It does not take longer waits from its user either.
type patientConn struct {
	net.Conn
	limit *atomic.Int64 // a time.Duration
}

func (c patientConn) Read(b []byte) (int, error) {
	if err := c.Conn.SetReadDeadline(c.deadline()); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

func (c patientConn) Write(b []byte) (int, error) {
	if err := c.Conn.SetWriteDeadline(c.deadline()); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

func (c patientConn) deadline() time.Time { return time.Now().Add(time.Duration(c.limit.Load())) }

func (patientConn) SetDeadline(time.Time) error      { return nil }
func (patientConn) SetReadDeadline(time.Time) error  { return nil }
func (patientConn) SetWriteDeadline(time.Time) error { return nil }

// patience calls over when one read from, or write to, a process takes longer than the limit.
type patience struct {
	limit time.Duration
	over  func()
}

func (p *patience) during(transfer func([]byte) (int, error), b []byte) (int, error) {
	defer time.AfterFunc(p.limit, p.over).Stop()
	return transfer(b)
}

type patientReader struct {
	io.Reader
	*patience
}

func (r patientReader) Read(b []byte) (int, error) { return r.during(r.Reader.Read, b) }

type patientWriter struct {
	io.WriteCloser
	*patience
}

// pipePiece is written at once: what the other side has taken shows that it lives.
const pipePiece = 1 << 20

func (w patientWriter) Write(b []byte) (n int, err error) {
	for len(b) > 0 && err == nil {
		var m int
		m, err = w.during(w.WriteCloser.Write, b[:min(len(b), pipePiece)])
		n, b = n+m, b[m:]
	}
	return n, err
}
