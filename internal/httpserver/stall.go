package httpserver

import (
	"errors"
	"net"
	"os"
	"time"
)

const (
	// sendBuffer is how much of an answer the system takes for a connection at once, in
	// bytes. It is fixed, since one that grows by itself would hide for minutes that
	// nobody reads, and would let each connection hold megabytes.
	sendBuffer = 256 << 10
	// writeAtOnce is how much one deadline is for, in bytes.
	writeAtOnce = 16 << 10
	// leastTaken is how much of that shows that somebody reads: a few bytes more find room
	// in a connection now and then although nobody does.
	leastTaken = 4 << 10
)

// stallListener gives connections whose writes fail when the other side takes nothing
// for a while. Every byte of an answer passes there, whatever compresses or buffers it
// before, so a handler never waits longer for a reader that does not read. One that
// reads slowly goes on as long as it takes about a third of sendBuffer in that time.
type stallListener struct {
	net.Listener
	stall time.Duration
}

// Accept implements net.Listener.
func (l stallListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(sendBuffer) // of one that is gone already it fails, and so will its first read
	}
	return &stallConn{c, l.stall}, nil
}

type stallConn struct {
	net.Conn
	stall time.Duration
}

// Write implements net.Conn.
func (c *stallConn) Write(b []byte) (n int, err error) {
	for n < len(b) {
		if err := c.SetWriteDeadline(time.Now().Add(c.stall)); err != nil {
			return n, err
		}
		m, err := c.Conn.Write(b[n:min(len(b), n+writeAtOnce)])
		n += m
		if err != nil && (m < leastTaken || !errors.Is(err, os.ErrDeadlineExceeded)) {
			return n, err
		}
	}
	return n, nil
}

// CloseWrite lets the HTTP server end a connection so that what it wrote still arrives.
func (c *stallConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
