package console

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"bulkhead/internal/bulk"
)

// preview shows how an import would take a file, from its first bytes: the raw body or
// the first file of a form. whole=1 says that they are all there is.
func (s *Server) preview(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	whole, choice, err := parsePreview(q)
	if err != nil {
		return err
	}
	spec, err := s.previewSpec(r)
	if err != nil {
		return err
	}
	var sample []byte
	Await(r.Context(), func() { sample, err = s.readSample(w, r) })
	if err != nil {
		return err
	}
	if len(sample) > s.Limits.PreviewBytes {
		sample, whole = sample[:s.Limits.PreviewBytes], false
	}
	p, err := s.Uploads.Preview(r.Context(), bulk.Sample{Bytes: sample, Whole: whole, Choice: choice, Spec: spec})
	if err != nil {
		return fmt.Errorf("preview: %w", err)
	}
	p.Header, p.Columns, p.Rows, p.Rejects = orEmpty(p.Header), orEmpty(p.Columns), orEmpty(p.Rows), orEmpty(p.Rejects)
	p.Unmapped, p.Missing = orEmpty(p.Unmapped), orEmpty(p.Missing)
	return writeJSON(w, http.StatusOK, p)
}

// readSample reads the beginning of a file in a body, and a byte more.
func (s *Server) readSample(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	defer s.readDeadline(w)()
	body, err := sampleOf(r)
	if err != nil {
		return nil, err
	}
	sample, err := io.ReadAll(io.LimitReader(body, int64(s.Limits.PreviewBytes)+1))
	if err != nil {
		return nil, fmt.Errorf("read sample: %w", err)
	}
	return sample, nil
}

// parsePreview reads how a sample is to be taken; whole says that it is all there is.
func parsePreview(q url.Values) (whole bool, choice bulk.DialectChoice, err error) {
	wrong := faults{}
	whole, choice = parseBool(&wrong, q, "whole"), parseDialect(&wrong, q)
	checkDialect(&wrong, choice)
	return whole, choice, wrong.err()
}

// previewSpec returns the dataset that the file would go into, nil when none is named.
func (s *Server) previewSpec(r *http.Request) (*bulk.Spec, error) {
	name := bulk.DatasetName(r.URL.Query().Get("dataset"))
	if name == "" {
		return nil, nil
	}
	d, err := s.Datasets.Dataset(r.Context(), name)
	if err != nil {
		return nil, fmt.Errorf("dataset: %w", err)
	}
	return &d.Spec, nil
}

// sampleOf returns the file in a body.
func sampleOf(r *http.Request) (io.Reader, error) {
	if mediaType(r) != "multipart/form-data" {
		return r.Body, nil
	}
	form, err := r.MultipartReader()
	if err != nil {
		return nil, bulk.Errorf(bulk.KindInvalid, "bad_form", "The form cannot be read: %v. Load the page again and send it once more.", err)
	}
	for {
		part, err := form.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return nil, bulk.Errorf(bulk.KindInvalid, "bad_form", "The form has no file. Send one in its field file.")
		case err != nil:
			return nil, bulk.Errorf(bulk.KindInvalid, "bad_form", "The form cannot be read: %v. Load the page again and send it once more.", err)
		case part.FileName() != "":
			return part, nil
		}
	}
}
