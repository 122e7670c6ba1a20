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
	sent := &sentWriter{w: w}
	out := bufio.NewWriterSize(sent, streamBuffer)
	err := write(out)
	if err == nil {
		if !sent.any {
			w.Header().Set("Content-Length", strconv.Itoa(out.Buffered()))
		}
		err = out.Flush()
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

// sentWriter notes whether anything was sent.
type sentWriter struct {
	w   io.Writer
	any bool
}

// Write implements io.Writer.
func (s *sentWriter) Write(b []byte) (int, error) {
	s.any = true
	return s.w.Write(b)
}
