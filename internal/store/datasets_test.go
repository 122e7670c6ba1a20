package store

import (
	"slices"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
)

func TestApplyDataset(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		imp := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		f.stage(imp, 1)
		f.commit(imp, 0, row{1, "a", "x"})

		same, err := f.ApplyDataset(t.Context(), things)
		if err != nil || same.Version != 1 {
			t.Fatal(same.Version, err)
		}
		wider := things
		wider.Columns = append(slices.Clone(things.Columns), bulk.Column{Name: "note", Type: bulk.TypeText})
		d, err := f.ApplyDataset(t.Context(), wider)
		if err != nil || d.Version != 2 {
			t.Fatal(d.Version, err)
		}
		p, err := f.Records(t.Context(), f.account, bulk.RecordQuery{Dataset: "things", Limit: 10})
		f.must(err)
		if !slices.Equal(p.Columns, []string{"id", "name", "size", "note"}) || p.Records[0].Values[3] != nil {
			t.Fatalf("page %+v", p)
		}
		if spec, err := f.ImportSpec(t.Context(), f.account, imp.ID); err != nil || len(spec.Columns) != 3 {
			t.Fatalf("the import's spec changed: %v %v", spec, err)
		}
		narrow := things
		narrow.Columns = []bulk.Column{{Name: "id", Type: bulk.TypeInteger}, {Name: "name", Type: bulk.TypeText}}
		_, err = f.ApplyDataset(t.Context(), narrow)
		if bulk.KindOf(err) != bulk.KindConflict || !strings.Contains(err.Error(), `"size" would be dropped`) || !strings.Contains(err.Error(), "from text to integer") {
			t.Fatal(err)
		}
		_, err = f.ApplyDataset(t.Context(), bulk.Spec{Name: "Bad Name"})
		wantKind(t, err, bulk.KindInvalid)
	})
}

// Every type and a compound key survive the way into the table and out again, and paging sees each record once.
func TestRecordsKeepTypes(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		spec := bulk.Spec{Name: "typed", Key: []string{"a", "b"}, Columns: []bulk.Column{
			{Name: "a", Type: bulk.TypeInteger},
			{Name: "b", Type: bulk.TypeText},
			{Name: "d", Type: bulk.TypeDecimal},
			{Name: "f", Type: bulk.TypeFloat},
			{Name: "yes", Type: bulk.TypeBoolean},
			{Name: "on_day", Type: bulk.TypeDate},
			{Name: "ts", Type: bulk.TypeTimestamp},
			{Name: "order", Type: bulk.TypeJSON},
		}}
		_, err := f.ApplyDataset(t.Context(), spec)
		f.must(err)
		imp, _, err := f.CreateImport(t.Context(), bulk.NewImport{Account: f.account, Dataset: "typed", Mode: bulk.ModeUpsert, Size: -1}, 0)
		f.must(err)
		f.stage(imp, 3)
		w := f.work(imp, 0)
		full := []bulk.Value{int64(9007199254740993), "x", "12345678901234567890.12", float64(2), true, "2024-02-29", "2024-02-29T01:02:03.000004Z", `{"a":1}`}
		empty := []bulk.Value{int64(9007199254740993), "y", nil, nil, nil, nil, nil, nil}
		small := []bulk.Value{int64(-1), "z", "0", 0.5, false, "0001-01-01", "9999-12-31T23:59:59.999999Z", "[]"}
		c := bulk.ValidatedBatch{Task: w, Records: bulk.Records{
			Columns: []string{"a", "b", "d", "f", "yes", "on_day", "ts", "order"}, RowNo: []int64{1, 2, 3},
			Keys: []string{"1", "2", "3"}, Values: [][]bulk.Value{full, empty, small},
		}}
		_, err = f.Commit(t.Context(), c)
		f.must(err)
		var got [][]bulk.Value
		for cursor := ""; ; {
			p, err := f.Records(t.Context(), f.account, bulk.RecordQuery{Dataset: "typed", Cursor: cursor, Limit: 1})
			f.must(err)
			got = append(got, p.Records[0].Values)
			if cursor = p.Next; cursor == "" {
				break
			}
		}
		if len(got) != 3 || !slices.Equal(got[0], small) || !slices.Equal(got[1], full) || !slices.Equal(got[2], empty) {
			t.Fatalf("records %v", got)
		}
		_, err = f.Records(t.Context(), f.account, bulk.RecordQuery{Dataset: "typed", Cursor: "nonsense", Limit: 1})
		wantKind(t, err, bulk.KindInvalid)
	})
}
