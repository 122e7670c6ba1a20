package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"bulkhead/internal/wait"
)

// api speaks for the owner of a key.
type api struct {
	url, key string
	http     *http.Client
}

var jsonHeader = http.Header{"Content-Type": {"application/json"}}

// retryFor is how long one call is tried: while a process is killed or restarted,
// a well-behaved client comes again.
const retryFor = time.Minute

// ask sends in as JSON to a route, METHOD /PATH, and reads the answer into out. An answer that may pass is asked
// for again, so what it asks for has to be harmless when repeated.
func (a api) ask(ctx context.Context, route string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	for begun := time.Now(); ; {
		res, err := a.call(ctx, route, jsonHeader, bytes.NewReader(body))
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && res.status < 300:
			return json.Unmarshal(res.body, out)
		case err == nil && !passes(res.status), time.Since(begun) > retryFor:
			return errors.Join(err, fmt.Errorf("%s: %s", route, res.body))
		}
		if err := wait.For(ctx, retryAfter); err != nil {
			return err
		}
	}
}

// response is an answer that has been read.
type response struct {
	status int
	header http.Header
	body   []byte
}

// call makes one request, whatever comes of it.
func (a api) call(ctx context.Context, route string, headers http.Header, body io.Reader) (response, error) {
	method, path, _ := strings.Cut(route, " ")
	req, err := http.NewRequestWithContext(ctx, method, a.url+path, body)
	if err != nil {
		return response{}, err
	}
	req.Header = headers.Clone()
	req.Header.Set("Authorization", "Bearer "+a.key)
	res, err := a.http.Do(req)
	if err != nil {
		return response{}, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	return response{res.StatusCode, res.Header, answer}, err
}
