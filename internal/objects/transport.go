package objects

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
)

// newTransport returns the client's transport with connections that fail when they stall.
func newTransport(secure bool, stall time.Duration) (*http.Transport, error) {
	transport, err := minio.DefaultTransport(secure)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: stall}
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &stallConn{conn, stall}, nil
	}
	transport.IdleConnTimeout = stall / 2 // before the stall ends it
	return transport, nil
}

// stallConn fails when for a time nothing moved in either direction: without it a
// server that went silent in the middle of an object holds its reader for ever.
type stallConn struct {
	net.Conn
	stall time.Duration
}

// Read implements net.Conn.
func (c *stallConn) Read(p []byte) (int, error) { return moved(c, p, c.Conn.Read) }

// Write implements net.Conn.
func (c *stallConn) Write(p []byte) (int, error) { return moved(c, p, c.Conn.Write) }

// moved renews both deadlines: a request just written also gives its answer time.
func moved(c *stallConn, p []byte, move func([]byte) (int, error)) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.stall)); err != nil {
		return 0, err
	}
	return move(p)
}
