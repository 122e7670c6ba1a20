package ingest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strconv"

	"bulkhead/internal/bulk"
	"bulkhead/internal/resumable"
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

// retryAfter is the number of seconds after which a client may come again.
const retryAfter = "2"

// statusChecksum is what tus answers when a checksum is not that of the content.
const statusChecksum = 460

// goneError says that an upload ended because of its file.
type goneError struct{ why *bulk.Error }

func (e *goneError) Error() string { return e.why.Error() }

func classify(err error) (int, *bulk.Error) {
	if gone, ok := errors.AsType[*goneError](err); ok {
		return http.StatusGone, gone.why
	}
	if e, ok := errors.AsType[*bulk.Error](err); ok && statuses[e.Kind] != 0 {
		if e.Code == bulk.ErrUploadClosed {
			return http.StatusGone, e
		}
		return statuses[e.Kind], e
	}
	_, body := errors.AsType[*bodyError](err)
	switch {
	case errors.Is(err, errTusVersion):
		return http.StatusPreconditionFailed, bulk.Errorf("", "unsupported_version", "Say Tus-Resumable: %s, or speak the IETF's protocol for resumable uploads.", resumable.TusVersion)
	case errors.Is(err, bulk.ErrSuperseded):
		return http.StatusLocked, bulk.Errorf("", "superseded", "Another request took over this upload. Let that one send the rest.")
	case errors.Is(err, errExcess):
		return http.StatusBadRequest, bulk.Errorf("", "upload_size_exceeded", "More bytes came than the file was announced with.")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return http.StatusServiceUnavailable, bulk.Errorf("", "idle_timeout", "No byte came for too long. What arrived is kept; ask for the offset and continue there.")
	case body:
		return http.StatusServiceUnavailable, bulk.Errorf("", "body_cut", "The body broke off. What arrived is kept; ask for the offset and continue there.")
	}
	return http.StatusInternalServerError, bulk.Errorf("", "internal", "Something went wrong on our side. Ask for the offset and continue there.")
}

// fail answers a request with its error.
func (u *Uploads) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, shown := classify(err)
	switch {
	case status == http.StatusInternalServerError && !errors.Is(err, context.Canceled):
		u.Logger.ErrorContext(r.Context(), "upload failed", "error", err)
	case status > http.StatusInternalServerError:
		u.Logger.WarnContext(r.Context(), "upload not taken now", "error", err)
	case status == http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="bulkhead"`)
	case status == http.StatusPreconditionFailed:
		w.Header().Set("Tus-Version", resumable.TusVersion)
	case shown.Code == bulk.ErrContentMismatch && r.Header.Get("Upload-Checksum") != "":
		status = statusChecksum
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
		Type: "urn:bulkhead:problem:" + e.Code, Title: cmp.Or(http.StatusText(status), "Checksum Mismatch"), Status: status, Detail: e.Message, Code: e.Code,
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
