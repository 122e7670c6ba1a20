package app_test

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"os"
	"strings"
	"testing"

	"bulkhead/internal/app"
	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
	"bulkhead/internal/sample"
)

// chdb returns the setting of the embedded engine, where there is one.
func chdb(t *testing.T) string {
	t.Helper()
	if os.Getenv("BULKHEAD_TEST_CHDB") == "" {
		if os.Getenv("BULKHEAD_REQUIRE_SERVICES") == "1" {
			t.Fatal("BULKHEAD_TEST_CHDB is not set, but services are required")
		}
		t.Skip("SKIPPED: BULKHEAD_TEST_CHDB is not set; see `task services:up`")
	}
	return "chdb"
}

// some returns a file with these columns of another, and one row in so many.
func some(t *testing.T, file []byte, columns []int, each int) []byte {
	t.Helper()
	records, err := csv.NewReader(bytes.NewReader(file)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	for i := 0; i < len(records); i += each {
		var row []string
		for _, c := range columns {
			row = append(row, records[i][c])
		}
		if err := w.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	w.Flush()
	return out.Bytes()
}

func (s *system) differences() (out []bulk.Difference) {
	s.t.Helper()
	_, err := app.RunReconcile(s.t.Context(), config.ReconcileConfig{DataDir: s.dir, Analytics: s.analytics}, func(d bulk.Difference) error {
		out = append(out, d)
		return nil
	})
	s.must(err)
	return out
}

// awaitMetric waits for a line of the metrics.
func (s *system) awaitMetric(line string) {
	s.t.Helper()
	s.eventually("the metrics have "+line, func() bool {
		a, err := s.ask("GET", "/metrics", nil, nil)
		s.must(err)
		return strings.Contains(string(a.body), "\n"+line+"\n")
	})
}

// awaitSweep waits until a sweep of the mirror has ended: accounts are its last. One that
// tells of a later import than another did is a later one.
func (c *client) awaitSweep() {
	c.t.Helper()
	for range 2 {
		var imp bulk.Import
		c.call(http.MethodPost, "/v1/imports", map[string]any{"dataset": "contacts", "mode": "create", "filename": "none.csv"}, &imp)
		c.call(http.MethodPost, "/v1/imports/"+string(imp.ID)+"/cancel", nil, nil)
		c.until(imp.ID, func(i bulk.Import) bool { return i.Mirrored })
	}
}

// Invariant 9, with all that makes it hard: rejects, repeated keys, a quota that ends,
// rows of one key in several batches, files that feed some columns, two accounts, and
// analytics that are away for a while.
func TestQuietMirrorEqualsTheStore(t *testing.T) {
	t.Parallel()
	s := &system{client: &client{t: t}, dir: t.TempDir(), logs: &logs{}, analytics: chdb(t)}
	s.start()
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			t.Logf("the system's log:\n%s", s.logs)
		}
	})
	s.apply(sample.Spec())
	one, two := s.account("one", 1_000_000), s.account("two", 15_000)
	file, _ := contacts(t, sample.Options{Rows: 20_000, Seed: 1, RejectRate: 0.02, DuplicateRate: 0.05})
	other, _ := contacts(t, sample.Options{Rows: 20_000, Seed: 2, RejectRate: 0.02, DuplicateRate: 0.05})
	imports := []bulk.Import{one.run("dataset=contacts", file), two.run("dataset=contacts", file), two.run("dataset=contacts", file)}
	if n := imports[1].Rows.OverQuota; n == 0 {
		t.Fatal("the quota was not reached")
	}
	if n := imports[2].Rows.Rejected; n < 15_000 {
		t.Fatalf("%d rows rejected, want every key known", n)
	}

	s.analytics = "off" // the next imports end without analytics
	s.stop()
	s.start()
	one.url, two.url = s.url, s.url
	partial := some(t, file, []int{0, 1, 6}, 3)
	rest := some(t, other, []int{0, 1, 2, 6}, 2)
	imports = append(imports, one.run("dataset=contacts&mode=upsert", partial), one.run("dataset=contacts&mode=upsert", rest),
		one.run("dataset=contacts&mode=upsert", append(partial, partial[bytes.IndexByte(partial, '\n')+1:]...)))
	if imports[3].Rows.Updated == 0 || imports[5].Rows.Superseded == 0 {
		t.Fatalf("nothing was updated or superseded: %+v, %+v", imports[3].Rows, imports[5].Rows)
	}
	s.stop()

	s.analytics = chdb(t)
	s.start()
	one.url, two.url = s.url, s.url
	for i, imp := range imports {
		c := one
		if imp.AccountID == two.account {
			c = two
		}
		if got := c.until(imp.ID, func(i bulk.Import) bool { return i.Mirrored }); got.Rows != imp.Rows {
			t.Errorf("import %d: counts changed from %+v to %+v", i, imp.Rows, got.Rows)
		}
	}
	s.awaitMetric("bulkhead_mirror_lag_seconds 0")
	one.awaitSweep()
	s.stop()
	if d := s.differences(); len(d) != 0 {
		t.Errorf("a quiet mirror differs from the store: %+v", d)
	}
}
