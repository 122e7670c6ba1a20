package app_test

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/sample"
)

// TestHostileFiles sends what is wrong or strange through the whole system. Each
// number is that of a row in the table of bad input.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	tests := map[string]func(*testing.T, *client){
		"01 empty file":                  emptyFile,
		"02 header only":                 headerOnly,
		"19 formulas":                    formulas,
		"20 HTML and SQL":                markup,
		"21 keys that look alike":        alikeKeys,
		"22 keys that repeat":            repeatedKeys,
		"23 empty keys":                  emptyKeys,
		"24 values that do not exist":    impossibleValues,
		"26 gzip under any name":         compressed,
		"27 gzip bomb":                   bomb,
		"28 other formats":               otherFormats,
		"30 resumed with another file":   anotherFile,
		"31 nothing to import it into":   nowhere,
		"32 nothing but rejects":         allRejected,
		"names of columns of the system": internalNames,
	}
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		t.Run(name, func(t *testing.T) {
			c := s.account(name, 1_000_000).in(t)
			tests[name](t, c)
			if p := c.try(http.MethodGet, "/readyz", nil, nil); p != nil {
				t.Errorf("the system is not ready any more: %+v", *p)
			}
		})
	}
}

// wantRefused imports a file that must be refused as a whole, with that code.
func (c *client) wantRefused(query string, file []byte, code string) *bulk.Error {
	c.t.Helper()
	imp, p := c.post(query, bytes.NewReader(file))
	if p != nil {
		if p.Status != http.StatusUnprocessableEntity || p.Code != code {
			c.t.Errorf("%s: got %+v, want 422 %s", query, *p, code)
		}
		imp.ID = p.Import
	}
	imp = c.end(imp.ID)
	if imp.State != bulk.StateFailed || imp.Error == nil || imp.Error.Code != code || imp.Error.Message == "" || imp.Rows.Created+imp.Rows.Updated != 0 {
		c.t.Fatalf("%s: %s %+v with %+v, want failed with %s", query, imp.State, imp.Error, imp.Rows, code)
	}
	return imp.Error
}

// rejected returns an import's rejected rows as the export has them: by the first
// cell the code, column and message.
func (c *client) rejected(id bulk.ImportID, query string) map[string][]string {
	c.t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(c.rejects(id, query))).ReadAll()
	c.must(err)
	code := slices.Index(rows[0], "_code")
	out := map[string][]string{}
	for _, row := range rows[1:] {
		out[row[0]] = row[code : code+3]
	}
	return out
}

// byKey returns the records of things by their key.
func (c *client) byKey() map[string]map[string]any {
	c.t.Helper()
	out := map[string]map[string]any{}
	for _, r := range c.records("things") {
		out[r["id"].(string)] = r
	}
	return out
}

func emptyFile(_ *testing.T, c *client) {
	c.wantRefused("dataset=things", nil, bulk.ErrEmptyFile)
	c.wantRefused("dataset=things", []byte("\n\r\n\n"), bulk.ErrEmptyFile)
}

func headerOnly(_ *testing.T, c *client) {
	for _, query := range []string{"dataset=things", "dataset=things&dry_run=true"} {
		file := []byte("id,text\n")
		imp := c.run(query, file)
		c.wantEnd(imp, bulk.StateCompleted, bulk.Counts{})
		c.wantSound(imp, int64(len(file)))
	}
}

func formulas(t *testing.T, c *client) {
	var file bytes.Buffer
	file.WriteString("id,text,integer\n")
	cells := []string{"=1+1", "+1", "-x", "@x", "\tx", "\rx", "plain"}
	for i, cell := range cells {
		fmt.Fprintf(&file, "stored%d,\"%s\",1\nrejected%d,\"%s\",x\n", i, cell, i, cell)
	}
	imp := c.run("dataset=things", file.Bytes())
	n := int64(len(cells))
	c.wantEnd(imp, bulk.StateCompletedWithRejects, bulk.Counts{Read: 2 * n, Created: n, Rejected: n})
	stored := c.byKey()
	for i, cell := range cells {
		if got := stored[fmt.Sprint("stored", i)]["text"]; got != cell {
			t.Errorf("stored %q, want %q as it was", got, cell)
		}
	}
	for query, escape := range map[string]string{"": "'", "raw=1": ""} {
		rows, err := csv.NewReader(bytes.NewReader(c.rejects(imp.ID, query))).ReadAll()
		c.must(err)
		for i, cell := range cells[:6] {
			want := escape + cell
			if got := rows[1+i][1]; got != want {
				t.Errorf("rejects.csv?%s has %q, want %q", query, got, want)
			}
		}
		if got := rows[7][1]; got != "plain" {
			t.Errorf("rejects.csv?%s has %q, want plain", query, got)
		}
	}
	// Exported, imported as it is, exported again: nothing was added to any cell.
	again := c.run("dataset=things", c.rejects(imp.ID, ""))
	c.wantEnd(again, bulk.StateCompletedWithRejects, bulk.Counts{Read: n, Rejected: n})
	for _, query := range []string{"raw=1", ""} {
		first, err := csv.NewReader(bytes.NewReader(c.rejects(imp.ID, query))).ReadAll()
		c.must(err)
		second, err := csv.NewReader(bytes.NewReader(c.rejects(again.ID, query))).ReadAll()
		c.must(err)
		for i := range first {
			if !slices.Equal(first[i][:3], second[i][:3]) {
				t.Errorf("exported again: %q, want %q", second[i], first[i])
			}
		}
	}
}

func markup(t *testing.T, c *client) {
	cells := []string{"<script>alert(1)</script>", "'); DROP TABLE ds_things; --", "{{.Secret}} ${x} %s %n", `"><img src=x onerror=alert(2)>`}
	var file bytes.Buffer
	w := csv.NewWriter(&file)
	c.must(w.Write([]string{"id", "text", "integer", "<script>alert(3)</script>"}))
	for i, cell := range cells {
		c.must(w.Write([]string{cell, cell, fmt.Sprint(i), cell}))
		c.must(w.Write([]string{"bad " + cell, cell, cell, cell}))
	}
	w.Flush()
	imp := c.run("dataset=things&filename="+url.QueryEscape("<script>alert(4)<script>.csv"), file.Bytes())
	c.wantEnd(imp, bulk.StateCompletedWithRejects, bulk.Counts{Read: 8, Created: 4, Rejected: 4})
	stored := c.byKey()
	for _, cell := range cells {
		if stored[cell]["text"] != cell {
			t.Errorf("stored %v under %q, want it as it was", stored[cell], cell)
		}
	}
	browser := c.signIn()
	for _, page := range []string{"/imports", "/imports/" + string(imp.ID), "/imports/" + string(imp.ID) + "/live", "/datasets/things"} {
		a, err := browser.ask(http.MethodGet, page, nil, nil)
		c.must(err)
		if a.status != http.StatusOK || bytes.Contains(a.body, []byte("<script>alert")) || bytes.Contains(a.body, []byte("<img src=x")) {
			t.Errorf("page %s: %d, holds the cell as markup: %s", page, a.status, a.body)
		}
	}
}

func alikeKeys(t *testing.T, c *client) {
	keys := []string{"k", "K", "\u00e9", "e\u0301", " k", "k ", "k\u200b"}
	file := "id,text\n"
	for i, key := range keys {
		file += fmt.Sprintf("\"%s\",%d\n", key, i)
	}
	c.wantEnd(c.run("dataset=things", []byte(file)), bulk.StateCompleted, bulk.Counts{Read: 7, Created: 7})
	stored := c.byKey()
	for i, key := range keys {
		if stored[key]["text"] != fmt.Sprint(i) {
			t.Errorf("key %q holds %v, want %d", key, stored[key], i)
		}
	}
}

// The last row wins, also when it is in another batch, in whatever order they commit.
func repeatedKeys(t *testing.T, c *client) {
	const rows, keys = 30_000, 9_999
	var file bytes.Buffer
	file.WriteString("id,integer\n")
	for i := range rows {
		fmt.Fprintf(&file, "k%d,%d\n", i%keys, i)
	}
	fmt.Fprintf(&file, "k0,%d\nk0,%d\n", rows, rows+1)
	imp := c.run("dataset=things", file.Bytes())
	c.wantEnd(imp, bulk.StateCompleted, bulk.Counts{Read: rows + 2, Created: keys, Superseded: rows + 2 - keys})
	c.wantSound(imp, int64(file.Len()))
	for key, r := range c.byKey() {
		var n int
		fmt.Sscanf(key, "k%d", &n)
		want := (rows-1-n)/keys*keys + n
		if n == 0 {
			want = rows + 1
		}
		if r["integer"] != float64(want) || r["_row"] != float64(want+1) {
			t.Fatalf("key %s holds %v, want that of row %d", key, r, want+1)
		}
	}
	c.verify(imp.ID, file.Bytes())
}

func emptyKeys(t *testing.T, c *client) {
	imp := c.run("dataset=things", []byte(lines("text,id", "a,", `b,""`, "c,1")))
	c.wantEnd(imp, bulk.StateCompletedWithRejects, bulk.Counts{Read: 3, Created: 1, Rejected: 2})
	for cell, why := range c.rejected(imp.ID, "") {
		if why[0] != string(bulk.CodeMissingKey) || why[1] != "id" {
			t.Errorf("row %q: %q, want missing_key of id", cell, why)
		}
	}
}

func impossibleValues(t *testing.T, c *client) {
	want := map[string][2]string{
		"i1": {"out_of_range", "integer"}, "i2": {"invalid_integer", "integer"}, "f1": {"out_of_range", "float"}, "f2": {"invalid_float", "float"},
		"f3": {"invalid_float", "float"}, "d1": {"invalid_date", "date"}, "m1": {"invalid_timestamp", "moment"}, "m2": {"invalid_timestamp", "moment"},
		"n1": {"invalid_decimal", "decimal"},
	}
	imp := c.run("dataset=things", []byte(lines("id,integer,float,decimal,date,moment",
		"i1,9223372036854775808,,,,", "i2,1.5,,,,", "f1,,1e309,,,", "f2,,NaN,,,", "f3,,Inf,,,", "d1,,,,2024-02-31,",
		"m1,,,,,2024-03-31T02:30:00", "m2,,,,,2024-03-31T24:30:00Z", `n1,,,"1,5",,`,
		"ok,-9223372036854775808,1e308,12345678901234567890.123456789012345678,2024-02-29,2024-03-31T03:30:00")))
	c.wantEnd(imp, bulk.StateCompletedWithRejects, bulk.Counts{Read: 10, Created: 1, Rejected: 9})
	got := c.rejected(imp.ID, "")
	for row, w := range want {
		if g := got[row]; len(g) == 0 || g[0] != w[0] || g[1] != w[1] || g[2] == "" {
			t.Errorf("row %s: rejected as %q, want %q with a message", row, g, w)
		}
	}
	ok := c.byKey()["ok"]
	if ok["decimal"] != "12345678901234567890.123456789012345678" || ok["moment"] != "2024-03-31T01:30:00.000000Z" || ok["date"] != "2024-02-29" || ok["float"] != 1e308 {
		t.Errorf("stored %v, want every digit", ok)
	}
}

func gzipped(t *testing.T, parts ...[]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	for _, part := range parts {
		if _, err := w.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func compressed(t *testing.T, c *client) {
	file, want := contacts(t, sample.Options{Rows: 10_000, Seed: 26, RejectRate: 0.02, DuplicateRate: 0.01})
	packed := gzipped(t, file)
	imp := c.run("dataset=contacts&filename=contacts.txt", packed)
	c.wantEnd(imp, bulk.StateCompletedWithRejects, counts(want))
	c.wantSound(imp, want.Bytes)
	c.verify(imp.ID, packed)
	if imp.SHA256 == nil || *imp.SHA256 != digest(packed) || imp.Layout.Dialect.Compression != "gzip" {
		t.Errorf("import %+v, want gzip and the digest of what was sent", imp)
	}
	c.wantRefused("dataset=things&filename=x.csv", packed[:len(packed)/2], bulk.ErrTruncatedArchive)
	c.wantRefused("dataset=things&filename=x.csv", packed[:len(packed)-4], bulk.ErrTruncatedArchive)
}

func bomb(t *testing.T, c *client) {
	row := []byte("1," + strings.Repeat("a", 1000) + "\n")
	parts := [][]byte{[]byte("id,text\n")}
	for range 30_000 {
		parts = append(parts, row)
	}
	c.wantRefused("dataset=things", gzipped(t, parts...), bulk.ErrDecompressionLimit)
	c.wantUsage("things", 0)
}

func otherFormats(t *testing.T, c *client) {
	for name, file := range map[string]string{
		"XLSX": "PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00[Content_Types].xml", "ZIP": "PK\x03\x04\x14\x00\x00\x00\x08\x00contacts.csv",
		"PDF": "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "HTML": "<!DOCTYPE html>\n<html><body>id,text</body></html>", "Parquet": "PAR1\x15\x04\x15\x00PAR1",
	} {
		e := c.wantRefused("dataset=things&filename=contacts.csv", []byte(file+strings.Repeat("\nx", 100)), bulk.ErrNotCSV)
		if !strings.Contains(strings.ToUpper(e.Message), strings.ToUpper(name)) {
			t.Errorf("%s is refused with %q, which does not name it", name, e.Message)
		}
	}
}

func anotherFile(t *testing.T, c *client) {
	file, want := contacts(t, sample.Options{Rows: 500, Seed: 30})
	other, _ := contacts(t, sample.Options{Rows: 500, Seed: 31})
	var imp bulk.Import
	c.call(http.MethodPost, "/v1/imports", map[string]any{"dataset": "contacts", "size": len(file), "options": map[string]any{"sha256": want.SHA256}}, &imp)
	patch := func(offset int, piece []byte) answer {
		a, err := c.ask(http.MethodPatch, "/v1/imports/"+string(imp.ID)+"/content", bytes.NewReader(piece), http.Header{
			"Tus-Resumable": {"1.0.0"}, "Content-Type": {"application/offset+octet-stream"}, "Upload-Offset": {fmt.Sprint(offset)},
		})
		c.must(err)
		return a
	}
	if a := patch(0, file[:30_000]); a.status != http.StatusNoContent {
		t.Fatalf("the first piece: %d %s", a.status, a.body)
	}
	changed := append(bytes.Repeat([]byte("x"), len(file)), other...)[:len(file)-30_000]
	if p := c.decode(patch(30_000, changed), nil); p == nil || p.Status != http.StatusUnprocessableEntity || p.Code != bulk.ErrDigestMismatch {
		t.Errorf("the piece of another file: %+v, want 422 digest_mismatch", p)
	}
	if end := c.end(imp.ID); end.State != bulk.StateFailed || end.Error == nil || end.Error.Code != bulk.ErrDigestMismatch {
		t.Errorf("ended as %s %+v, want failed with digest_mismatch", end.State, end.Error)
	}
	c.wantUsage("contacts", 0)
}

func nowhere(t *testing.T, c *client) {
	for name, tt := range map[string]struct {
		request map[string]any
		code    string
	}{
		"unknown dataset": {map[string]any{"dataset": "nothing"}, bulk.ErrUnknownDataset},
		"unknown field":   {map[string]any{"dataset": "things", "mapping": map[string]string{"Name": "nmae"}}, bulk.ErrUnknownField},
	} {
		if p := c.try(http.MethodPost, "/v1/imports", tt.request, nil); p == nil || p.Status != http.StatusUnprocessableEntity || p.Code != tt.code {
			t.Errorf("%s: %+v, want 422 %s", name, p, tt.code)
		}
	}
	if list := c.imports(""); len(list) != 0 {
		t.Errorf("refused requests left %d imports", len(list))
	}
	e := c.wantRefused("dataset=contacts&filename=renamed.txt", []byte("name,email\nx,y@z.example\n"), bulk.ErrUnmappedRequired)
	if !strings.Contains(e.Message, `"id"`) {
		t.Errorf("%q does not name the field", e.Message)
	}
	if p := c.try(http.MethodPost, "/v1/imports?dataset=things&on-error=abort", nil, nil); p == nil || p.Status != http.StatusBadRequest {
		t.Errorf("a misspelt option: %+v, want 400", p)
	}
}

// allRejected also has a bound on time: a person waits for the pages.
func allRejected(t *testing.T, c *client) {
	n := int64(100_000)
	if testing.Short() && os.Getenv("BULKHEAD_TEST_ROWS") == "" {
		n = 20_000
	}
	file, want := contacts(t, sample.Options{Rows: n, Seed: 32, RejectRate: 1})
	imp := c.run("dataset=contacts", file)
	c.wantEnd(imp, bulk.StateCompletedWithRejects, counts(want))
	c.wantSound(imp, want.Bytes)
	c.wantUsage("contacts", 0)
	begun := time.Now()
	a, err := c.signIn().ask(http.MethodGet, "/imports/"+string(imp.ID), nil, nil)
	c.must(err)
	if took := time.Since(begun); a.status != http.StatusOK || took > 5*time.Second || len(a.body) > 1<<20 {
		t.Errorf("the page of an import of rejects: %d, %d bytes after %s", a.status, len(a.body), took)
	}
	export := c.rejects(imp.ID, "")
	rows, err := csv.NewReader(bytes.NewReader(export)).ReadAll()
	c.must(err)
	if int64(len(rows)-1) != n {
		t.Fatalf("rejects.csv has %d rows, want %d", len(rows)-1, n)
	}
	var corrected bytes.Buffer
	if fixed, err := sample.FixRejects(bytes.NewReader(export), &corrected); err != nil || fixed != n {
		t.Fatalf("corrected %d rows, %v; want %d", fixed, err, n)
	}
	c.wantEnd(c.run("dataset=contacts", corrected.Bytes()), bulk.StateCompleted, bulk.Counts{Read: n, Created: n})
}

func internalNames(t *testing.T, c *client) {
	imp := c.run("dataset=things", []byte(lines("id,_account_id,_op_seq,_row_no,text", "1,acc_x,999,7,mine")))
	c.wantEnd(imp, bulk.StateCompleted, bulk.Counts{Read: 1, Created: 1})
	if r := c.byKey()["1"]; r["_row"] != 1.0 || r["text"] != "mine" || r["_op_seq"] == 999.0 {
		t.Errorf("record %v was told by its file who it is", r)
	}
}
