package app_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"testing"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/verify"
)

// timeout bounds every wait of a test.
const timeout = 3 * time.Minute

// client speaks the API as one account. What goes wrong fails the test.
type client struct {
	t       testing.TB
	url     string
	key     string       // sent unless cookie is there
	cookie  *http.Cookie // of a browser session
	account bulk.AccountID
}

// answer is one response.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// problem is what RFC 9457 makes of an error.
type problem struct {
	Status  int           `json:"status"`
	Code    string        `json:"code"`
	Detail  string        `json:"detail"`
	Line    int64         `json:"line"`
	Offset  int64         `json:"offset"`
	Import  bulk.ImportID `json:"import_id"`
	Request string        `json:"request_id"`
}

func (c *client) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// open sends a request and returns its response with the body unread.
func (c *client) open(ctx context.Context, method, path string, body io.Reader, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, body)
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, header)
	if c.cookie != nil {
		req.AddCookie(c.cookie)
	} else {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	return http.DefaultTransport.RoundTrip(req) // follows no redirects
}

// in returns the client for use in a subtest.
func (c *client) in(t testing.TB) *client {
	other := *c
	other.t = t
	return &other
}

// ask sends a request and reads the whole answer.
func (c *client) ask(method, path string, body io.Reader, header http.Header) (answer, error) {
	return c.askWithin(timeout, method, path, body, header)
}

func (c *client) askWithin(limit time.Duration, method, path string, body io.Reader, header http.Header) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	resp, err := c.open(ctx, method, path, body, header)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, data}, err
}

// try sends in as JSON, if any, and returns the problem unless the answer is a good
// one, which it decodes into out, if any.
func (c *client) try(method, path string, in, out any) *problem {
	c.t.Helper()
	var body io.Reader
	header := http.Header{}
	if in != nil {
		data, err := json.Marshal(in)
		c.must(err)
		body = bytes.NewReader(data)
		header.Set("Content-Type", "application/json")
	}
	a, err := c.ask(method, path, body, header)
	c.must(err)
	return c.decode(a, out)
}

func (c *client) decode(a answer, out any) *problem {
	c.t.Helper()
	if a.status/100 != 2 {
		p := &problem{}
		if err := json.Unmarshal(a.body, p); err != nil || p.Status != a.status || p.Code == "" {
			c.t.Fatalf("answer %d is no problem: %s", a.status, a.body)
		}
		return p
	}
	if out != nil {
		c.must(json.Unmarshal(a.body, out))
	}
	return nil
}

// call is try for what must succeed.
func (c *client) call(method, path string, in, out any) {
	c.t.Helper()
	if p := c.try(method, path, in, out); p != nil {
		c.t.Fatalf("%s %s: %+v", method, path, *p)
	}
}

func (c *client) get(path string, out any) {
	c.t.Helper()
	c.call(http.MethodGet, path, nil, out)
}

func (c *client) imp(id bulk.ImportID) (imp bulk.Import) {
	c.t.Helper()
	c.get("/v1/imports/"+string(id), &imp)
	return imp
}

// steer is cancel, pause, resume or approve.
func (c *client) steer(id bulk.ImportID, verb string) (imp bulk.Import) {
	c.t.Helper()
	c.call(http.MethodPost, "/v1/imports/"+string(id)+"/"+verb, nil, &imp)
	return imp
}

// post sends a file in one request; the query holds the choices.
func (c *client) post(query string, body io.Reader) (imp bulk.Import, refused *problem) {
	c.t.Helper()
	a, err := c.ask(http.MethodPost, "/v1/imports?"+query, body, http.Header{"Content-Type": {"text/csv"}})
	c.must(err)
	return imp, c.decode(a, &imp)
}

// send is post for a file that must be taken.
func (c *client) send(query string, file []byte) bulk.Import {
	c.t.Helper()
	imp, refused := c.post(query, bytes.NewReader(file))
	if refused != nil {
		c.t.Fatalf("POST /v1/imports?%s: %+v", query, *refused)
	}
	return imp
}

// run imports a file and returns the import at its end.
func (c *client) run(query string, file []byte) bulk.Import {
	c.t.Helper()
	return c.end(c.send(query, file).ID)
}

func (c *client) end(id bulk.ImportID) bulk.Import {
	c.t.Helper()
	return c.until(id, func(imp bulk.Import) bool { return imp.State.Terminal() })
}

// until watches an import until it is as wanted, and returns it.
func (c *client) until(id bulk.ImportID, wanted func(bulk.Import) bool) (imp bulk.Import) {
	c.t.Helper()
	eventually(c.t, func() bool { imp = c.imp(id); return wanted(imp) }, func() string {
		return fmt.Sprintf("%s: %s, rows %+v, batches %+v", id, imp.State, imp.Rows, imp.Batches)
	})
	return imp
}

// eventually waits until something becomes true.
func (c *client) eventually(what string, is func() bool) {
	c.t.Helper()
	eventually(c.t, is, func() string { return what })
}

// eventually waits until something becomes true; in vain, the test fails and says why.
func eventually(t testing.TB, is func() bool, why func() string) {
	t.Helper()
	deadline, tick := time.After(timeout), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain: %s", why())
		case <-tick.C:
		}
	}
}

func (c *client) batches(id bulk.ImportID) (all []bulk.Batch) {
	c.t.Helper()
	for cursor := ""; ; {
		var page struct {
			Batches []bulk.Batch `json:"batches"`
			Next    string       `json:"next_cursor"`
		}
		c.get(fmt.Sprintf("/v1/imports/%s/batches?limit=3%s", id, at(cursor)), &page)
		all = append(all, page.Batches...)
		if cursor = page.Next; cursor == "" {
			return all
		}
	}
}

func (c *client) groups(id bulk.ImportID) []bulk.RejectGroup {
	c.t.Helper()
	var page struct {
		Errors []bulk.RejectGroup `json:"errors"`
	}
	c.get("/v1/imports/"+string(id)+"/errors", &page)
	return page.Errors
}

func (c *client) rejects(id bulk.ImportID, query string) []byte {
	c.t.Helper()
	a, err := c.ask(http.MethodGet, "/v1/imports/"+string(id)+"/rejects.csv?"+query, nil, nil)
	c.must(err)
	if a.status != http.StatusOK {
		c.t.Fatalf("rejects.csv: %d %s", a.status, a.body)
	}
	return a.body
}

func (c *client) usage() (u bulk.Usage) {
	c.t.Helper()
	c.get("/v1/usage", &u)
	return u
}

// records reads every live record of a dataset.
func (c *client) records(name bulk.DatasetName) (all []map[string]any) {
	c.t.Helper()
	c.must(server{c}.Records(context.Background(), name, func(object []byte) error {
		var record map[string]any
		all = append(all, record)
		return json.Unmarshal(object, &all[len(all)-1])
	}))
	return all
}

// live counts the records of a dataset by reading them.
func (c *client) live(name bulk.DatasetName) (n int64) {
	c.t.Helper()
	c.must(server{c}.Records(context.Background(), name, func([]byte) error {
		n++
		return nil
	}))
	return n
}

// verify recomputes from the file what the store must hold, and compares.
func (c *client) verify(id bulk.ImportID, file []byte) {
	c.t.Helper()
	report, err := verify.Run(context.Background(), server{c}, id, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(file)), nil })
	c.must(err)
	if !report.Equal {
		c.t.Errorf("the store differs from the file: %+v", report)
	}
}

// server is the client as verification asks it.
type server struct{ *client }

func (s server) Import(_ context.Context, id bulk.ImportID) (bulk.Import, error) {
	return s.imp(id), nil
}

func (s server) Dataset(_ context.Context, name bulk.DatasetName) (d bulk.Dataset, err error) {
	s.get("/v1/datasets/"+string(name), &d)
	return d, nil
}

func (s server) Rejects(_ context.Context, id bulk.ImportID) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(s.rejects(id, ""))), nil
}

func (s server) Records(_ context.Context, name bulk.DatasetName, each func([]byte) error) error {
	for cursor := ""; ; {
		a, err := s.ask(http.MethodGet, fmt.Sprintf("/v1/datasets/%s/records?limit=7000%s", name, at(cursor)), nil, http.Header{"Accept": {"application/x-ndjson"}})
		if err != nil {
			return err
		}
		if a.status != http.StatusOK {
			return fmt.Errorf("records: %d %s", a.status, a.body)
		}
		lines := bufio.NewScanner(bytes.NewReader(a.body))
		lines.Buffer(nil, 4<<20)
		for lines.Scan() {
			if err := each(lines.Bytes()); err != nil {
				return err
			}
		}
		if cursor = a.header.Get("Next-Cursor"); cursor == "" {
			return lines.Err()
		}
	}
}

var _ verify.Server = server{}

// imports lists the account's imports, newest first.
func (c *client) imports(query string) []bulk.Import {
	c.t.Helper()
	var page struct {
		Imports []bulk.Import `json:"imports"`
	}
	c.get("/v1/imports?"+query, &page)
	return page.Imports
}

// at is the parameter of a cursor; there is none of the first page.
func at(cursor string) string {
	if cursor == "" {
		return ""
	}
	return "&cursor=" + url.QueryEscape(cursor)
}
