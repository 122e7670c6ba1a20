package console

import (
	"io"
	"mime"
	"net/http"
	"path"
	"strings"

	"bulkhead/internal/bulk"
)

// RejectWriter writes a rejects.csv, so that it can be corrected and uploaded again.
// It writes the header even when no reject follows.
type RejectWriter interface {
	Write(r bulk.Reject) error
	// Flush writes what is buffered; it is called once, at the end.
	Flush() error
}

// rejectsCSV streams an import's rejects, in file order. raw=1 leaves out the apostrophe
// that keeps spreadsheets from running a cell as a formula.
func (s *Server) rejectsCSV(w http.ResponseWriter, r *http.Request) error {
	imp, err := s.importOf(r)
	if err != nil {
		return err
	}
	wrong := faults{}
	raw := parseBool(&wrong, r.URL.Query(), "raw")
	if err := wrong.err(); err != nil {
		return err
	}
	layout := bulk.Layout{Dialect: bulk.Dialect{Delimiter: ',', Quote: '"', Escape: '"', Encoding: "utf-8"}} // of a file whose header was not read
	if imp.Layout != nil {
		layout = *imp.Layout
	}
	name := "rejects-" + strings.TrimSuffix(path.Base(imp.Filename), path.Ext(imp.Filename)) + ".csv"
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	return s.stream(w, r, "text/csv; charset=utf-8", func(out io.Writer) error {
		csv, err := s.RejectsCSV(out, layout, raw)
		if err != nil {
			return err
		}
		permit := permitOf(r.Context())
		if err := s.Rejects.Each(r.Context(), imp, func(reject bulk.Reject) error {
			permit.Pause(readPause)
			return csv.Write(reject)
		}); err != nil {
			return err
		}
		return csv.Flush()
	})
}
