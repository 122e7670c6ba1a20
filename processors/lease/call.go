package lease

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"bulkhead/internal/peer"
)

// caller makes the protocol's calls.
type caller struct {
	secret string // of the cluster
	http   *http.Client
}

// newCaller returns a caller; a nil client is one of its own.
func newCaller(secret string, c *http.Client) caller {
	if c == nil {
		c = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32, IdleConnTimeout: time.Minute}}
	}
	return caller{secret, c}
}

// call posts in as JSON, or gets without one, and reads the answer into out.
func (c caller) call(ctx context.Context, url string, in, out any) error {
	var body io.Reader
	method := http.MethodGet
	if in != nil {
		method = http.MethodPost
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*maxWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return err
	}
	peer.Authorize(req, c.secret)
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	defer io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection can be used again
	switch {
	case res.StatusCode >= 300:
		return fmt.Errorf("dispatcher answered %s", res.Status)
	case res.StatusCode == http.StatusNoContent || out == nil:
		return nil
	}
	if err := json.NewDecoder(res.Body).Decode(out); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}
