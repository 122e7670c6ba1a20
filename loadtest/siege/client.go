package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"bulkhead/internal/wait"
)

// client asks as one account.
type client struct{ url, key, account string }

// call sends a body to a route, METHOD /PATH, as JSON unless it is bytes, and decodes the answer into out.
func (c client) call(ctx context.Context, route string, in, out any) (status int, err error) {
	var body io.Reader
	contentType := "application/json"
	switch v := in.(type) {
	case nil:
	case []byte:
		body, contentType = bytes.NewReader(v), "text/csv"
	default:
		text, err := json.Marshal(v)
		if err != nil {
			return 0, err
		}
		body = bytes.NewReader(text)
	}
	method, path, _ := strings.Cut(route, " ")
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, body)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	req.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, err
	}
	if raw, ok := out.(*[]byte); ok {
		*raw = text
		return resp.StatusCode, nil
	}
	if resp.StatusCode >= 300 {
		return resp.StatusCode, fmt.Errorf("%s: %d %s", route, resp.StatusCode, text)
	}
	if out == nil {
		return resp.StatusCode, nil
	}
	return resp.StatusCode, json.Unmarshal(text, out)
}

// account makes an account.
func (s *server) account(ctx context.Context, name string) (c client, err error) {
	var a struct{ ID string }
	if _, err = s.call(ctx, "POST /v1/accounts", map[string]any{"name": name}, &a); err != nil {
		return c, err
	}
	var k struct{ Secret string }
	_, err = s.call(ctx, "POST /v1/accounts/"+a.ID+"/keys", map[string]any{"name": "siege"}, &k)
	return client{s.url, k.Secret, a.ID}, err
}

// imported is what of an import matters here.
type imported struct {
	ID    string
	State string
	Rows  struct{ Read, Created, Updated int64 }

	FinishedAt *time.Time `json:"finished_at"`
}

// send imports a file; a server that has no room is asked again.
func (c client) send(ctx context.Context, query string, file []byte) (imp imported, err error) {
	for {
		status, err := c.call(ctx, "POST /v1/imports?"+query, file, &imp)
		if status != http.StatusServiceUnavailable && status != http.StatusTooManyRequests || ctx.Err() != nil {
			return imp, err
		}
		_ = wait.For(ctx, 500*time.Millisecond)
	}
}

// finished waits for an import to end.
func (c client) finished(ctx context.Context, imp imported) (imported, error) {
	for {
		status, err := c.call(ctx, "GET /v1/imports/"+imp.ID, nil, &imp)
		if err != nil && status != http.StatusServiceUnavailable && status != http.StatusTooManyRequests {
			return imp, err
		}
		if imp.FinishedAt != nil {
			return imp, nil
		}
		if wait.For(ctx, 50*time.Millisecond) != nil {
			return imp, ctx.Err()
		}
	}
}

// lines are raw connections, with what each was answered.
type lines struct {
	mu       sync.Mutex
	conns    []net.Conn
	bytes    atomic.Int64   // that were read on
	Statuses map[string]int // by status; "none" where none came
	Gone     int            // connections that the server ended
}

// MarshalJSON is for the file of results.
func (l *lines) MarshalJSON() ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return json.Marshal(map[string]any{"statuses": l.Statuses, "gone": l.Gone})
}

// ask opens a connection and sends a request that begins as text says.
func (l *lines) ask(ctx context.Context, c client, text string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(c.url, "http://"))
	if err != nil {
		return nil, err
	}
	method, rest, _ := strings.Cut(text, "\r\n")
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, conn)
	_, err = fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: siege\r\nAuthorization: Bearer %s\r\n%s\r\n\r\n", method, c.key, rest)
	return conn, err
}

// answered notes the status of an answer, and reads on if told to.
func (l *lines) answered(conn net.Conn, readOn bool) {
	in := bufio.NewReaderSize(conn, 512)
	first, err := in.ReadString('\n')
	status := "none"
	if fields := strings.Fields(first); err == nil && len(fields) > 1 {
		status = fields[1]
	}
	l.mu.Lock()
	l.Statuses[status]++
	l.mu.Unlock()
	if readOn {
		_, _ = io.Copy(counter{&l.bytes}, in)
		l.mu.Lock()
		l.Gone++
		l.mu.Unlock()
	}
}

// counter counts what it is given.
type counter struct{ n *atomic.Int64 }

func (c counter) Write(b []byte) (int, error) {
	c.n.Add(int64(len(b)))
	return len(b), nil
}

// count is how many were answered.
func (l *lines) count() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, of := range l.Statuses {
		n += of
	}
	return n
}

func newLines() *lines { return &lines{Statuses: map[string]int{}} }

func (l *lines) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		_ = c.Close()
	}
}
