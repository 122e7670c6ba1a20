package console

import (
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// route is one endpoint of the API: a pattern of [http.ServeMux], who may call it,
// and what it does.
type route struct {
	pattern string
	access  access
	handle  handler
}

// routes is the whole API; openapi.json describes each line.
func (s *Server) routes() []route {
	return []route{
		{"GET /v1/usage", account, s.usage},
		{"GET /v1/limits", account, s.limits},

		{"GET /healthz", public, s.healthz},
		{"GET /readyz", public, s.readyz},
		{"GET /metrics", public, plain(promhttp.HandlerFor(s.Registry, promhttp.HandlerOpts{}))},
	}
}

// plain adapts a handler that renders its own errors.
func plain(h http.Handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		h.ServeHTTP(w, r)
		return nil
	}
}

func (s *Server) usage(w http.ResponseWriter, r *http.Request) error {
	usage, err := s.Accounts.Usage(r.Context(), s.principal(r).Account)
	if err != nil {
		return fmt.Errorf("usage: %w", err)
	}
	return writeJSON(w, http.StatusOK, usage)
}

func (s *Server) limits(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, s.Limits)
}

// healthz says that the process runs, whatever its neighbours do.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, map[string]string{"status": "ok", "version": s.Version})
}

// readyz says whether requests should be sent here now.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) error {
	if s.Health != nil {
		if err := s.Health.Ready(r.Context()); err != nil {
			return unready(err)
		}
	}
	return writeJSON(w, http.StatusOK, map[string]string{"status": "ready"})
}
