package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"bulkhead/internal/bulk"
)

// refuseBad makes the database itself refuse names that begin with "bad".
func (f *fixture) refuseBad() {
	f.t.Helper()
	statements := []string{`ALTER TABLE ds_things ADD CHECK (name NOT LIKE 'bad%')`}
	if _, ok := f.engine.(sqliteEngine); ok {
		statements = []string{
			`CREATE TRIGGER a BEFORE INSERT ON ds_things WHEN NEW.name LIKE 'bad%' BEGIN SELECT RAISE(ABORT, 'no'); END`,
			`CREATE TRIGGER b BEFORE UPDATE ON ds_things WHEN NEW.name LIKE 'bad%' BEGIN SELECT RAISE(ABORT, 'no'); END`,
		}
	}
	for _, s := range statements {
		_, err := f.write.Exec(s)
		f.must(err)
	}
}

// A row that the database refuses for its data is a reject; its batch lands, whether keys
// are new, exist, or repeat.
func TestRowsThatTheDatabaseRefusesAreRejects(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		f.refuseBad()
		first := f.newImport(f.account, bulk.ModeUpsert, bulk.Options{})
		f.stage(first, 20)
		var rows []row
		for i := range int64(20) {
			rows = append(rows, row{i + 1, fmt.Sprintf("k%02d", i), map[bool]string{true: "bad", false: "good"}[i%7 == 3]})
		}
		wantCounts(t, f.commit(first, 0, rows...), bulk.Counts{Read: 20, Created: 17, Rejected: 3})
		f.wantUsage(f.account, 17)
		refused, err := f.BatchRejects(t.Context(), f.account, bulk.BatchID{Import: first.ID})
		f.must(err)
		if !slices.Equal(refused[bulk.CodeUnstorable], bulk.RowSet{4, 11, 18}) {
			t.Errorf("refused %v", refused)
		}
		groups, err := f.RejectGroups(t.Context(), f.account, first.ID)
		f.must(err)
		if len(groups) != 1 || groups[0].Code != bulk.CodeUnstorable || groups[0].Count != 3 || groups[0].Examples[0].Value != "k03" {
			t.Errorf("groups %+v", groups)
		}
		wantState(t, f.get(first), bulk.StateCompletedWithRejects)

		second := f.newImport(f.account, bulk.ModeUpsert, bulk.Options{})
		f.stage(second, 4)
		wantCounts(t, f.commit(second, 0, row{1, "k00", "bad"}, row{2, "k01", "better"}, row{3, "new", "bad"}, row{4, "k03", "good"}),
			bulk.Counts{Read: 4, Created: 1, Updated: 1, Rejected: 2})
		f.wantUsage(f.account, 18)
		if live := f.live(f.account); live[0] != "k00=good" || live[1] != "k01=better" || live[3] != "k03=good" {
			t.Errorf("live %v", live)
		}
	})
}

// Two imports that each fit fill one record: what would not fit into it any more is a
// reject, and the record stays as it was.
func TestUpsertThatWouldOverflowIsAReject(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		spec := bulk.Spec{Name: "wide", Key: []string{"id"}, Columns: []bulk.Column{{Name: "id", Type: bulk.TypeText}}}
		types := []bulk.Type{bulk.TypeText, bulk.TypeInteger, bulk.TypeDate, bulk.TypeDecimal, bulk.TypeBoolean, bulk.TypeTimestamp, bulk.TypeJSON, bulk.TypeFloat}
		values := []bulk.Value{strings.Repeat("x", 100), int64(1), "2026-01-01", "12345678901234567890.5", true, "2026-01-01T00:00:00.000000Z", `{"a": "bcdefghijklmnopqrstuvwxyz"}`, 1.5}
		for i := range 1000 {
			spec.Columns = append(spec.Columns, bulk.Column{Name: fmt.Sprintf("c%d", i), Type: types[i%len(types)]})
		}
		_, err := f.ApplyDataset(t.Context(), spec)
		f.must(err)
		upsert := func(from, to int) bulk.Counts { // rows that feed these columns
			t.Helper()
			imp, _, err := f.CreateImport(t.Context(), bulk.NewImport{Account: f.account, Dataset: "wide", Mode: bulk.ModeUpsert, Size: -1}, 0)
			f.must(err)
			c := bulk.ValidatedBatch{Records: bulk.Records{Columns: []string{"id"}, RowNo: []int64{1}, LineNo: []int64{2}, Keys: []string{"k"}, Values: [][]bulk.Value{{"k"}}}}
			for i := from; i < to; i++ {
				c.Records.Columns = append(c.Records.Columns, fmt.Sprintf("c%d", i))
				c.Records.Values[0] = append(c.Records.Values[0], values[i%len(values)])
			}
			f.stageAs(imp, bulk.Layout{Header: c.Records.Columns, Fields: c.Records.Columns}, 1)
			c.Task = f.work(imp, 0)
			n, err := f.Commit(t.Context(), c)
			f.must(err)
			return n
		}
		wantCounts(t, upsert(0, 320), bulk.Counts{Read: 1, Created: 1})
		wantCounts(t, upsert(320, 640), bulk.Counts{Read: 1, Rejected: 1})
		wantCounts(t, upsert(320, 400), bulk.Counts{Read: 1, Updated: 1})
		wantCounts(t, upsert(0, 420), bulk.Counts{Read: 1, Updated: 1})
		p, err := f.Records(t.Context(), f.account, bulk.RecordQuery{Dataset: "wide", Limit: 1})
		f.must(err)
		if v := p.Records[0].Values; v[400] == nil || v[421] != nil {
			t.Errorf("the record has %v and %v", v[400], v[421])
		}
	})
}

// What the database says decides what becomes of a batch.
func TestFaults(t *testing.T) {
	for code, want := range map[string]fault{
		"22021": faultData, "22P02": faultData, "23514": faultData, "54000": faultData,
		"40001": faultRetryable, "40P01": faultRetryable, "53100": faultRetryable, "57P01": faultRetryable, "08006": faultRetryable, "55P03": faultRetryable, "25P03": faultRetryable,
		"0A000": faultUnknown, "26000": faultUnknown, "42703": faultUnknown, "42P01": faultUnknown, "57014": faultUnknown, "XX000": faultUnknown, "P0001": faultUnknown,
	} {
		if got := (postgresEngine{}).fault(fmt.Errorf("commit: %w", &pgconn.PgError{Code: code})); got != want {
			t.Errorf("%s: %d, want %d", code, got, want)
		}
	}
	for _, e := range []engine{postgresEngine{}, sqliteEngine{}} {
		if e.fault(errors.New("other")) != notDatabase || e.fault(nil) != notDatabase {
			t.Errorf("%s: an error of ours is taken for the database's", e.name())
		}
	}
}

// An error that does not speak of the rows is told from a failure of the batch.
func TestUnknownErrorsOfTheDatabaseAreMarked(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		imp := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		f.stage(imp, 1)
		c := commitOf(f.work(imp, 0), row{1, "a", ""})
		_, err := f.write.Exec(`ALTER TABLE ds_things RENAME TO ds_gone`)
		f.must(err)
		if _, err := f.Commit(t.Context(), c); !errors.Is(err, bulk.ErrDatabase) {
			t.Errorf("a missing table: %v", err)
		}
	})
}

// A header may have 64 KiB, and a cluster is stored by the name of its column.
func TestRejectGroupsOfLongColumns(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		imp := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		f.stage(imp, 1)
		c := commitOf(f.work(imp, 0))
		c.RejectGroups[0].Column = noise(rand.New(rand.NewPCG(1, 1)), 60_000)
		_, err := f.Commit(t.Context(), c)
		f.must(err)
		groups, err := f.RejectGroups(t.Context(), f.account, imp.ID)
		f.must(err)
		if len(groups) != 1 || groups[0].Column != c.RejectGroups[0].Column[:maxLabel] {
			t.Errorf("groups %.200v", groups)
		}
	})
}

// A dry run that is approved after the dataset was extended comes later in the order, and
// meets records with columns that its spec does not know.
func TestApprovedImportMeetsNewerColumns(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		spec := bulk.Spec{Name: "wide", Key: []string{"id"}, Columns: []bulk.Column{{Name: "id", Type: bulk.TypeText}}}
		grow := func(to int) {
			for i := len(spec.Columns) - 1; i < to; i++ {
				spec.Columns = append(spec.Columns, bulk.Column{Name: fmt.Sprintf("c%d", i), Type: bulk.TypeText})
			}
			_, err := f.ApplyDataset(t.Context(), spec)
			f.must(err)
		}
		begin := func(from, to int, o bulk.Options) (imp bulk.Import, c bulk.ValidatedBatch) {
			imp, _, err := f.CreateImport(t.Context(), bulk.NewImport{Account: f.account, Dataset: "wide", Mode: bulk.ModeUpsert, Size: -1, Options: o}, 0)
			f.must(err)
			c.Records = bulk.Records{Columns: []string{"id"}, RowNo: []int64{1}, LineNo: []int64{2}, Keys: []string{"k"}, Values: [][]bulk.Value{{"k"}}}
			for i := from; i < to; i++ {
				c.Records.Columns = append(c.Records.Columns, fmt.Sprintf("c%d", i))
				c.Records.Values[0] = append(c.Records.Values[0], strings.Repeat("x", 30))
			}
			f.stageAs(imp, bulk.Layout{Header: c.Records.Columns, Fields: c.Records.Columns}, 1)
			f.seal(imp)
			return imp, c
		}
		grow(200)
		dry, c := begin(0, 200, bulk.Options{DryRun: true})
		c.Task = f.work(dry, 0)
		f.must(f.Check(t.Context(), c))
		grow(500)
		later, l := begin(200, 490, bulk.Options{})
		l.Task = f.work(later, 0)
		_, err := f.Commit(t.Context(), l)
		f.must(err)
		_, err = f.Approve(t.Context(), f.account, dry.ID)
		f.must(err)
		c.Task = f.work(dry, 0)
		n, err := f.Commit(t.Context(), c)
		f.must(err)
		wantCounts(t, n, bulk.Counts{Read: 1, Rejected: 1})
	})
}
