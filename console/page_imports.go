package console

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"bulkhead/internal/bulk"
	"bulkhead/web"
)

// importsPage lists imports. Filters and page are in the URL, so that a view can be
// kept and shared; what cannot be a filter is taken as none.
func (s *Server) importsPage(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	f := bulk.ImportFilter{State: bulk.State(q.Get("state")), Dataset: bulk.DatasetName(q.Get("dataset")), Search: strings.TrimSpace(q.Get("q")), Cursor: q.Get("cursor"), Limit: 25}
	if !slices.Contains(bulk.States, f.State) {
		f.State = ""
	}
	list, next, err := s.Imports.ListImports(r.Context(), s.principal(r).Account, f)
	if err != nil {
		return fmt.Errorf("list imports: %w", err)
	}
	datasets, err := s.Datasets.ListDatasets(r.Context())
	if err != nil {
		return fmt.Errorf("list datasets: %w", err)
	}
	v := web.ImportsView{LastBytes: s.lastBytes(r.Context(), s.principal(r).Account), Page: s.pageData(r, web.SectionImports, "Imports"), Imports: list, Filter: f, First: importsURL(f, ""), Curl: curl(r, datasets)}
	for _, d := range datasets {
		v.Datasets = append(v.Datasets, d.Name)
	}
	if next != "" {
		v.Next = importsURL(f, next)
	}
	for _, i := range list {
		if !i.State.Terminal() {
			v.Refresh = 5
		}
	}
	return s.page(w, r, http.StatusOK, web.Imports(v))
}

// importsURL is the list under the same filters, at a cursor.
func importsURL(f bulk.ImportFilter, cursor string) string {
	q := url.Values{}
	for name, value := range map[string]string{"q": f.Search, "state": string(f.State), "dataset": string(f.Dataset), "cursor": cursor} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if len(q) == 0 {
		return "/imports"
	}
	return "/imports?" + q.Encode()
}

// curl is a command that imports a file into the first dataset; "" without one.
func curl(r *http.Request, datasets []bulk.Dataset) string {
	if len(datasets) == 0 {
		return ""
	}
	scheme, name := "http", datasets[0].Name
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return fmt.Sprintf("curl -H \"Authorization: Bearer $BULKHEAD_API_KEY\" -H \"Content-Type: text/csv\" \\\n  -T %s.csv -X POST \"%s://%s/v1/imports?dataset=%s&mode=upsert\"", name, scheme, r.Host, name)
}
