package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"bulkhead/internal/bulk"
)

// maxJSON bounds the body of a JSON request, in bytes; a dataset of 1,024 columns fits.
const maxJSON = 2 << 20

// writeJSON answers with v.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)+1))
	w.WriteHeader(status)
	w.Write(append(b, '\n')) // a client that left does not read its answer
	return nil
}

// readJSON decodes the request's body, which must be of a JSON content type, strictly.
func (s *Server) readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	if mediaType(r) != "application/json" || r.Header.Get("Content-Encoding") != "" {
		return statusError(http.StatusUnsupportedMediaType)
	}
	defer s.readDeadline(w)()
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxJSON))
	if err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	if len(data) == 0 {
		return bulk.Errorf(bulk.KindInvalid, "bad_json", "The body is empty; send JSON.")
	}
	return decodeStrict(data, v)
}

// readDeadline bounds how long a client may take to send a small body; the returned function
// lifts the bound, which would otherwise cancel the request while it is worked on.
func (s *Server) readDeadline(w http.ResponseWriter) (done func()) {
	conn, end := http.NewResponseController(w), time.Now().Add(s.Limits.Idle())
	conn.SetReadDeadline(end) // not every connection has deadlines
	return func() {
		if time.Now().Before(end) { // else nobody is to wait for the rest
			conn.SetReadDeadline(time.Time{})
		}
	}
}

// badJSON tells a person what is wrong with the body.
func badJSON(err error) error {
	if err == nil || bulk.KindOf(err) != "" {
		return err
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return bulk.Errorf(bulk.KindInvalid, "bad_json", "The body is not JSON: %s, after byte %d.", e.Error(), e.Offset)
	}
	return bulk.Errorf(bulk.KindInvalid, "bad_json", "The body cannot be used: %s.", strings.TrimPrefix(err.Error(), "json: "))
}

// mediaType returns the body's type in lower case, without parameters; "" for none.
func mediaType(r *http.Request) string {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return strings.ToLower(r.Header.Get("Content-Type"))
	}
	return t
}

// bounds of a whole number, and what it is where none is given.
type bounds struct{ absent, low, high int64 }

// queryInt returns a whole number of the query within its bounds.
func queryInt(r *http.Request, name string, b bounds) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return b.absent, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < b.low || n > b.high {
		return 0, bulk.Errorf(bulk.KindInvalid, "bad_parameter", "%s must be a whole number from %d to %d.", name, b.low, b.high)
	}
	return n, nil
}

// pathID returns an identifier of the path; nonsense does not exist.
func pathID[T ~string](r *http.Request, name, prefix string) (T, error) {
	id := r.PathValue(name)
	if !bulk.ValidID(prefix, id) {
		return "", bulk.Errorf(bulk.KindNotFound, "not_found", "There is nothing with this id. Check it; what belongs to another account is not shown.")
	}
	return T(id), nil
}

// unready turns the reason why the process cannot work now into one for the outside.
func unready(err error) error {
	if bulk.KindOf(err) == bulk.KindUnavailable {
		return err
	}
	return fmt.Errorf("%w: %w", bulk.Errorf(bulk.KindUnavailable, "not_ready", "This process cannot do its work at the moment. Try again in a few seconds."), err)
}
