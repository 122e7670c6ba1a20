package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"bulkhead/internal/bulk"
)

// newImport is the body of POST /v1/imports.
type newImport struct {
	Dataset  bulk.DatasetName  `json:"dataset"`
	Mode     bulk.Mode         `json:"mode"`
	Filename string            `json:"filename"`
	Size     *int64            `json:"size,omitempty"`
	Mapping  map[string]string `json:"mapping,omitempty"`
	Options  bulk.Options      `json:"options"`
	Priority bulk.Priority     `json:"priority"`
}

// create makes an import, exactly once however often the request is lost.
func (c *client) create(ctx context.Context, n newImport) (bulk.Import, error) {
	var imp bulk.Import
	header := http.Header{"Idempotency-Key": {string(bulk.NewImportID())}} // any random text would do
	for tries := c.retry.start(); ; {
		err := c.call(ctx, request{method: http.MethodPost, path: "/v1/imports", header: header, in: n}, &imp)
		if err == nil {
			return imp, nil
		}
		if err := tries.wait(ctx, err); err != nil {
			return imp, err
		}
	}
}

// post sends a stream of unknown length in one request. It is repeated as long as
// nothing of the stream was taken, which is so while the server has no room for it.
func (c *client) post(ctx context.Context, n newImport, body io.Reader) (bulk.Import, error) {
	q := url.Values{"dataset": {string(n.Dataset)}, "mode": {string(n.Mode)}, "filename": {n.Filename}, "priority": {string(n.Priority)}}
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	set("on_error", string(n.Options.OnError))
	set("sha256", n.Options.SHA256)
	set("delimiter", n.Options.Dialect.Delimiter)
	set("quote", n.Options.Dialect.Quote)
	set("escape", n.Options.Dialect.Escape)
	set("encoding", n.Options.Dialect.Encoding)
	if n.Options.DryRun {
		q.Set("dry_run", "true")
	}
	if n.Options.Dialect.NoHeader {
		q.Set("no_header", "true")
	}
	for from, to := range n.Mapping {
		q.Add("map", from+"="+to)
	}
	var imp bulk.Import
	header := http.Header{"Content-Type": {"text/csv"}, "Idempotency-Key": {string(bulk.NewImportID())}}
	for tries := c.retry.start(); ; {
		once := &untouched{r: body}
		_, answer, err := c.send(ctx, request{method: http.MethodPost, path: "/v1/imports?" + q.Encode(), header: header}, once, -1)
		if err == nil {
			return imp, json.Unmarshal(answer, &imp)
		}
		whole := once.withdraw()
		if whole {
			if err = tries.wait(ctx, err); err == nil {
				continue
			}
		}
		if whole || bulk.CodeOf(err) == bulk.ErrBusy { // nothing of it arrived
			c.abandon(ctx, err)
		}
		return imp, err
	}
}

// abandon cancels the import that a refused request left open for its next try.
func (c *client) abandon(ctx context.Context, refusal error) {
	if p, ok := errors.AsType[*problem](refusal); ok && p.importID != "" {
		_ = c.call(context.WithoutCancel(ctx), request{method: http.MethodPost, path: "/v1/imports/" + string(p.importID) + "/cancel"}, nil) // else it expires
	}
}

// untouched is a stream that a request may take, or its owner withdraw, but not both.
type untouched struct {
	r     io.Reader
	state atomic.Int32 // 0: neither, 1: taken, 2: withdrawn
}

func (u *untouched) Read(p []byte) (int, error) {
	if !u.state.CompareAndSwap(0, 1) && u.state.Load() == 2 {
		return 0, io.ErrClosedPipe
	}
	return u.r.Read(p)
}

// withdraw reports whether nothing was taken, nor will be.
func (u *untouched) withdraw() bool { return u.state.CompareAndSwap(0, 2) }

// upload is a file on its way to an import.
type upload struct {
	to   bulk.ImportID
	file io.ReaderAt
	size int64       // of the file, in bytes
	sent func(int64) // hears how many bytes are stored or on their way
}

// upload sends the file to the import from where the server stands, and goes on
// after every failure that passes, until it gives up without progress. A server
// that refused the file is asked why. The offset is where the server stands, -1
// when that is not known.
func (c *client) upload(ctx context.Context, u upload, offset int64) error {
	reached := offset
	for tries := c.retry.start(); ; {
		next, err := c.advance(ctx, u, offset)
		switch {
		case err == nil && next >= u.size:
			return nil
		case err == nil && (offset < 0 || next > offset):
			if next > reached { // to learn where the server stands is no progress
				tries.progress()
			}
			reached, offset = max(reached, next), next
			continue
		case err == nil:
			err = unavailable(fmt.Errorf("the upload stays at byte %d", next))
		}
		offset = -1
		if !passing(err) {
			return err
		}
		if ended := c.refusal(ctx, u.to); ended != nil {
			return ended
		}
		if err := tries.wait(ctx, err); err != nil {
			return err
		}
	}
}

// advance asks for the server's offset, or with a known one sends what follows it.
func (c *client) advance(ctx context.Context, u upload, offset int64) (int64, error) {
	q := request{method: http.MethodHead, path: "/v1/imports/" + string(u.to) + "/content", header: http.Header{"Tus-Resumable": {"1.0.0"}}}
	var body io.Reader
	length := int64(0)
	if offset >= 0 {
		q.method, length = http.MethodPatch, u.size-offset
		q.header.Set("Content-Type", "application/offset+octet-stream")
		q.header.Set("Upload-Offset", strconv.FormatInt(offset, 10))
	}
	if length > 0 {
		body = &meter{r: io.NewSectionReader(u.file, offset, length), n: offset, report: u.sent}
	}
	answer, _, err := c.send(ctx, q, body, length)
	if err != nil {
		return 0, err
	}
	next, err := strconv.ParseInt(answer.Get("Upload-Offset"), 10, 64)
	if err != nil || next < 0 || next > u.size {
		return 0, bulk.Errorf(bulk.KindConflict, "bad_offset", "The server stands at byte %q of a file of %d bytes; is it the same file?", answer.Get("Upload-Offset"), u.size)
	}
	u.sent(next)
	return next, nil
}

// refusal returns why an import takes no bytes any more, or nil when it does or
// nothing can be learnt.
func (c *client) refusal(ctx context.Context, id bulk.ImportID) error {
	imp, err := c.get(ctx, id)
	switch {
	case err != nil && !passing(err):
		return err
	case err != nil || imp.Sealed || !imp.State.Closed():
		return nil
	case imp.Error != nil:
		return refused(imp)
	}
	_, closed := imp.State.Next(bulk.TriggerReceive, imp.Facts())
	return closed
}

// refused returns why a failed import failed.
func refused(imp bulk.Import) error {
	e := *imp.Error
	e.Kind = bulk.KindUnprocessed
	return &e
}

// errStalled breaks off a request.
var errStalled = errors.New("no byte moved for too long")

// send makes a request whose body may take hours, and breaks it off when no byte of
// it moved, or no answer came, for the stall time.
func (c *client) send(ctx context.Context, q request, body io.Reader, length int64) (http.Header, []byte, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(c.stall, func() { cancel(errStalled) })
	defer watchdog.Stop()
	if body != nil {
		body = &meter{r: body, report: func(int64) { watchdog.Reset(c.stall) }}
	}
	req, err := c.newRequest(ctx, q.method, q.path, body)
	if err != nil {
		return nil, nil, err
	}
	req.ContentLength = length
	if body != nil {
		req.Header.Set("Expect", "100-continue") // a server without room says so before the file is sent
	}
	maps.Copy(req.Header, q.header)
	resp, err := c.do(req)
	if err != nil {
		if errors.Is(context.Cause(ctx), errStalled) {
			err = unavailable(errStalled)
		}
		return nil, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, nil, unavailable(err)
	}
	return resp.Header, answer, nil
}

// meter reports how many bytes were read from r, counting from n.
type meter struct {
	r      io.Reader
	n      int64
	report func(int64)
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.n += int64(n)
	m.report(m.n)
	return n, err
}
