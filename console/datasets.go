package console

import (
	"fmt"
	"net/http"

	"bulkhead/internal/bulk"
)

func (s *Server) listDatasets(w http.ResponseWriter, r *http.Request) error {
	list, err := s.Datasets.ListDatasets(r.Context())
	if err != nil {
		return fmt.Errorf("list datasets: %w", err)
	}
	return writeJSON(w, http.StatusOK, map[string]any{"datasets": orEmpty(list), "next_cursor": ""})
}

func (s *Server) getDataset(w http.ResponseWriter, r *http.Request) error {
	d, err := s.Datasets.Dataset(r.Context(), bulk.DatasetName(r.PathValue("name")))
	if err != nil {
		return fmt.Errorf("read dataset: %w", err)
	}
	return writeJSON(w, http.StatusOK, d)
}

// putDataset creates a dataset or adds columns to it.
func (s *Server) putDataset(w http.ResponseWriter, r *http.Request) error {
	var spec bulk.Spec
	if err := s.readJSON(w, r, &spec); err != nil {
		return err
	}
	name := bulk.DatasetName(r.PathValue("name"))
	if spec.Name == "" {
		spec.Name = name
	}
	if spec.Name != name {
		return bulk.Errorf(bulk.KindInvalid, "bad_spec", "The address names the dataset %q, the body %q. Give both the same name.", name, spec.Name)
	}
	if err := s.CheckSpec(spec); err != nil {
		return err
	}
	d, err := s.Datasets.ApplyDataset(r.Context(), spec)
	if err != nil {
		return fmt.Errorf("apply dataset: %w", err)
	}
	return writeJSON(w, http.StatusOK, d)
}
