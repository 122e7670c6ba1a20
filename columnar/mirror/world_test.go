package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/store"
)

// TestMain makes this test binary the child process of chDB when it is called as one.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "serve-chdb" {
		if err := ServeChDB(os.Args[2], os.Args[3], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// engines are what every test runs on: the old server and the current library.
var engines = map[string]func(t *testing.T) Engine{
	"clickhouse": func(t *testing.T) Engine {
		address, name := service(t, "BULKHEAD_TEST_CLICKHOUSE"), "t_"+string(bulk.NewUserID()[4:])
		e, err := Server(address, name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { // e is closed by then
			admin, err := Server(address, "default")
			if err == nil {
				err = errors.Join(admin.Exec(context.Background(), "DROP DATABASE IF EXISTS "+ident(name)), admin.Close())
			}
			if err != nil {
				t.Error(err)
			}
		})
		return e
	},
	"chdb": func(t *testing.T) Engine {
		return ChDB([]string{os.Args[0], "serve-chdb", service(t, "BULKHEAD_TEST_CHDB"), t.TempDir()}, "bulkhead")
	},
}

func service(t *testing.T, variable string) string {
	t.Helper()
	v := os.Getenv(variable)
	if v == "" && os.Getenv("BULKHEAD_REQUIRE_SERVICES") == "1" {
		t.Fatalf("%s is not set, but services are required", variable)
	}
	if v == "" {
		t.Skipf("SKIPPED: %s is not set; see `task services:up`", variable)
	}
	return v
}

// world is a store with things in it, an engine, and the way between them.
type world struct {
	*store.Store
	t       *testing.T
	engine  Engine
	account bulk.AccountID
	keys    map[bulk.BatchID][][]bulk.Value // of the rows of committed batches
}

var things = bulk.Spec{Name: "things", Key: []string{"id", "part"}, Columns: []bulk.Column{
	{Name: "id", Type: bulk.TypeText},
	{Name: "part", Type: bulk.TypeInteger},
	{Name: "name", Type: bulk.TypeText},
	{Name: "price", Type: bulk.TypeDecimal},
	{Name: "weight", Type: bulk.TypeFloat},
	{Name: "active", Type: bulk.TypeBoolean},
	{Name: "born", Type: bulk.TypeDate},
	{Name: "seen", Type: bulk.TypeTimestamp},
	{Name: "more", Type: bulk.TypeJSON},
}}

// onEngines runs the test on every engine there is.
func onEngines(t *testing.T, test func(t *testing.T, w *world)) {
	for name, open := range engines {
		t.Run(name, func(t *testing.T) {
			e := open(t)
			test(t, newWorld(t, e))
		})
	}
}

func newWorld(t *testing.T, e Engine) *world {
	t.Helper()
	s, err := store.New(store.Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "store.db")})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Store: s, t: t, engine: e, keys: map[bulk.BatchID][][]bulk.Value{}}
	t.Cleanup(func() { w.must(s.Close()) })
	t.Cleanup(func() { w.must(e.Close()) })
	w.must(s.Migrate(t.Context()))
	w.account = w.newAccount("one", 1000)
	w.apply(things)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) newAccount(name string, quota int64) bulk.AccountID {
	w.t.Helper()
	a, err := w.CreateAccount(context.Background(), name, quota, 1)
	w.must(err)
	return a.ID
}

func (w *world) apply(spec bulk.Spec) {
	w.t.Helper()
	_, err := w.ApplyDataset(w.t.Context(), spec)
	w.must(err)
}

// begin creates an import of batches that have so many rows; its file feeds the columns.
func (w *world) begin(mode bulk.Mode, dataset bulk.DatasetName, columns []string, sizes ...int64) bulk.Import {
	w.t.Helper()
	imp, _, err := w.CreateImport(w.t.Context(), bulk.NewImport{
		Account: w.account, Dataset: dataset, Mode: mode, Priority: bulk.PriorityNormal, Filename: "things.csv", Size: -1,
	}, 0)
	w.must(err)
	w.stage(imp, columns, sizes...)
	return imp
}

// stage stages batches that have so many rows, and seals the upload.
func (w *world) stage(imp bulk.Import, columns []string, sizes ...int64) {
	w.t.Helper()
	for i, size := range sizes {
		u, err := w.TakeUpload(w.t.Context(), w.account, imp.ID)
		w.must(err)
		p := bulk.Progress{
			Account: w.account, Import: imp.ID, Epoch: u.Epoch, From: u.Offset, Offset: u.Offset + 100, Length: -1, Boundary: u.Boundary,
			Layout: &bulk.Layout{Header: columns, Fields: columns},
		}
		p.Batch = &bulk.Batch{
			No: int64(i), Object: fmt.Sprintf("o/%s/%d", imp.ID, i), Size: 1, SHA256: "x", FirstRow: u.Boundary.Row + 1,
			ByteFrom: u.Offset, ByteTo: u.Offset + 100, Rows: bulk.Counts{Read: size},
		}
		p.Boundary.Offset, p.Boundary.BatchNo = p.Offset, int64(i+1)
		p.Boundary.Row += size
		if i == len(sizes)-1 {
			p.Length, p.Seal = p.Offset, &bulk.Seal{SHA256: "digest"}
		}
		w.must(w.Advance(w.t.Context(), p))
	}
}

// commit commits a batch: rows are values of the import's columns, nil is a rejected row.
func (w *world) commit(imp bulk.Import, no int64, rows ...[]bulk.Value) {
	w.t.Helper()
	id := bulk.BatchID{Import: imp.ID, No: no}
	work, err := w.BatchTask(w.t.Context(), id)
	w.must(err)
	c := bulk.ValidatedBatch{
		Task: work, Read: time.Millisecond, Validate: 2 * time.Millisecond,
		Lease: bulk.Lease{
			Node: "node_test", Attempt: 2,
			Waits: bulk.Waits{Queued: 40 * time.Millisecond, Paused: 3 * time.Second, Backoff: time.Second, Failed: 7 * time.Millisecond},
		},
	}
	c.Records.Columns = work.Import.Layout.Fields
	type row struct {
		key    string
		no     int64
		values []bulk.Value
	}
	var valid []row
	for i, r := range rows {
		if r == nil {
			c.Rejected++
			c.RejectGroups = []bulk.RejectGroup{{Column: "name", Code: bulk.CodeLength, Count: c.Rejected, Examples: []bulk.Example{{Row: work.Batch.FirstRow}}}}
			continue
		}
		valid = append(valid, row{fmt.Sprintf("%v\x1f%v", r[0], r[1]), work.Batch.FirstRow + int64(i), r})
	}
	slices.SortFunc(valid, func(a, b row) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.no, b.no)) })
	for i, r := range valid {
		if i+1 < len(valid) && valid[i+1].key == r.key {
			c.Superseded++
			continue
		}
		w.keys[id] = append(w.keys[id], r.values[:2])
		c.Records.RowNo = append(c.Records.RowNo, r.no)
		c.Records.Keys = append(c.Records.Keys, r.key)
		c.Records.Values = append(c.Records.Values, r.values)
	}
	_, err = w.Commit(w.t.Context(), c)
	w.must(err)
}

// Read implements Applied: what the batch left in the store.
func (w *world) Read(ctx context.Context, work bulk.BatchTask, use func(bulk.Records) error) error {
	r, err := w.AppliedRecords(ctx, work, w.keys[bulk.BatchID{Import: work.Import.ID, No: work.Batch.No}])
	if err != nil {
		return err
	}
	return use(r)
}

func (w *world) mirror(change func(*Config)) *Mirror {
	w.t.Helper()
	c := Config{Engine: w.engine, Ledger: w.Store, Applied: w}
	if change != nil {
		change(&c)
	}
	m, err := New(c)
	w.must(err)
	return m
}

// rows runs a query and renders its rows.
func (w *world) rows(sql string) (out []string) {
	w.t.Helper()
	err := w.engine.Query(w.t.Context(), sql, func(row []any) error {
		out = append(out, strings.TrimSuffix(fmt.Sprintln(row...), "\n"))
		return nil
	})
	if err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
	return out
}

// wantEqual compares every record of the store with the dataset's view.
func (w *world) wantEqual(dataset bulk.DatasetName) {
	w.t.Helper()
	d, err := w.Dataset(w.t.Context(), dataset)
	w.must(err)
	accounts, err := w.ListAccounts(w.t.Context())
	w.must(err)
	var names, want []string
	for _, c := range d.Columns {
		names = append(names, c.Name)
	}
	for _, a := range accounts {
		for cursor := ""; ; {
			p, err := w.Records(w.t.Context(), a.ID, bulk.RecordQuery{Dataset: dataset, Cursor: cursor, Limit: 100})
			w.must(err)
			for _, r := range p.Records {
				want = append(want, render(append(append([]any{string(a.ID)}, r.Values...), r.OpSeq, r.Row, string(r.Import))))
			}
			if cursor = p.Next; cursor == "" {
				break
			}
		}
	}
	got := w.rowsOf(fmt.Sprintf("SELECT _account_id, %s, _op_seq, _row_no, _import_id FROM %s", idents(names), ident(viewOf(dataset))))
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		w.t.Errorf("the mirror has\n  %s\nthe store has\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func (w *world) rowsOf(sql string) (out []string) {
	w.t.Helper()
	w.must(w.engine.Query(w.t.Context(), sql, func(row []any) error {
		out = append(out, render(row))
		return nil
	}))
	return out
}

// render writes values alike, whatever type an engine has for them.
func render(row []any) string {
	out := make([]string, len(row))
	for i, v := range row {
		switch v := v.(type) {
		case bool:
			out[i] = map[bool]string{false: "0", true: "1"}[v]
		case nil:
			out[i] = "NULL"
		default:
			out[i] = fmt.Sprintf("%v", v)
		}
	}
	return strings.Join(out, " | ")
}
