package web

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
)

// hostile is what a file's name or cell may try.
const hostile = `"><script>alert(1)</script>`

func TestPagesEscapeAndHoldNothingInline(t *testing.T) {
	imp := bulk.Import{ID: "imp_1", Filename: hostile, Dataset: "contacts", State: bulk.StateFailed, Error: bulk.Errorf(bulk.KindUnprocessed, bulk.ErrNotCSV, "%s", hostile)}
	running := imp
	running.State = bulk.StateReceiving
	groups := []bulk.RejectGroup{{Column: hostile, Code: bulk.CodeRequired, Count: 3, Examples: []bulk.Example{{Line: 2, Value: hostile}}}}
	spec := bulk.Spec{Name: "contacts", Key: []string{"email"}, Columns: []bulk.Column{{Name: "email", Type: bulk.TypeEmail, Pattern: hostile}}}
	page := Page{Title: hostile, Account: hostile, Now: now, Notice: hostile}
	pages := map[string]func(*strings.Builder) error{
		"import": func(b *strings.Builder) error {
			return Import(ImportView{Page: page, Import: imp, RejectGroups: groups, Batches: committed(3), Receipt: &bulk.Receipt{Import: imp}}).Render(t.Context(), b)
		},
		"running": func(b *strings.Builder) error {
			return Import(ImportView{Page: page, Import: running, Batches: committed(3), Wait: &bulk.Wait{Reason: hostile}}).Render(t.Context(), b)
		},
		"imports": func(b *strings.Builder) error {
			return Imports(ImportsView{Page: page, Imports: []bulk.Import{imp}, Filter: bulk.ImportFilter{Search: hostile}, Next: "/imports?cursor=x"}).Render(t.Context(), b)
		},
		"new": func(b *strings.Builder) error {
			return NewImport(NewImportView{Page: page, Datasets: []bulk.Dataset{{Spec: spec}}}).Render(t.Context(), b)
		},
		"preview": func(b *strings.Builder) error {
			return Preview(PreviewView{Spec: spec, Preview: bulk.Preview{Header: []string{hostile}, Columns: []bulk.PreviewColumn{{Name: hostile, Example: hostile}}, Rows: [][]string{{hostile}}}}).Render(t.Context(), b)
		},
		"dataset": func(b *strings.Builder) error {
			return Dataset(DatasetView{Page: page, Dataset: bulk.Dataset{Spec: spec}, Records: bulk.RecordPage{Columns: []string{"email"}, Records: []bulk.Record{{Values: []any{hostile}}}}}).Render(t.Context(), b)
		},
		"fairness": func(b *strings.Builder) error {
			a := bulk.Account{ID: "acc_1", Name: hostile, Weight: 1}
			f := bulk.Fairness{Accounts: []bulk.AccountShare{{AccountQueue: bulk.AccountQueue{Account: "acc_2", Waiting: 1}, Name: hostile}}, Dispatchers: []bulk.DispatcherState{{Dispatcher: hostile}}, Silent: []bulk.NodeID{hostile}}
			p := &bulk.Pair{Ahead: bulk.Served{Account: hostile, Name: hostile}, Behind: bulk.Served{Name: hostile}, Ratio: 2}
			f.Lag = bulk.Lag{Latest: p, Worst: p, Minutes: []bulk.LagMinute{{Worst: p}}}
			return Fairness(FairnessView{Page: page, Fairness: f, Idle: []bulk.Account{a}, MoreIdle: 1, Changed: &a}).Render(t.Context(), b)
		},
		"cluster": func(b *strings.Builder) error {
			return Cluster(ClusterView{Page: page, Members: []bulk.Member{{Node: bulk.Node{ID: hostile, Role: hostile, Version: hostile}}}}).Render(t.Context(), b)
		},
		"login": func(b *strings.Builder) error {
			return Login(LoginView{Page: page, Next: hostile, Failed: hostile}).Render(t.Context(), b)
		},
	}
	inline := regexp.MustCompile(`(?i)<script>|<style|\sstyle=|\son[a-z]+="|javascript:`)
	for name, render := range pages {
		var b strings.Builder
		if err := render(&b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if found := inline.FindString(b.String()); found != "" {
			t.Errorf("%s has %q, which the Content-Security-Policy refuses", name, found)
		}
	}
}

func TestStaticFilesAreCachedByTheirContent(t *testing.T) {
	get := func(url, etag string) *http.Response {
		r := httptest.NewRequest(http.MethodGet, url, nil)
		r.Header.Set("If-None-Match", etag)
		w := httptest.NewRecorder()
		Static().ServeHTTP(w, r)
		return w.Result()
	}
	now := get(Asset("app.css"), "")
	if now.StatusCode != 200 || !strings.Contains(now.Header.Get("Cache-Control"), "immutable") || !strings.HasPrefix(now.Header.Get("Content-Type"), "text/css") {
		t.Errorf("current content: %d %v", now.StatusCode, now.Header)
	}
	if old := get("/static/app.css?v=older", ""); old.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("an outdated address is cached: %v", old.Header)
	}
	if again := get("/static/app.css", now.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("revalidation: got %d, want 304", again.StatusCode)
	}
	if gone := get("/static/../web.go", ""); gone.StatusCode != http.StatusNotFound {
		t.Errorf("outside of static: got %d, want 404", gone.StatusCode)
	}
}
