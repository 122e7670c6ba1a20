package console

import (
	"fmt"
	"net/http"
)

// route is one endpoint of the API: a pattern of [http.ServeMux], who may call it,
// what it does, and the parameters that its query may have.
type route struct {
	pattern string
	access  access
	handle  handler
	query   []string
}

// routes is the whole API; openapi.json describes each line.
func (s *Server) routes() []route {
	return []route{
		{"POST /v1/imports", account, s.createImport, importParams},
		{"OPTIONS /v1/imports", public, s.tusOptions, nil},
		{"GET /v1/imports", account, s.reading(listRead, s.listImports), []string{"state", "dataset", "search", "cursor", "limit"}},
		{"GET /v1/imports/{id}", account, s.reading(lookupRead, s.getImport), nil},
		{"HEAD /v1/imports/{id}/content", account, plain(s.Content), nil},
		{"PATCH /v1/imports/{id}/content", account, plain(s.Content), nil},
		{"DELETE /v1/imports/{id}/content", account, plain(s.Content), nil},
		{"POST /v1/imports/{id}/content", account, plain(s.Content), nil}, // X-HTTP-Method-Override
		{"OPTIONS /v1/imports/{id}/content", public, plain(s.Content), nil},
		{"POST /v1/imports/{id}/cancel", account, s.steer(s.Imports.Cancel), nil},
		{"POST /v1/imports/{id}/pause", account, s.steer(s.Imports.Pause), nil},
		{"POST /v1/imports/{id}/resume", account, s.steer(s.Imports.Resume), nil},
		{"POST /v1/imports/{id}/approve", account, s.steer(s.Imports.Approve), nil},
		{"GET /v1/imports/{id}/rejects.csv", account, s.reading(rejectsRead, s.rejectsCSV), []string{"raw"}},
		{"GET /v1/imports/{id}/errors", account, s.reading(listRead, s.listErrors), []string{"cursor", "limit"}},
		{"GET /v1/imports/{id}/batches", account, s.reading(listRead, s.listBatches), []string{"cursor", "limit"}},
		{"GET /v1/imports/{id}/receipt", account, s.reading(listRead, s.receipt), nil},
		{"GET /v1/imports/{id}/events", account, s.events, nil},
		{"POST /v1/preview", account, s.reading(previewRead, s.preview), previewParameters},

		{"GET /v1/datasets", account, s.reading(listRead, s.listDatasets), nil},
		{"GET /v1/datasets/{name}", account, s.reading(lookupRead, s.getDataset), nil},
		{"PUT /v1/datasets/{name}", operator, s.putDataset, nil},
		{"GET /v1/datasets/{name}/records", account, s.reading(recordsRead, s.listRecords), []string{"cursor", "limit"}},

		{"GET /v1/usage", account, s.reading(lookupRead, s.usage), nil},
		{"GET /v1/limits", account, s.limits, nil},

		{"GET /v1/accounts", operator, s.reading(listRead, s.listAccounts), nil},
		{"POST /v1/accounts", operator, s.createAccount, nil},
		{"GET /v1/accounts/{id}", operator, s.reading(lookupRead, s.getAccount), nil},
		{"PATCH /v1/accounts/{id}", operator, s.changeAccount, nil},
		{"GET /v1/accounts/{id}/keys", operator, s.reading(listRead, s.listKeys), nil},
		{"POST /v1/accounts/{id}/keys", operator, s.createKey, nil},
		{"DELETE /v1/accounts/{id}/keys/{key}", operator, s.revokeKey, nil},

		{"GET /v1/fairness", operator, s.reading(listRead, s.fairness), nil},
		{"GET /v1/cluster", operator, s.reading(lookupRead, s.cluster), nil},

		{"GET /openapi.json", public, s.holding(smallAnswer, s.openapi), nil},
		{"GET /healthz", public, s.healthz, nil},
		{"GET /readyz", public, s.readyz, nil},
		{"GET /metrics", public, plain(s.Measurements), nil},
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
