package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"bulkhead/columnar"
	"bulkhead/internal/bulk"
	"bulkhead/processors/validate"
)

var people = bulk.Spec{Name: "people", Key: []string{"id"}, Columns: []bulk.Column{
	{Name: "id", Type: bulk.TypeText}, {Name: "age", Type: bulk.TypeInteger}, {Name: "note", Type: bulk.TypeText},
}}

// stored are objects by key; one that is nil fails.
type stored map[string][]byte

var errTimeout = errors.New("i/o timeout")

func (s stored) Get(_ context.Context, key string) ([]byte, error) {
	data, ok := s[key]
	switch {
	case !ok:
		return nil, fmt.Errorf("get %s: %w", key, bulk.ErrNotFound)
	case data == nil:
		return nil, errTimeout
	}
	return data, nil
}

// fakeLedger has one import of one batch.
type fakeLedger struct {
	task    bulk.BatchTask
	refused map[bulk.Code]bulk.RowSet
	landed  bulk.Records
	asked   [][]bulk.Value
}

func (l *fakeLedger) ImportSpec(context.Context, bulk.AccountID, bulk.ImportID) (bulk.Spec, error) {
	return l.task.Spec, nil
}

func (l *fakeLedger) Batches(_ context.Context, _ bulk.AccountID, after bulk.BatchID, _ int) ([]bulk.Batch, error) {
	if after.No >= l.task.Batch.No {
		return nil, nil
	}
	return []bulk.Batch{l.task.Batch}, nil
}

func (l *fakeLedger) BatchRejects(context.Context, bulk.AccountID, bulk.BatchID) (map[bulk.Code]bulk.RowSet, error) {
	return l.refused, nil
}

func (l *fakeLedger) AppliedRecords(_ context.Context, _ bulk.BatchTask, keys [][]bulk.Value) (bulk.Records, error) {
	l.asked = keys
	return l.landed, nil
}

// stage makes a committed batch of seven rows: two that land, one that a later one
// displaces, one without cells, one that breaks a rule, and two that the transaction refused.
func stage(t testing.TB) (stored, *fakeLedger) {
	t.Helper()
	b := columnar.NewBuilder([]string{"id", "age"})
	for i, row := range [][2]string{{"b", "1"}, {"a", "2"}, {"c", "old"}, {"b", "3"}, {"d", "4"}, {"e", "5"}} {
		b.Append(int64(i+1), int64(i+2), int64(10*i), [][]byte{[]byte(row[0]), []byte(row[1])})
	}
	b.AppendReject(columnar.Reject{Row: 7, Line: 8, Offset: 60, Code: bulk.CodeBadQuote, Detail: "A quote in the middle.", Raw: []byte(`f"g,6`)})
	rec := b.Finish()
	defer rec.Release()
	data, sum, err := columnar.Encode(rec)
	if err != nil {
		t.Fatal(err)
	}
	l := &fakeLedger{
		task: bulk.BatchTask{
			Account: "acc", Spec: people, OpSeq: 1,
			Import: bulk.Import{ID: "imp", AccountID: "acc", Mode: bulk.ModeCreate, Layout: &bulk.Layout{Header: []string{"ID", "Age"}, Fields: []string{"id", "age"}}},
			Batch: bulk.Batch{
				Import: "imp", Object: "o", SHA256: sum, FirstRow: 1, State: bulk.BatchCommitted,
				Rows: bulk.Counts{Read: 7, Created: 2, Superseded: 1, Rejected: 3, OverQuota: 1},
			},
		},
		refused: map[bulk.Code]bulk.RowSet{bulk.CodeDuplicateKey: {5}, bulk.CodeOverQuota: {6}},
	}
	return stored{"o": data}, l
}

// users are the three ways to read a batch; each returns what it found, as text.
var users = map[string]func(context.Context, *Reader, *fakeLedger) ([]string, error){
	"commit": func(ctx context.Context, r *Reader, l *fakeLedger) (out []string, err error) {
		err = r.Read(ctx, l.task, func(b *Batch) error {
			found := b.Validate()
			for i, key := range found.Records.Keys {
				out = append(out, fmt.Sprintf("%d %s %v", found.Records.RowNo[i], key, found.Records.Values[i]))
			}
			out = append(out, fmt.Sprintf("%d superseded, %d rejected", found.Superseded, found.Rejected))
			return nil
		})
		return out, err
	},
	"rejects": func(ctx context.Context, r *Reader, l *fakeLedger) (out []string, err error) {
		err = Rejects{r, l}.Each(ctx, l.task.Import, func(r bulk.Reject) error {
			out = append(out, fmt.Sprintf("%d %s %s", r.Row, r.Column, r.Code))
			return nil
		})
		return out, err
	},
	"applied": func(ctx context.Context, r *Reader, l *fakeLedger) (out []string, err error) {
		err = Applied{r, l}.Read(ctx, l.task, func(r bulk.Records) error {
			for i, row := range r.RowNo {
				out = append(out, fmt.Sprintf("%d %v", row, r.Values[i]))
			}
			return nil
		})
		return out, err
	},
}

// Together the three account for each of the seven rows, however often they ask.
func TestEveryReadingFindsTheSame(t *testing.T) {
	objects, l := stage(t)
	r := NewReader(objects)
	want := map[string]string{
		"commit":  "2 a [a 2]; 4 b [b 3]; 5 d [d 4]; 6 e [e 5]; 1 superseded, 2 rejected",
		"rejects": "3 Age invalid_integer; 5 ID duplicate_key; 6 ID over_quota; 7  bad_quote",
		"applied": "2 [a 2]; 4 [b 3]",
	}
	for range 2 {
		for name, use := range users {
			if got, err := use(t.Context(), r, l); err != nil || strings.Join(got, "; ") != want[name] {
				t.Errorf("%s found %s, %v; want %s", name, strings.Join(got, "; "), err, want[name])
			}
		}
	}
}

// What is wrong with a batch is the same for everybody; only who asks for rejects is
// told that they are gone.
func TestBrokenBatchIsTheSameForEverybody(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(stored, *fakeLedger)
		want string // code: sentence
	}{
		"gone":    {func(o stored, _ *fakeLedger) { delete(o, "o") }, ErrMissing + ": The batch object is not in the object store."},
		"flipped": {func(o stored, _ *fakeLedger) { o["o"][20] ^= 1 }, columnar.ErrDamaged + ": The batch object has SHA-256 "},
		"cut":     {func(o stored, _ *fakeLedger) { o["o"] = o["o"][:100] }, columnar.ErrDamaged + ": The batch object has SHA-256 "},
		"other rows": {
			func(_ stored, l *fakeLedger) { l.task.Batch.Rows.Read = 8 }, columnar.ErrDamaged + ": The batch object has 7 rows, the ledger says 8.",
		},
		"no header": {func(_ stored, l *fakeLedger) { l.task.Import.Layout = nil }, "layout_missing: The import has staged rows but no header."},
	} {
		t.Run(name, func(t *testing.T) {
			objects, l := stage(t)
			objects["o"] = bytes.Clone(objects["o"])
			c.harm(objects, l)
			for user, use := range users {
				kind, want := bulk.Kind(""), c.want
				if user == "rejects" && name == "gone" {
					kind, want = bulk.KindNotFound, "rejects_gone: The staged rows of this import are gone"
				}
				if user == "rejects" && name == "no header" {
					continue // no row was read, so there is none to list
				}
				got, err := use(t.Context(), NewReader(objects), l)
				e, ok := errors.AsType[*bulk.Error](err)
				if !ok || !strings.HasPrefix(e.Error(), want) || e.Kind != kind || len(got) > 0 {
					t.Errorf("%s: %q, %v; want nothing, %s of kind %q", user, got, err, want, kind)
				}
			}
		})
	}
}

func TestObjectStoreThatFailsMayHaveTheObject(t *testing.T) {
	objects, l := stage(t)
	objects["o"] = nil
	for user, use := range users {
		if _, err := use(t.Context(), NewReader(objects), l); !errors.Is(err, ErrFetch) || !errors.Is(err, errTimeout) {
			t.Errorf("%s: %v, want %v about %v", user, err, ErrFetch, errTimeout)
		}
	}
}

func TestBatchIsReleasedHoweverItsUseEnds(t *testing.T) {
	stop := errors.New("stop")
	for name, end := range map[string]func() error{
		"return": func() error { return nil },
		"error":  func() error { return stop },
		"panic":  func() error { panic(stop) },
	} {
		t.Run(name, func(t *testing.T) {
			objects, l := stage(t)
			var kept *Batch
			defer func() {
				if p := recover(); (p != nil) != (name == "panic") {
					t.Errorf("panic: %v", p)
				}
				if n := kept.rows.Rows(); n != 0 {
					t.Errorf("%d rows are still in memory", n)
				}
			}()
			err := NewReader(objects).Read(t.Context(), l.task, func(b *Batch) error {
				kept = b
				if n := b.rows.Rows(); n != 7 {
					t.Errorf("%d rows, want 7", n)
				}
				return end()
			})
			if (name == "error") != errors.Is(err, stop) {
				t.Errorf("Read = %v", err)
			}
		})
	}
}

// Columns that an upsert's file does not feed are in the store alone.
func TestUpdatedRecordsAreReadFromTheStore(t *testing.T) {
	objects, l := stage(t)
	l.landed = bulk.Records{Columns: []string{"id", "age", "note"}, RowNo: []int64{4}, Values: [][]bulk.Value{{"b", int64(3), "kept"}}}
	for name, c := range map[string]struct {
		change func(*bulk.BatchTask)
		stored bool
	}{
		"create":                       {func(*bulk.BatchTask) {}, false},
		"upsert of new records":        {func(w *bulk.BatchTask) { w.Import.Mode = bulk.ModeUpsert }, false},
		"upsert of one that was there": {func(w *bulk.BatchTask) { w.Import.Mode = bulk.ModeUpsert; w.Batch.Rows.Updated = 1 }, true},
		"another batch overwrote one":  {func(w *bulk.BatchTask) { w.Import.Mode = bulk.ModeUpsert; w.Batch.Rows.Superseded = 2 }, true},
		"every column is fed": {func(w *bulk.BatchTask) {
			w.Import.Mode, w.Batch.Rows.Updated, w.Spec.Columns = bulk.ModeUpsert, 1, w.Spec.Columns[:2]
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := &fakeLedger{task: l.task, refused: l.refused, landed: l.landed}
			c.change(&l.task)
			got, err := users["applied"](t.Context(), NewReader(objects), l)
			want, keys := []string{"2 [a 2]", "4 [b 3]"}, 0
			if c.stored {
				want, keys = []string{"4 [b 3 kept]"}, 2
			}
			if err != nil || !slices.Equal(got, want) || len(l.asked) != keys {
				t.Errorf("%q, %v with %d keys asked for; want %q, %d", got, err, len(l.asked), want, keys)
			}
		})
	}
}

func TestRulesAreCompiledOnceAnImport(t *testing.T) {
	_, l := stage(t)
	var v validators
	of := func(id int) *validate.Validator {
		task := l.task
		task.Import.ID = bulk.ImportID(fmt.Sprint(id))
		rules, err := v.of(task)
		if err != nil {
			t.Fatal(err)
		}
		return rules
	}
	first := of(0)
	if of(0) != first {
		t.Error("the rules of an import were compiled twice")
	}
	for id := range validatorsKept + 1 {
		of(id)
	}
	if len(v.byID) != validatorsKept || len(v.recent) != validatorsKept {
		t.Errorf("%d and %d rules are remembered, want %d", len(v.byID), len(v.recent), validatorsKept)
	}
	if of(0) == first {
		t.Error("the oldest rules were not forgotten")
	}
}
