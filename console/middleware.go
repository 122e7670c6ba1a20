package console

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzhttp"
	"github.com/klauspost/compress/gzip"

	"bulkhead/internal/bulk"
	"bulkhead/internal/permits"
	"bulkhead/internal/requestid"
)

// policy lets a page load from our own origin only and run no inline code.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; " +
	"manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// info is what the layers of one request tell each other.
type info struct {
	route   string          // pattern that matched: paths may hold secrets, patterns do not
	account bulk.AccountID  // "" until admitted
	gone    bool            // the client left before the answer
	permit  *permits.Permit // that the handler reads with, nil for none
	cut     error           // why the request was ended before its end; nil: it was not
}

type infoKey struct{}

func infoOf(r *http.Request) *info {
	if i, ok := r.Context().Value(infoKey{}).(*info); ok {
		return i
	}
	return &info{}
}

// chain puts around the routes, from the outside in: request id and access log,
// recovery, security headers, same-origin check, compression, routing.
func (s *Server) chain(mux *http.ServeMux) (http.Handler, error) {
	// Stateless: a compressor that remembers holds a megabyte for as long as a client reads.
	compress, err := gzhttp.NewWrapper(gzhttp.CompressionLevel(gzip.StatelessCompression), gzhttp.EnableZstd(false), gzhttp.MinSize(1024), gzhttp.ContentTypes([]string{
		"application/json", "application/problem+json", "application/x-ndjson", "text/html", "text/css", "text/csv", "text/javascript", "image/svg+xml",
	}))
	if err != nil {
		return nil, fmt.Errorf("console: compression: %w", err)
	}
	return requestid.Accept(s.observe(s.protect(compress(s.route(mux))))), nil
}

// observe logs a request and turns a panic into a problem.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, in := time.Now(), &info{}
		rec := &recorder{ResponseWriter: w, info: in}
		r = r.WithContext(context.WithValue(r.Context(), infoKey{}, in))
		defer func() {
			cause := recover()
			if cause != nil && cause != http.ErrAbortHandler {
				s.Logger.ErrorContext(r.Context(), "request panicked", "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
				if rec.status == 0 {
					s.fail(rec, r, fmt.Errorf("panic: %v", cause))
					cause = nil
				}
			}
			s.log(r, rec, in, time.Since(start))
			if cause != nil {
				if !r.ProtoAtLeast(1, 1) {
					reset(rec)
				}
				panic(http.ErrAbortHandler) // half an answer must not look whole
			}
		}()
		next.ServeHTTP(rec, r)
	})
}

// reset breaks the connection of an HTTP/1.0 client, to whom the end of the connection is
// the end of the answer: it sees an error instead of an end.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	tcp := conn
	if t, ok := conn.(*tls.Conn); ok {
		tcp = t.NetConn()
	}
	if t, ok := tcp.(*net.TCPConn); ok {
		t.SetLinger(0) // what is not sent yet is dropped, and a reset sent
	}
	tcp.Close()
}

// log writes one line a request; probes only when debugging.
func (s *Server) log(r *http.Request, rec *recorder, in *info, took time.Duration) {
	level := slog.LevelInfo
	if strings.HasSuffix(in.route, "/healthz") || strings.HasSuffix(in.route, "/readyz") || strings.HasSuffix(in.route, "/metrics") {
		level = slog.LevelDebug
	}
	status := rec.status
	if status == 0 && !in.gone {
		status = http.StatusOK
	}
	attrs := []slog.Attr{
		slog.String("method", r.Method), slog.String("route", in.route),
		slog.Int("status", status), slog.Int64("bytes", rec.bytes), slog.Duration("took", took),
		slog.String("account", string(in.account)),
	}
	if in.cut != nil {
		attrs = append(attrs, slog.String("cut", bulk.CodeOf(in.cut)))
	}
	s.Logger.LogAttrs(r.Context(), level, "request served", attrs...)
}

// protect sets the security headers and refuses unsafe requests from other origins.
// A request with an Authorization header cannot come from another origin's page
// without a CORS preflight, which only those that are allowed pass, see share.
func (s *Server) protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store") // what may be cached says so itself
		if s.SecureCookies {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		shared, preflight := s.share(w, r)
		if preflight {
			return
		}
		if r.Header.Get("Authorization") == "" && !shared {
			if err := s.origin.Check(r); err != nil {
				s.fail(w, r, bulk.Errorf(bulk.KindForbidden, "cross_origin", "This request came from another site's page and was not done. Open the console itself and do it there."))
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// route serves the mux and replaces its plain 404 and 405 by ours.
func (s *Server) route(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := mux.Handler(r)
		infoOf(r).route = pattern
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		verdict := &verdict{header: http.Header{}}
		h.ServeHTTP(verdict, r)
		if verdict.status != http.StatusMethodNotAllowed {
			s.fail(w, r, bulk.Errorf(bulk.KindNotFound, "no_such_address", "There is nothing at this address. Those of the API are in /openapi.json."))
			return
		}
		w.Header().Set("Allow", verdict.header.Get("Allow"))
		s.fail(w, r, statusError(http.StatusMethodNotAllowed))
	})
}

// verdict keeps what the mux would have answered.
type verdict struct {
	header http.Header
	status int
}

func (v *verdict) Header() http.Header         { return v.header }
func (v *verdict) WriteHeader(status int)      { v.status = status }
func (v *verdict) Write(b []byte) (int, error) { return len(b), nil }

// recorder notes what was answered, for the log. The client is waited for without the
// permit of the handler: all that it writes passes here, compressed already.
type recorder struct {
	http.ResponseWriter
	info   *info
	status int
	bytes  int64
}

// WriteHeader implements http.ResponseWriter.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *recorder) Write(b []byte) (n int, err error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if length, err := strconv.ParseInt(w.Header().Get("Content-Length"), 10, 64); err == nil && w.bytes+int64(len(b)) >= length {
		w.info.permit.Release() // this is the end
	}
	w.info.permit.Yield(func() { n, err = w.ResponseWriter.Write(b) })
	w.bytes += int64(n)
	return n, err
}

// Flush passes on for writers that look for http.Flusher.
func (w *recorder) Flush() { http.NewResponseController(w.ResponseWriter).Flush() }

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
