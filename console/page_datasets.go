package console

import (
	"encoding/csv"
	"fmt"
	"mime"
	"net/http"

	"bulkhead/internal/bulk"
	"bulkhead/web"
)

func (s *Server) datasetsPage(w http.ResponseWriter, r *http.Request) error {
	datasets, err := s.Datasets.ListDatasets(r.Context())
	if err != nil {
		return fmt.Errorf("list datasets: %w", err)
	}
	usage, err := s.Accounts.Usage(r.Context(), s.principal(r).Account)
	if err != nil {
		return fmt.Errorf("usage: %w", err)
	}
	v := web.DatasetsView{Page: s.pageData(r, web.SectionDatasets, "Datasets"), Datasets: datasets, Records: map[bulk.DatasetName]int64{}}
	for _, d := range usage.ByDataset {
		v.Records[d.Dataset] = d.Records
	}
	return s.page(w, r, http.StatusOK, web.Datasets(v))
}

func (s *Server) datasetPage(w http.ResponseWriter, r *http.Request) error {
	d, err := s.datasetOf(r)
	if err != nil {
		return err
	}
	cursor := r.URL.Query().Get("cursor")
	records, err := s.Datasets.Records(r.Context(), s.principal(r).Account, bulk.RecordQuery{Dataset: d.Name, Cursor: cursor, Limit: 50})
	if err != nil {
		return fmt.Errorf("read records: %w", err)
	}
	title := d.Title
	if title == "" {
		title = string(d.Name)
	}
	v := web.DatasetView{Page: s.pageData(r, web.SectionDatasets, title), Dataset: d, Records: records, AtStart: cursor == ""}
	return s.page(w, r, http.StatusOK, web.Dataset(v))
}

// templateCSV is a file of a header alone, with every column of the dataset.
func (s *Server) templateCSV(w http.ResponseWriter, r *http.Request) error {
	d, err := s.datasetOf(r)
	if err != nil {
		return err
	}
	return sendCSV(w, string(d.Name)+"-template.csv", [][]string{header(d.Spec)})
}

// sampleCSV is a small file that the dataset takes as it is.
func (s *Server) sampleCSV(w http.ResponseWriter, r *http.Request) error {
	d, err := s.datasetOf(r)
	if err != nil {
		return err
	}
	return sendCSV(w, string(d.Name)+"-sample.csv", sampleFile(d.Spec, 20))
}

func (s *Server) usagePage(w http.ResponseWriter, r *http.Request) error {
	usage, err := s.Accounts.Usage(r.Context(), s.principal(r).Account)
	if err != nil {
		return fmt.Errorf("usage: %w", err)
	}
	return s.page(w, r, http.StatusOK, web.Usage(web.UsageView{Page: s.pageData(r, web.SectionUsage, "Usage"), Usage: usage}))
}

func header(spec bulk.Spec) (names []string) {
	for _, c := range spec.Columns {
		names = append(names, c.Name)
	}
	return names
}

func sendCSV(w http.ResponseWriter, name string, rows [][]string) error {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	return csv.NewWriter(w).WriteAll(rows)
}

// datasetOf reads the dataset that the path names.
func (s *Server) datasetOf(r *http.Request) (bulk.Dataset, error) {
	d, err := s.Datasets.Dataset(r.Context(), bulk.DatasetName(r.PathValue("name")))
	if err != nil {
		return d, fmt.Errorf("dataset: %w", err)
	}
	return d, nil
}
