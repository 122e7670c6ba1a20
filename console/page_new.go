package console

import (
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"strings"

	"bulkhead/internal/bulk"
	"bulkhead/web"
)

// maxField bounds one field of the form before its file, in bytes.
const maxField = 4 << 10

func (s *Server) newImportPage(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	return s.showNewImport(w, r, bulk.NewImport{Dataset: bulk.DatasetName(q.Get("dataset")), Mode: bulk.Mode(q.Get("mode"))}, nil)
}

// showNewImport shows the form with the dataset and mode of n, and why what was sent could
// not be taken, if it was.
func (s *Server) showNewImport(w http.ResponseWriter, r *http.Request, n bulk.NewImport, why error) error {
	datasets, err := s.Datasets.ListDatasets(r.Context())
	if err != nil {
		return fmt.Errorf("list datasets: %w", err)
	}
	if n.Mode != bulk.ModeCreate {
		n.Mode = bulk.ModeUpsert
	}
	v := web.NewImportView{Page: s.pageData(r, web.SectionNew, "New import"), Datasets: datasets, Dataset: n.Dataset, Mode: n.Mode, Limits: s.Limits}
	v.Scripts = []string{"vendor/tus.min.js", "upload.js"}
	status := http.StatusOK
	if why != nil {
		status, _ = classify(why)
		v.Notice, _ = message(why)
	}
	return s.page(w, r, status, web.NewImport(v))
}

// startImport takes the form and its file in one post, for browsers without
// JavaScript. The file is streamed, so the fields must come before it, and do.
func (s *Server) startImport(w http.ResponseWriter, r *http.Request) error {
	form, err := r.MultipartReader()
	if err != nil {
		return bulk.Errorf(bulk.KindInvalid, "bad_form", "The form cannot be read: %v. Load the page again and send it once more.", err)
	}
	sent := s.readDeadline(w)
	fields, file, err := readFields(form)
	sent()
	if err != nil {
		return err
	}
	n, err := parseImport(fields)
	if err == nil && file == nil {
		err = bulk.Errorf(bulk.KindInvalid, "missing_file", "Choose a file.")
	}
	var imp bulk.Import
	if err == nil {
		n.Filename = path.Base(strings.ReplaceAll(file.FileName(), `\`, "/"))
		imp, _, err = s.create(w, r, n)
	}
	if _, ok := message(err); ok {
		return s.showNewImport(w, r, n, err)
	}
	if err != nil {
		return err
	}
	if _, err = s.receive(r, incoming{to: imp.ID, body: file, length: -1}); err != nil && bulk.KindOf(err) == "" {
		return err
	}
	// A file that was refused says why on the import's page.
	http.Redirect(w, r, "/imports/"+string(imp.ID), http.StatusSeeOther)
	return nil
}

// readFields reads a form up to its file.
func readFields(form *multipart.Reader) (fields url.Values, file *multipart.Part, err error) {
	fields = url.Values{}
	for {
		part, err := form.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return fields, nil, nil
		case err != nil:
			return nil, nil, bulk.Errorf(bulk.KindInvalid, "bad_form", "The form cannot be read: %v. Load the page again and send it once more.", err)
		case part.FormName() == "file" && part.FileName() == "":
			return fields, nil, nil // sent empty
		case part.FormName() == "file":
			return fields, part, nil
		}
		value, err := io.ReadAll(io.LimitReader(part, maxField+1))
		if err != nil || len(value) > maxField {
			return nil, nil, bulk.Errorf(bulk.KindInvalid, "bad_form", "The field %q cannot be read or is too long. Shorten it.", part.FormName())
		}
		if name := part.FormName(); name == "delimiter" && string(value) == "tab" {
			fields.Add(name, "\t")
		} else {
			fields.Add(name, string(value))
		}
	}
}

// previewPart shows how an import would take the file whose first bytes are sent, as a
// fragment of the form.
func (s *Server) previewPart(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	whole, choice, err := parsePreview(q)
	if err != nil {
		return err
	}
	d, err := s.Datasets.Dataset(r.Context(), bulk.DatasetName(q.Get("dataset")))
	if err != nil {
		return fmt.Errorf("dataset: %w", err)
	}
	var sample []byte
	Await(r.Context(), func() {
		defer s.readDeadline(w)()
		sample, err = io.ReadAll(http.MaxBytesReader(w, r.Body, int64(s.Limits.PreviewBytes)))
	})
	if err != nil {
		return fmt.Errorf("read sample: %w", err)
	}
	p, err := s.Uploads.Preview(r.Context(), bulk.Sample{Bytes: sample, Whole: whole, Choice: choice, Spec: &d.Spec})
	if err != nil {
		return fmt.Errorf("preview: %w", err)
	}
	return s.page(w, r, http.StatusOK, web.Preview(web.PreviewView{Preview: p, Spec: d.Spec}))
}
