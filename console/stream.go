package console

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// streamBuffer is how much of a streamed answer is held back, in bytes: an error that
// comes before can still be answered as a problem.
const streamBuffer = 32 << 10

// stream answers with what write writes. When that fails after part of it was sent, the
// connection is broken, so that the part does not pass for the whole.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, contentType string, write func(io.Writer) error) error {
	w.Header().Set("Content-Type", contentType)
	sent := &sentWriter{w: w, status: http.StatusOK}
	out := bufio.NewWriterSize(sent, streamBuffer)
	err := write(out)
	if err == nil {
		err = sent.finish(out)
	}
	switch {
	case err == nil:
		return nil
	case !sent.any:
		return fmt.Errorf("stream: %w", err)
	case r.Context().Err() == nil:
		s.Logger.ErrorContext(r.Context(), "answer broke off", "error", err, "route", infoOf(r).route)
	}
	panic(http.ErrAbortHandler)
}

// sentWriter notes whether anything was sent, the status first.
type sentWriter struct {
	w      http.ResponseWriter
	status int
	any    bool
}

// Write implements io.Writer.
func (s *sentWriter) Write(b []byte) (int, error) {
	if !s.any {
		s.any = true
		s.w.WriteHeader(s.status)
	}
	return s.w.Write(b)
}

// finish sends what is buffered. An answer of which nothing was sent tells its length.
func (s *sentWriter) finish(out *bufio.Writer) error {
	if !s.any {
		s.w.Header().Set("Content-Length", strconv.Itoa(out.Buffered()))
	}
	return out.Flush()
}
