package console

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/a-h/templ"

	"bulkhead/internal/bulk"
	"bulkhead/internal/permits"
)

// Config is what a console needs. Fields without a stated default are required.
type Config struct {
	Accounts Accounts
	Imports  Imports
	Datasets Datasets
	Uploads  Uploads
	Rejects  Rejects

	Dispatchers Dispatchers
	Nodes       Nodes

	// RejectsCSV makes the writer of a rejects.csv for a file of that layout.
	RejectsCSV func(w io.Writer, layout bulk.Layout, raw bool) (RejectWriter, error)
	// Content serves /v1/imports/{id}/content: uploads in pieces, and POST for clients that
	// have no other method. The request's context carries the principal, see [PrincipalFrom].
	Content http.Handler

	Health        Health                // default: always ready
	Limits        bulk.Limits           // default: bulk.DefaultLimits
	CheckSpec     func(bulk.Spec) error // judges a dataset before it is applied; default: Spec.Check
	Metrics       *Metrics              // default: registered nowhere
	Measurements  http.Handler          // of /metrics; default: not found
	Logger        *slog.Logger          // default: slog.Default
	Version       string                // of the program, shown by /healthz; default: dev
	SecureCookies bool                  // serve cookies over HTTPS only; set wherever TLS ends in front of us
	SessionLife   time.Duration         // of a browser session; default: 12 h
	AnswerBytes   int64                 // memory that answers may take; an account gets a quarter at most; default: 256 MiB
	Reads         func() int            // how many may read the store at once now, at least 1; default: one for each CPU but one
	// AllowedOrigins are those whose pages may use the API with a key, as browsers write
	// them (https://app.example.com); default: none.
	AllowedOrigins []string
}

// Server is the console's http.Handler. It is safe for concurrent use. [Server.Run] must
// run beside it.
type Server struct {
	Config
	handler http.Handler
	origin  *http.CrossOriginProtection
	watch   *watch
	answers *answers
	streams *streams
	reads   *reads
	closing chan struct{} // closed by Close
	close   func()

	// errorPage renders a failure of a page; pageRoutes sets it. Without it the
	// problem is sent as JSON.
	errorPage func(w http.ResponseWriter, r *http.Request, p *Problem)
}

// New checks the configuration and builds the routes. It does no I/O.
func New(c Config) (*Server, error) {
	for name, missing := range map[string]bool{
		"Accounts": c.Accounts == nil, "Imports": c.Imports == nil, "Datasets": c.Datasets == nil, "Uploads": c.Uploads == nil,
		"Rejects": c.Rejects == nil, "RejectsCSV": c.RejectsCSV == nil, "Content": c.Content == nil,
		"Dispatchers": c.Dispatchers == nil, "Nodes": c.Nodes == nil,
	} {
		if missing {
			return nil, fmt.Errorf("console: Config.%s is missing", name)
		}
	}
	s := &Server{Config: c, origin: http.NewCrossOriginProtection(), closing: make(chan struct{})}
	s.close = sync.OnceFunc(func() { close(s.closing) })
	s.Limits = cmp.Or(c.Limits, bulk.DefaultLimits())
	s.Logger = cmp.Or(c.Logger, slog.Default())
	if s.Metrics == nil {
		s.Metrics = NewMetrics(nil)
	}
	if s.Measurements == nil {
		s.Measurements = http.NotFoundHandler()
	}
	s.Version = cmp.Or(c.Version, "dev")
	s.SessionLife = cmp.Or(c.SessionLife, 12*time.Hour)
	s.watch = newWatch(s.Accounts, s.Logger)
	s.AnswerBytes = cmp.Or(c.AnswerBytes, 256<<20)
	s.answers, s.streams = newAnswers(s.AnswerBytes), newStreams(s)
	if s.Reads == nil {
		s.Reads = permits.Fixed(max(1, runtime.GOMAXPROCS(0)-1))
	}
	s.reads = newReads(s.Reads, s.Metrics)
	if s.CheckSpec == nil {
		s.CheckSpec = func(spec bulk.Spec) error { return spec.Check() }
	}
	mux := http.NewServeMux()
	for _, rt := range s.routes() {
		mux.Handle(rt.pattern, s.serve(rt.access, strict(rt.query, rt.handle)))
	}
	s.pageRoutes(mux.Handle)
	var err error
	s.handler, err = s.chain(mux)
	return s, err
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Close ends the live event streams, which would otherwise hold up a graceful
// shutdown: register it with http.Server.RegisterOnShutdown. Clients reconnect by
// themselves.
func (s *Server) Close() { s.close() }

// handler answers a request or returns why it cannot; fail renders the error.
type handler func(w http.ResponseWriter, r *http.Request) error

// access says who may call a route.
type access int

const (
	public   access = iota
	account         // any credential
	operator        // one that may steer the platform
)

// serve makes an http.Handler of h that lets in whom a allows. A person who follows a
// link while signed out comes back to it from /login.
func (s *Server) serve(a access, h handler) http.Handler {
	if a != public {
		h = s.holding(smallAnswer, h)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := noRange(r)
		if err == nil {
			err = s.authorized(w, r, a, h)
		}
		switch {
		case err == nil:
		case bulk.KindOf(err) == bulk.KindUnauthorized && followed(r):
			http.Redirect(w, r, loginURL(r), http.StatusSeeOther)
		default:
			s.fail(w, r, err)
		}
	})
}

// page renders a component as a whole page.
func (s *Server) page(w http.ResponseWriter, r *http.Request, status int, c templ.Component) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	sent := &sentWriter{w: w, status: status}
	out := bufio.NewWriterSize(sent, streamBuffer)
	err := c.Render(r.Context(), out)
	if err == nil {
		err = sent.finish(out)
	}
	if err != nil {
		s.Logger.ErrorContext(r.Context(), "page broke off", "error", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}
