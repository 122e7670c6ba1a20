package store

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
	"bulkhead/internal/store/storetest"
)

// fixture is a migrated store with one account and one dataset "things".
type fixture struct {
	*Store
	t       testing.TB
	account bulk.AccountID
}

var things = bulk.Spec{Name: "things", Key: []string{"id"}, Columns: []bulk.Column{
	{Name: "id", Type: bulk.TypeText}, {Name: "name", Type: bulk.TypeText}, {Name: "size", Type: bulk.TypeInteger},
}}

// engines lists the stores that the suite runs on: each engine, the newest PostgreSQL beside
// Debian's, and schemas that a later version has brought ahead of this code.
var engines = map[string]func(t testing.TB) *Store{
	"sqlite":         openTestSQLite,
	"postgres":       openTestPostgres(storetest.Servers[0]),
	"postgres 18":    openTestPostgres(storetest.Servers[1]),
	"sqlite ahead":   ahead(openTestSQLite),
	"postgres ahead": ahead(openTestPostgres(storetest.Servers[0])),
}

func openTestSQLite(t testing.TB) *Store {
	s, err := New(Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "store.db")})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// openTestPostgres opens stores on the server whose address the variable has.
func openTestPostgres(variable string) func(t testing.TB) *Store {
	return func(t testing.TB) *Store {
		s, err := New(Config{URL: storetest.Schema(t, variable)})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

func ahead(open func(t testing.TB) *Store) func(t testing.TB) *Store {
	return func(t testing.TB) *Store {
		s := open(t)
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		addColumns(t, s)
		return s
	}
}

// onEngines runs the test on every engine; a short run leaves out the schemas that are ahead.
func onEngines(t *testing.T, test func(t *testing.T, f *fixture)) {
	for name, open := range engines {
		if testing.Short() && strings.HasSuffix(name, " ahead") {
			continue
		}
		t.Run(name, func(t *testing.T) { test(t, newFixture(t, open(t))) })
	}
}

func newFixture(t testing.TB, s *Store) *fixture {
	t.Cleanup(func() { s.Close() })
	f := &fixture{Store: s, t: t}
	f.must(s.Migrate(t.Context()))
	f.account = f.newAccount("one", 1000)
	_, err := s.ApplyDataset(t.Context(), things)
	f.must(err)
	return f
}

func (f *fixture) newAccount(name string, quota int64) bulk.AccountID {
	f.t.Helper()
	a, err := f.CreateAccount(f.t.Context(), name, quota, 1)
	f.must(err)
	return a.ID
}

func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) newImport(account bulk.AccountID, mode bulk.Mode, o bulk.Options) bulk.Import {
	f.t.Helper()
	i, _, err := f.CreateImport(f.t.Context(), bulk.NewImport{
		Account: account, Dataset: "things", Mode: mode, Priority: bulk.PriorityNormal, Filename: "things.csv", Size: -1, Options: o,
	}, 0)
	f.must(err)
	return i
}

// row is one valid row; rejected rows are given as a count to stage.
type row struct {
	no   int64
	id   string
	name string
}

// stage stages batches of those sizes and seals the upload with the last.
func (f *fixture) stage(imp bulk.Import, sizes ...int) {
	f.t.Helper()
	f.stageOpen(imp, sizes...)
	f.seal(imp)
}

func (f *fixture) stageOpen(imp bulk.Import, sizes ...int) {
	f.t.Helper()
	f.stageAs(imp, bulk.Layout{Header: []string{"id", "name", "size"}, Fields: []string{"id", "name", "size"}}, sizes...)
}

// stageAs stages batches of a file with that layout.
func (f *fixture) stageAs(imp bulk.Import, layout bulk.Layout, sizes ...int) {
	f.t.Helper()
	for _, size := range sizes {
		u, err := f.TakeUpload(f.t.Context(), imp.AccountID, imp.ID)
		f.must(err)
		p := f.next(u)
		p.Layout = &layout
		p.Batch = &bulk.Batch{
			No: u.Boundary.BatchNo, Object: fmt.Sprintf("o/%s/%d", imp.ID, u.Boundary.BatchNo), Size: 1, SHA256: "x",
			FirstRow: u.Boundary.Row + 1, ByteFrom: u.Offset, ByteTo: u.Offset + 100, Rows: bulk.Counts{Read: int64(size)},
		}
		p.Offset += 100
		p.Boundary.Offset, p.Boundary.BatchNo = p.Offset, u.Boundary.BatchNo+1
		p.Boundary.Row += int64(size)
		f.must(f.Advance(f.t.Context(), p))
	}
}

func (f *fixture) seal(imp bulk.Import) {
	f.t.Helper()
	u, err := f.TakeUpload(f.t.Context(), imp.AccountID, imp.ID)
	f.must(err)
	p := f.next(u)
	p.Length, p.Seal = p.Offset, &bulk.Seal{SHA256: "digest"}
	f.must(f.Advance(f.t.Context(), p))
}

func (f *fixture) next(u bulk.Upload) bulk.Progress {
	return bulk.Progress{
		Account: u.Import.AccountID, Import: u.Import.ID, Epoch: u.Epoch, From: u.Offset, Offset: u.Offset, Length: -1,
		Boundary: u.Boundary, Layout: &bulk.Layout{Header: []string{"id", "name", "size"}, Fields: []string{"id", "name", "size"}},
	}
}

// commitOf makes the commit of a batch with these rows; the rest of the batch was rejected.
func commitOf(w bulk.BatchTask, rows ...row) bulk.ValidatedBatch {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b row) int {
		if a.id != b.id {
			return int(b2i(a.id > b.id)) - int(b2i(a.id < b.id))
		}
		return int(a.no - b.no)
	})
	c := bulk.ValidatedBatch{Task: w, Lease: bulk.Lease{Node: "node_test"}, Records: bulk.Records{Columns: []string{"id", "name", "size"}}}
	for i, r := range rows {
		if i+1 < len(rows) && rows[i+1].id == r.id {
			c.Superseded++
			continue
		}
		c.Records.RowNo = append(c.Records.RowNo, r.no)
		c.Records.LineNo = append(c.Records.LineNo, r.no+1)
		c.Records.Keys = append(c.Records.Keys, r.id)
		c.Records.Values = append(c.Records.Values, []bulk.Value{r.id, r.name, int64(len(r.name))})
	}
	c.Rejected = w.Batch.Rows.Read - int64(len(rows))
	if c.Rejected > 0 {
		c.RejectGroups = []bulk.RejectGroup{{Column: "name", Code: bulk.CodeRequired, Count: c.Rejected, Examples: []bulk.Example{{Row: w.Batch.FirstRow}}}}
	}
	return c
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (f *fixture) work(imp bulk.Import, no int64) bulk.BatchTask {
	f.t.Helper()
	w, err := f.BatchTask(f.t.Context(), bulk.BatchID{Import: imp.ID, No: no})
	f.must(err)
	return w
}

func (f *fixture) commit(imp bulk.Import, no int64, rows ...row) bulk.Counts {
	f.t.Helper()
	n, err := f.Commit(f.t.Context(), commitOf(f.work(imp, no), rows...))
	f.must(err)
	return n
}

func (f *fixture) get(imp bulk.Import) bulk.Import {
	f.t.Helper()
	i, err := f.Import(f.t.Context(), imp.AccountID, imp.ID)
	f.must(err)
	return i
}

// live reads every record of the account as "id=name".
func (f *fixture) live(account bulk.AccountID) (out []string) {
	f.t.Helper()
	cursor := ""
	for {
		p, err := f.Records(f.t.Context(), account, bulk.RecordQuery{Dataset: "things", Cursor: cursor, Limit: 7})
		f.must(err)
		for _, r := range p.Records {
			out = append(out, fmt.Sprintf("%v=%v", r.Values[0], r.Values[1]))
		}
		if cursor = p.Next; cursor == "" {
			return out
		}
	}
}

func (f *fixture) wantUsage(account bulk.AccountID, want int64) {
	f.t.Helper()
	u, err := f.Usage(f.t.Context(), account)
	f.must(err)
	live := int64(len(f.live(account)))
	if u.Records != want || live != want || (want > 0 && u.ByDataset[0].Records != want) {
		f.t.Fatalf("usage %d, by dataset %v, live %d; want %d", u.Records, u.ByDataset, live, want)
	}
}
