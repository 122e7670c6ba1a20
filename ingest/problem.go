package ingest

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/tus/tusd/v2/pkg/handler"

	"bulkhead/internal/bulk"
)

// statuses maps kinds of errors to HTTP for tus clients, which give up at 413, 422 and
// 429 and come again after 409, 423 and 5xx. So what may pass is never one of the
// former, and what is wrong for good is 422 whatever its kind.
var statuses = map[bulk.Kind]int{
	bulk.KindInvalid:      http.StatusBadRequest,
	bulk.KindUnauthorized: http.StatusUnauthorized,
	bulk.KindForbidden:    http.StatusForbidden,
	bulk.KindNotFound:     http.StatusNotFound,
	bulk.KindConflict:     http.StatusConflict,
	bulk.KindTooLarge:     http.StatusUnprocessableEntity,
	bulk.KindUnprocessed:  http.StatusUnprocessableEntity,
	bulk.KindUnavailable:  http.StatusServiceUnavailable,
}

// tusStatuses replaces those of tusd's own answers that would mislead a client.
var tusStatuses = map[string]int{
	"ERR_UPLOAD_SIZE_EXCEEDED": http.StatusBadRequest,
	"ERR_MAX_SIZE_EXCEEDED":    http.StatusBadRequest,
	"ERR_LOCK_TIMEOUT":         http.StatusLocked,
	"ERR_UPLOAD_INTERRUPTED":   http.StatusLocked,
	"ERR_READ_TIMEOUT":         http.StatusServiceUnavailable,
	"ERR_CONNECTION_RESET":     http.StatusServiceUnavailable,
	"ERR_NOT_IMPLEMENTED":      http.StatusBadRequest,
}

// retryAfter is the number of seconds after which a client may come again.
const retryAfter = "2"

func classify(err error) (int, *bulk.Error) {
	if e, ok := errors.AsType[*bulk.Error](err); ok && statuses[e.Kind] != 0 {
		return statuses[e.Kind], e
	}
	if errors.Is(err, bulk.ErrSuperseded) {
		return http.StatusLocked, bulk.Errorf("", "superseded", "Another request took over this upload.")
	}
	return http.StatusInternalServerError, bulk.Errorf("", "internal", "Something went wrong on our side. Ask for the offset and continue there.")
}

// fail answers outside of tusd.
func (c *content) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, shown := classify(err)
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="bulkhead"`)
	}
	writeProblem(w, r, status, shown)
}

// problem is a failure as RFC 9457 describes one.
type problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	Code      string `json:"code"`
	RequestID string `json:"request_id,omitempty"`
	Line      int64  `json:"line,omitempty"`
	Offset    *int64 `json:"offset,omitempty"` // with Line
	Import    string `json:"import_id,omitempty"`
}

const problemType = "application/problem+json"

func writeProblem(w http.ResponseWriter, r *http.Request, status int, e *bulk.Error) {
	h := w.Header()
	h.Set("Content-Type", problemType)
	h.Set("Cache-Control", "no-store")
	if status == http.StatusServiceUnavailable || status == http.StatusLocked {
		h.Set("Retry-After", retryAfter)
	}
	p := problem{
		Type: "urn:bulkhead:problem:" + e.Code, Title: http.StatusText(status), Status: status, Detail: e.Message, Code: e.Code,
		RequestID: h.Get("X-Request-Id"), Line: e.Line,
	}
	if e.Line > 0 {
		p.Offset = &e.Offset
	}
	if id := contentID(r.URL.Path); bulk.ValidID("imp", id) {
		p.Import = id
	}
	body, _ := json.Marshal(p)                         // of strings and numbers
	h.Set("Content-Length", strconv.Itoa(len(body)+1)) // so that a client that still sends knows when it has all
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(append(body, '\n')) // a client that left does not read it
	}
}

// problemError carries an error through tusd, to problemWriter.
func problemError(status int, e *bulk.Error) error {
	body, err := json.Marshal(carried{Code: e.Code, Message: e.Message, Line: e.Line, Offset: e.Offset})
	if err != nil {
		return err
	}
	return handler.Error{ErrorCode: e.Code, Message: e.Message, HTTPResponse: handler.HTTPResponse{
		StatusCode: status, Body: string(body), Header: handler.HTTPHeader{"Content-Type": problemType},
	}}
}

// carried is an error on its way through tusd.
type carried struct {
	Code, Message string
	Line, Offset  int64
}

// problemWriter turns what tusd says of failures into problems. tusd writes a body at once.
type problemWriter struct {
	http.ResponseWriter
	r      *http.Request
	status int // of a failure whose body is to come
}

// Unwrap lets http.ResponseController reach the connection.
func (w *problemWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w *problemWriter) WriteHeader(status int) {
	switch {
	case status < 400:
		w.ResponseWriter.WriteHeader(status)
	case w.r.Method == http.MethodHead:
		writeProblem(w.ResponseWriter, w.r, status, &bulk.Error{})
	default:
		w.status = status
	}
}

// Write implements http.ResponseWriter.
func (w *problemWriter) Write(body []byte) (int, error) {
	if w.status == 0 {
		return w.ResponseWriter.Write(body)
	}
	e := carried{}
	if json.Unmarshal(body, &e) != nil { // tusd's own: "ERR_CODE: message"
		e.Code, e.Message, _ = strings.Cut(strings.TrimSpace(string(body)), ": ")
		if replaced := tusStatuses[e.Code]; replaced != 0 {
			w.status = replaced
		}
		e.Code = strings.ToLower(strings.TrimPrefix(e.Code, "ERR_"))
	}
	writeProblem(w.ResponseWriter, w.r, w.status, &bulk.Error{Code: e.Code, Message: e.Message, Line: e.Line, Offset: e.Offset})
	return len(body), nil
}
