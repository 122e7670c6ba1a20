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
		{"POST /v1/imports", account, s.createImport},
		{"OPTIONS /v1/imports", public, s.tusOptions},
		{"GET /v1/imports", account, s.listImports},
		{"GET /v1/imports/{id}", account, s.getImport},
		{"HEAD /v1/imports/{id}/content", account, plain(s.Content)},
		{"PATCH /v1/imports/{id}/content", account, plain(s.Content)},
		{"OPTIONS /v1/imports/{id}/content", public, plain(s.Content)},
		{"POST /v1/imports/{id}/cancel", account, s.steer(s.Imports.Cancel)},
		{"POST /v1/imports/{id}/pause", account, s.steer(s.Imports.Pause)},
		{"POST /v1/imports/{id}/resume", account, s.steer(s.Imports.Resume)},
		{"POST /v1/imports/{id}/approve", account, s.steer(s.Imports.Approve)},
		{"GET /v1/imports/{id}/rejects.csv", account, s.rejectsCSV},
		{"GET /v1/imports/{id}/errors", account, s.listErrors},
		{"GET /v1/imports/{id}/batches", account, s.listBatches},
		{"GET /v1/imports/{id}/receipt", account, s.receipt},
		{"GET /v1/imports/{id}/events", account, s.events},
		{"POST /v1/preview", account, s.preview},

		{"GET /v1/datasets", account, s.listDatasets},
		{"GET /v1/datasets/{name}", account, s.getDataset},
		{"PUT /v1/datasets/{name}", operator, s.putDataset},
		{"GET /v1/datasets/{name}/records", account, s.listRecords},

		{"GET /v1/usage", account, s.usage},
		{"GET /v1/limits", account, s.limits},

		{"GET /v1/accounts", operator, s.listAccounts},
		{"POST /v1/accounts", operator, s.createAccount},
		{"GET /v1/accounts/{id}", operator, s.getAccount},
		{"PATCH /v1/accounts/{id}", operator, s.changeAccount},
		{"GET /v1/accounts/{id}/keys", operator, s.listKeys},
		{"POST /v1/accounts/{id}/keys", operator, s.createKey},
		{"DELETE /v1/accounts/{id}/keys/{key}", operator, s.revokeKey},

		{"GET /v1/fairness", operator, s.fairness},
		{"GET /v1/cluster", operator, s.cluster},

		{"GET /openapi.json", public, s.openapi},
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
	usage.ByDataset = orEmpty(usage.ByDataset)
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
