package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"bulkhead/ingest/csvscan"
	"bulkhead/internal/bulk"
	"bulkhead/internal/csvfile"
	"bulkhead/internal/sample"
	"bulkhead/processors/validate"
)

// store is what a server would hold after an import, kept as plainly as possible:
// one map, row after row, nothing in batches.
type store struct {
	imp     bulk.Import
	spec    bulk.Spec
	records map[string]map[string]any // by key
	rejects []bulk.Reject
}

func (s *store) Import(context.Context, bulk.ImportID) (bulk.Import, error) { return s.imp, nil }

func (s *store) Dataset(context.Context, bulk.DatasetName) (bulk.Dataset, error) {
	return bulk.Dataset{Spec: s.spec}, nil
}

func (s *store) Records(_ context.Context, _ bulk.DatasetName, each func([]byte) error) error {
	for _, key := range slices.Sorted(maps.Keys(s.records)) {
		line, err := json.Marshal(s.records[key])
		if err != nil {
			return err
		}
		if err := each(line); err != nil {
			return err
		}
	}
	return nil
}

func (s *store) Rejects(context.Context, bulk.ImportID) (io.ReadCloser, error) {
	var out bytes.Buffer
	w := csvscan.NewRejectWriter(&out, *s.imp.Layout, false)
	for _, r := range s.rejects {
		if err := w.Write(r); err != nil {
			return nil, err
		}
	}
	return io.NopCloser(&out), w.Flush()
}

// imported runs an import of the file in mode create into what is stored already.
func imported(t *testing.T, file string, spec bulk.Spec, stored map[string]map[string]any, quota int) *store {
	t.Helper()
	f, err := csvfile.Open(strings.NewReader(file), bulk.DialectChoice{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	header, err := f.ReadHeader()
	if err != nil {
		t.Fatal(err)
	}
	fields, err := bulk.MapColumns(header, &spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	layout := bulk.Layout{Dialect: f.Dialect, Header: header, Fields: fields}
	v, err := validate.Compile(spec, layout)
	if err != nil {
		t.Fatal(err)
	}
	s := &store{spec: spec, records: maps.Clone(stored), imp: bulk.Import{ID: "imp_b", OpSeq: 2, State: bulk.StateCompletedWithRejects, Mode: bulk.ModeCreate, Layout: &layout}}
	if s.records == nil {
		s.records = map[string]map[string]any{}
	}
	for r, err := f.Next(); err != io.EOF; r, err = f.Next() {
		if err != nil {
			t.Fatal(err)
		}
		s.imp.Rows.Read++
		s.apply(t, v, r, quota)
	}
	sum := shaOf(file)
	s.imp.SHA256 = &sum
	return s
}

func (s *store) apply(t *testing.T, v *validate.Validator, r *csvscan.Record, quota int) {
	row := s.imp.Rows.Read
	b := &codedRecord{single{row, r}}
	refuse := func(code bulk.Code) {
		err := v.Rejects(b, func(int64) bulk.Code { return code }, func(r bulk.Reject) error {
			r.Raw = strings.Clone(r.Raw)
			s.rejects = append(s.rejects, r)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	result := v.Batch(b)
	if result.Rejected > 0 {
		refuse("")
		s.imp.Rows.Rejected++
		return
	}
	key := result.Records.Keys[0]
	old, exists := s.records[key]
	switch {
	case exists && old["_import_id"] != s.imp.ID:
		refuse(bulk.CodeDuplicateKey)
		s.imp.Rows.Rejected++
		return
	case exists:
		s.imp.Rows.Superseded++
	case len(s.records) >= quota:
		refuse(bulk.CodeOverQuota)
		s.imp.Rows.OverQuota++
		return
	default:
		s.imp.Rows.Created++
	}
	record := map[string]any{"_import_id": s.imp.ID, "_row": row, "_op_seq": 2}
	for _, c := range s.spec.Columns {
		record[c.Name] = nil
	}
	for i, name := range result.Records.Columns {
		record[name] = result.Records.Values[0][i]
	}
	s.records[key] = record
}

// codedRecord is a batch of one record, rejected or not.
type codedRecord struct{ single }

func (c *codedRecord) Code(int) bulk.Code { return c.record.Code }
func (c *codedRecord) Detail(int) string  { return c.record.Detail }

func verifyFile(t *testing.T, s *store, file string) Report {
	t.Helper()
	report, err := Run(t.Context(), s, s.imp.ID, func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(file)), nil })
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func contacts(t *testing.T, rows int64) (string, sample.Answer) {
	t.Helper()
	var file bytes.Buffer
	answer, err := sample.Contacts(&file, sample.Options{Rows: rows, Seed: 5, RejectRate: 0.05, DuplicateRate: 0.05})
	if err != nil {
		t.Fatal(err)
	}
	return file.String(), answer
}

const plenty = 1 << 30

func TestEqual(t *testing.T) {
	file, answer := contacts(t, 3000)
	s := imported(t, file, sample.Spec(), nil, plenty)
	if c := s.imp.Rows; c.Created != answer.Created || c.Superseded != answer.Superseded || c.Rejected != answer.Rejected {
		t.Fatalf("the generator promises %+v, the importer's reader and rules give %+v", answer, c)
	}
	r := verifyFile(t, s, file)
	if !r.Equal || r.Compared != answer.Created || r.Keys != answer.Created || !maps.Equal(r.Rejected, answer.ByCode) || r.SHA256 != answer.SHA256 {
		t.Errorf("got %+v, want all equal", r)
	}
	if want := "encoding/csv finds the same 3000 rows"; r.CrossCheck != want {
		t.Errorf("cross-check: got %q, want %q", r.CrossCheck, want)
	}
}

func TestEqualWithWhatOnlyTheStoreKnows(t *testing.T) {
	file, _ := contacts(t, 1000)
	owned := map[string]map[string]any{}
	for i := 1; i < 200; i += 7 {
		key := fmt.Sprintf("C%09d", i)
		owned[key] = map[string]any{"id": key, "_import_id": "imp_a", "_row": i, "_op_seq": 1}
	}
	s := imported(t, file, sample.Spec(), owned, 700)
	if s.imp.Rows.OverQuota == 0 {
		t.Fatal("the quota was never reached")
	}
	if r := verifyFile(t, s, file); !r.Equal || r.Refused[bulk.CodeDuplicateKey] == 0 || r.Refused[bulk.CodeOverQuota] != s.imp.Rows.OverQuota {
		t.Errorf("got %+v, want all equal", r)
	}
	for _, i := range []int{300, 301, 302} { // a later import took some over
		s.records[fmt.Sprintf("C%09d", i)]["_import_id"] = "imp_c"
		s.records[fmt.Sprintf("C%09d", i)]["_op_seq"] = 3
		s.records[fmt.Sprintf("C%09d", i)]["name"] = "changed"
	}
	if r := verifyFile(t, s, file); !r.Equal || r.Changed != 3 {
		t.Errorf("got %+v, want all equal and 3 changed", r)
	}
}

func TestHostileRowsAndEveryType(t *testing.T) {
	spec := bulk.Spec{Name: "d", Key: []string{"k", "n"}, Columns: []bulk.Column{
		{Name: "k", Type: bulk.TypeText},
		{Name: "n", Type: bulk.TypeInteger},
		{Name: "f", Type: bulk.TypeFloat},
		{Name: "b", Type: bulk.TypeBoolean},
		{Name: "d", Type: bulk.TypeDate},
		{Name: "j", Type: bulk.TypeJSON},
		{Name: "later", Type: bulk.TypeText},
		{Name: "preset", Type: bulk.TypeInteger, Default: "7"},
	}}
	file := "k;n;f;b;d;j\nA;9223372036854775807;1e3;yes;2024-02-29;{}\na;1;0.1;;;\n=x;2;-0;no;;\"[\"\"1\"\"]\"\nbad;\"q\"x;;;;\nfew;1\nA;+9223372036854775807;5;;;\n\xff;1;;;;\n\n;3;;;;\n"
	s := imported(t, file, spec, nil, plenty)
	r := verifyFile(t, s, file)
	if !r.Equal || r.Keys != 3 || r.Rows != 8 {
		t.Errorf("got %+v, want all equal with 3 keys of 8 rows", r)
	}
	want := map[bulk.Code]int64{bulk.CodeBadQuote: 1, bulk.CodeColumnCount: 1, bulk.CodeInvalidEncoding: 1, bulk.CodeMissingKey: 1}
	if !maps.Equal(r.Rejected, want) {
		t.Errorf("rejected: got %v, want %v", r.Rejected, want)
	}
}

func TestDifferencesAreFound(t *testing.T) {
	file, _ := contacts(t, 500)
	first := func(s *store) string {
		for _, key := range slices.Sorted(maps.Keys(s.records)) {
			return key
		}
		return ""
	}
	for name, tt := range map[string]struct {
		damage func(s *store)
		want   string
	}{
		"a value":                    {func(s *store) { s.records[first(s)]["city"] = "Atlantis" }, "values are not those of row"},
		"a value that became null":   {func(s *store) { s.records[first(s)]["name"] = nil }, "values are not those of row"},
		"a number as text":           {func(s *store) { s.records[first(s)]["active"] = "true" }, "values are not those of row"},
		"a lost record":              {func(s *store) { delete(s.records, first(s)) }, "its record is missing"},
		"an invented record":         {func(s *store) { r := maps.Clone(s.records[first(s)]); r["id"] = "C999999999"; s.records["x"] = r }, "no valid row"},
		"another row":                {func(s *store) { s.records[first(s)]["_row"] = 499 }, "says that row"},
		"an older import's record":   {func(s *store) { r := s.records[first(s)]; r["_import_id"], r["_op_seq"] = "imp_a", 1 }, "of the earlier import"},
		"a reject not exported":      {func(s *store) { s.rejects = s.rejects[1:] }, "rejects"},
		"a reject with another code": {func(s *store) { s.rejects[0].Code = bulk.CodeLength }, "rejects with code length"},
		"a reject of another row":    {func(s *store) { s.rejects[0].Row++ }, "names other rows"},
		"a baseless duplicate_key": {func(s *store) {
			row := s.records[first(s)]["_row"].(int64)
			delete(s.records, first(s))
			s.rejects = append(s.rejects, bulk.Reject{Row: row, Code: bulk.CodeDuplicateKey, Cells: make([]string, 10)})
			s.imp.Rows.Created--
			s.imp.Rows.Rejected++
		}, "no other import's record"},
		"a count":           {func(s *store) { s.imp.Rows.Rejected--; s.imp.Rows.Created++ }, "rows rejected"},
		"an unbalanced sum": {func(s *store) { s.imp.Rows.Superseded-- }, "do not add up"},
		"a digest":          {func(s *store) { other := shaOf("other"); s.imp.SHA256 = &other }, "SHA-256"},
		"another file":      {func(s *store) { s.imp.Layout.Header = []string{"x"} }, "another file"},
	} {
		t.Run(name, func(t *testing.T) {
			s := imported(t, file, sample.Spec(), nil, plenty)
			tt.damage(s)
			r := verifyFile(t, s, file)
			if r.Equal || !strings.Contains(strings.Join(r.Differences, "\n"), tt.want) {
				t.Errorf("got %+v, want a difference with %q", r, tt.want)
			}
		})
	}
}

func TestOnlyCompletedImportsAreVerified(t *testing.T) {
	file, _ := contacts(t, 10)
	s := imported(t, file, sample.Spec(), nil, plenty)
	s.imp.State = bulk.StateCancelled
	_, err := Run(t.Context(), s, s.imp.ID, nil)
	if bulk.KindOf(err) != bulk.KindConflict {
		t.Errorf("got %v, want KindConflict", err)
	}
}

func TestDifferencesAreBounded(t *testing.T) {
	file, _ := contacts(t, 200)
	s := imported(t, file, sample.Spec(), nil, plenty)
	clear(s.records)
	r := verifyFile(t, s, file)
	if len(r.Differences) != maxDifferences || r.More+maxDifferences != s.imp.Rows.Created {
		t.Errorf("got %d differences and %d more, want %d in all", len(r.Differences), r.More, s.imp.Rows.Created)
	}
}

func shaOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
