package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
)

// client speaks the HTTP API. Its methods return *problem for what the server
// answered, and a KindUnavailable error when it cannot be reached.
type client struct {
	base  *url.URL
	key   string
	http  *http.Client
	retry retry
	stall time.Duration // an upload or event stream without a byte for so long is broken off
}

// answerTimeout is how long a file is held back for the server to say whether it wants
// it. One that says neither, which is rare, costs that long.
const answerTimeout = 30 * time.Second

// callTimeout bounds a call that carries no file.
const callTimeout = time.Minute

func newClient(c config.Client) (*client, error) {
	base, err := url.Parse(c.URL)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, usage("BULKHEAD_URL is %q; want an address such as http://127.0.0.1:8080.", c.URL)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ExpectContinueTimeout = answerTimeout
	return &client{base: base, key: c.APIKey, http: &http.Client{Transport: transport}, retry: defaultRetry, stall: time.Minute}, nil
}

// problem is a failure that the server reported.
type problem struct {
	why        *bulk.Error
	status     int
	requestID  string
	importID   bulk.ImportID // that it concerns, "" for none
	retryAfter time.Duration // that the server asks for; 0: none
}

func (p *problem) Unwrap() error { return p.why }

func (p *problem) Error() string {
	if p.status >= http.StatusInternalServerError && p.requestID != "" {
		return fmt.Sprintf("%v [request %s]", p.why, p.requestID)
	}
	return p.why.Error()
}

// request is what is asked of the server.
type request struct {
	method, path string
	header       http.Header
	in           any // sent as JSON; nil: nothing
}

// call makes a request and decodes the answer into out, if any.
func (c *client) call(ctx context.Context, q request, out any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var body io.Reader
	if q.in != nil {
		data, err := json.Marshal(q.in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	req, err := c.newRequest(ctx, q.method, q.path, body)
	if err != nil {
		return err
	}
	if q.in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	maps.Copy(req.Header, q.header)
	resp, err := c.do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return unavailable(fmt.Errorf("read the answer: %w", err))
	}
	return nil
}

func (c *client) newRequest(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	ref, err := url.Parse(path)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base.ResolveReference(ref).String(), body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	req.Header.Set("User-Agent", "bulkhead-cli")
	return req, nil
}

// do sends a request and turns every answer but 2xx into an error. The caller
// closes the body of a good one.
func (c *client) do(req *http.Request) (*http.Response, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, unavailable(err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, readProblem(resp)
}

// unreachable is a failure of the connection. It keeps the cause, so that an ended
// context is still recognised.
type unreachable struct{ why, cause error }

func (u *unreachable) Error() string   { return u.why.Error() }
func (u *unreachable) Unwrap() []error { return []error{u.why, u.cause} }

func unavailable(cause error) error {
	return &unreachable{bulk.Errorf(bulk.KindUnavailable, "unreachable", "The server cannot be reached: %v. Check that it runs, and its address.", cause), cause}
}

func readProblem(resp *http.Response) *problem {
	var body struct {
		Title     string        `json:"title"`
		Detail    string        `json:"detail"`
		Code      string        `json:"code"`
		RequestID string        `json:"request_id"`
		Line      int64         `json:"line"`
		Offset    int64         `json:"offset"`
		Import    bulk.ImportID `json:"import_id"`
	}
	data, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // what came of it is shown
	if json.Unmarshal(data, &body) != nil {
		body.Detail = string(bytes.TrimSpace(data[:min(len(data), 200)]))
	}
	seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
	return &problem{
		why: &bulk.Error{
			Kind: kinds[resp.StatusCode], Code: cmp.Or(body.Code, "http_"+strconv.Itoa(resp.StatusCode)),
			Message: cmp.Or(body.Detail, body.Title, resp.Status), Line: body.Line, Offset: body.Offset,
		},
		status: resp.StatusCode, requestID: body.RequestID, importID: body.Import, retryAfter: time.Duration(seconds) * time.Second,
	}
}
