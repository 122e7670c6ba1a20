package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/requestid"
	"bulkhead/internal/wait"
)

// Problem is a failure as RFC 9457 describes one.
type Problem struct {
	Type      string        `json:"type"`
	Title     string        `json:"title"`
	Status    int           `json:"status"`
	Detail    string        `json:"detail"`
	Code      string        `json:"code"` // for programs: snake_case, stable
	RequestID string        `json:"request_id"`
	Line      int64         `json:"line,omitempty"`      // physical line in the file, from 1
	Offset    *int64        `json:"offset,omitempty"`    // byte offset in the file, with Line
	Import    bulk.ImportID `json:"import_id,omitempty"` // of the import that failed
	Errors    []Fault       `json:"errors,omitempty"`    // everything that is wrong with the request
}

// statuses is the one table from what an error asks of its receiver to HTTP.
var statuses = map[bulk.Kind]int{
	bulk.KindInvalid:      http.StatusBadRequest,
	bulk.KindUnauthorized: http.StatusUnauthorized,
	bulk.KindForbidden:    http.StatusForbidden,
	bulk.KindNotFound:     http.StatusNotFound,
	bulk.KindConflict:     http.StatusConflict,
	bulk.KindTooLarge:     http.StatusRequestEntityTooLarge,
	bulk.KindUnprocessed:  http.StatusUnprocessableEntity,
	bulk.KindUnavailable:  http.StatusServiceUnavailable,
	bulk.KindTooMany:      http.StatusTooManyRequests,
}

// transport lists failures of HTTP itself, which no other room knows.
var transport = map[int]*bulk.Error{
	http.StatusMethodNotAllowed:     bulk.Errorf("", "method_not_allowed", "This address does not take that method; the Allow header names those that it takes."),
	http.StatusUnsupportedMediaType: bulk.Errorf("", "unsupported_media_type", "This address does not take that Content-Type or Content-Encoding. Send a file as text/csv, plain, gzip or zstd, all else as application/json without Content-Encoding."),
	http.StatusRequestTimeout:       bulk.Errorf("", "idle_timeout", "No byte came for too long. What arrived is kept; continue the upload."),
	http.StatusPreconditionFailed:   bulk.Errorf("", "tus_version", "This server speaks tus 1.0.0. Send Tus-Resumable: 1.0.0."),
}

// statusError is a failure with an HTTP status that no kind has; see transport.
type statusError int

func (e statusError) Error() string { return transport[int(e)].Message }

// importError is a failure of one import, whose id helps the client to look at it.
type importError struct {
	id  bulk.ImportID
	err error
}

func (e *importError) Error() string { return fmt.Sprintf("import %s: %v", e.id, e.err) }
func (e *importError) Unwrap() error { return e.err }

// newProblem renders an error. The text of one that is not meant for people is left out.
func newProblem(err error, requestID string) *Problem {
	status, e := classify(err)
	p := &Problem{
		Type: "urn:bulkhead:problem:" + e.Code, Title: http.StatusText(status), Status: status,
		Detail: e.Message, Code: e.Code, RequestID: requestID, Line: e.Line,
	}
	if e.Line > 0 {
		p.Offset = &e.Offset
	}
	if ie, ok := errors.AsType[*importError](err); ok {
		p.Import = ie.id
	}
	if wrong, ok := errors.AsType[*invalid](err); ok {
		p.Errors = wrong.faults
	}
	return p
}

func classify(err error) (int, *bulk.Error) {
	if e, ok := errors.AsType[*bulk.Error](err); ok && statuses[e.Kind] != 0 {
		return statuses[e.Kind], e
	}
	if status, ok := errors.AsType[statusError](err); ok {
		return int(status), transport[int(status)]
	}
	_, tooLarge := errors.AsType[*http.MaxBytesError](err)
	switch {
	case tooLarge:
		return http.StatusRequestEntityTooLarge, bulk.Errorf(bulk.KindTooLarge, "body_too_large", "The request's body is larger than this address takes; see /v1/limits.")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return http.StatusRequestTimeout, transport[http.StatusRequestTimeout]
	case errors.Is(err, io.ErrUnexpectedEOF):
		return http.StatusBadRequest, bulk.Errorf(bulk.KindInvalid, "body_cut", "The body ended before its announced length. What arrived is kept; continue the upload.")
	case errors.Is(err, bulk.ErrSuperseded):
		return http.StatusConflict, bulk.Errorf(bulk.KindConflict, "superseded", "Another request took over this upload. Let that one send the rest.")
	}
	return http.StatusInternalServerError, bulk.Errorf("", "internal", "Something went wrong on our side. The request_id finds it in the log.")
}

// refusalPause is how long an account waits for the answer that it has too much under way.
const refusalPause = 250 * time.Millisecond

// fail answers a request with its error: a page for people, a problem for programs.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	info := infoOf(r)
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		info.gone = true
		return // nobody is left to answer
	}
	p := newProblem(err, requestid.From(r.Context()))
	switch attrs := []any{"error", err, "method", r.Method, "route", info.route}; {
	case p.Status == http.StatusInternalServerError:
		s.Logger.ErrorContext(r.Context(), "request failed", attrs...)
	case p.Status > http.StatusInternalServerError:
		s.Logger.WarnContext(r.Context(), "request not served now", attrs...)
	}
	if p.Status == http.StatusTooManyRequests {
		_ = wait.For(r.Context(), refusalPause) // who comes again at once would cost more than what was refused
	}
	h := w.Header()
	for _, name := range []string{"Content-Disposition", "Content-Encoding", "Content-Length", "ETag", "Last-Modified", "Next-Cursor", "Location"} {
		h.Del(name)
	}
	h.Set("Cache-Control", "no-store")
	switch p.Status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="bulkhead"`)
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		h.Set("Retry-After", "2")
	}
	if s.errorPage != nil && wantsPage(r) {
		s.errorPage(w, r, p)
		return
	}
	writeProblem(w, p)
}

// writeProblem sends a problem whole: its client may still be sending, and does not
// wait for more than the length that it is told.
func writeProblem(w http.ResponseWriter, p *Problem) {
	body, _ := json.Marshal(p) // of strings and numbers
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(p.Status)
	w.Write(append(body, '\n')) // a client that left does not read its problem
}

// wantsPage tells a person at an address of the pages from a program.
func wantsPage(r *http.Request) bool {
	return !strings.HasPrefix(r.URL.Path, "/v1/") && strings.Contains(r.Header.Get("Accept"), "text/html")
}
