package mirror

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"bulkhead/internal/bulk"
)

// reconcile wants the differences, as table, what and rows, all of them repaired, and none
// when it looks again.
func (w *world) reconcile(want ...string) bulk.Reconciliation {
	w.t.Helper()
	var got []string
	cost, err := Reconcile(w.t.Context(), w.engine, w.Store, func(d bulk.Difference) error {
		got = append(got, fmt.Sprintf("%s %s %d", d.Table, d.What, d.Rows))
		if !d.Repaired {
			w.t.Errorf("not repaired: %+v", d)
		}
		return nil
	})
	w.must(err)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.t.Errorf("found %q, want %q", got, want)
	}
	if len(want) > 0 {
		w.reconcile()
	}
	return cost
}

// plant adds a row: that of the condition with some columns changed.
func (w *world) plant(table, where string, change map[string]string) {
	w.t.Helper()
	columns, err := columnsOf(w.t.Context(), w.engine, table)
	w.must(err)
	values := make([]string, len(columns))
	for i, c := range columns {
		values[i] = ident(c.Name)
		if v, ok := change[c.Name]; ok {
			values[i] = v
		}
	}
	w.must(w.engine.Exec(w.t.Context(), fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s FINAL WHERE _deleted = 0 AND %s",
		ident(table), idents(names(columns)), strings.Join(values, ", "), ident(table), where)))
}

// lose takes rows of the condition away behind everybody's back.
func (w *world) lose(name, where string) {
	w.t.Helper()
	a := accountComparison{comparison: &comparison{engine: w.engine, table: table{name: name}, cost: &bulk.Reconciliation{}}}
	w.must(w.engine.Exec(w.t.Context(), "ALTER TABLE "+ident(name)+" DELETE WHERE "+where))
	w.must(a.awaitMutations(w.t.Context()))
}

// settled is a world of some rows, rejects and imports, mirrored.
func (w *world) settled() {
	w.t.Helper()
	first := w.begin(bulk.ModeUpsert, "things", all, 4, 1)
	w.commit(first, 0, thing("a", 1, "xyz"), thing("b", 2, "y"), thing("c", 3, "z"), nil)
	w.commit(first, 1, []bulk.Value{"d", int64(4), nil, nil, 0.0, nil, nil, nil, nil})
	w.must(w.mirror(nil).sweep(w.t.Context()))
	w.reconcile()
}

// Each of these is planted alone, found as what it is, and repaired.
func TestReconcileFindsWhatIsPlanted(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		w.settled()
		other := string(w.newAccount("other", 10))
		w.must(w.mirror(nil).sweep(t.Context()))
		a := "id = 'a'"
		high := fmt.Sprint(must(version(1<<20, 1, false)))
		for _, p := range []struct {
			name, table, where string
			change             map[string]string // nil: the row is lost
			want               []string
		}{
			{"a changed date", "ds_things", a, map[string]string{"born": "'0044-03-16'"}, []string{"things changed 1"}},
			{"a changed decimal", "ds_things", a, map[string]string{"price": "'12345678901234567890.123456788'"}, []string{"things changed 1"}},
			{"a changed float", "ds_things", a, map[string]string{"weight": "weight + 0.0000000000000001"}, []string{"things changed 1"}},
			{"a changed timestamp", "ds_things", a, map[string]string{"seen": "'1969-07-20T20:17:40.123457Z'"}, []string{"things changed 1"}},
			{"a text of the same length", "ds_things", a, map[string]string{"name": "'xyw'"}, []string{"things changed 1"}},
			{"texts exchanged between columns", "ds_things", a, map[string]string{"name": "more", "more": "name"}, []string{"things changed 1"}},
			{"a changed boolean", "ds_things", a, map[string]string{"active": "1 - active"}, []string{"things changed 1"}},
			{"an empty text for none", "ds_things", "id = 'd'", map[string]string{"name": "''"}, []string{"things changed 1"}},
			{"another import's name", "ds_things", a, map[string]string{"_import_id": "'imp_other'"}, []string{"things changed 1"}},
			{"an older version on top", "ds_things", a, map[string]string{"_version": high, "name": "'old'"}, []string{"things changed 1"}},
			{"a tombstone on top", "ds_things", a, map[string]string{"_version": high, "_deleted": "1"}, []string{"things missing 1"}},
			{"a missing row", "ds_things", "id = 'b'", nil, []string{"things missing 1"}},
			{"a doubled row", "ds_things", "id = 'c'", map[string]string{}, []string{"things doubled 1"}},
			{"a foreign row", "ds_things", a, map[string]string{"id": "'ghost'"}, []string{"things foreign 1"}},
			{"a foreign row of a later import", "ds_things", a, map[string]string{"id": "'ghost2'", "_version": high}, []string{"things foreign 1"}},
			{"a row of another account", "ds_things", a, map[string]string{"_account_id": "'" + other + "'"}, []string{"things foreign 1"}},
			{"a row of an account that is not there", "ds_things", a, map[string]string{"_account_id": "'acc_none'"}, []string{"things foreign 1"}},
			{"a changed import", "_log_imports", "1", map[string]string{"rows_created": "rows_created + 1"}, []string{"imports changed 1"}},
			{"an import's time", "_log_imports", "1", map[string]string{"created_at": "created_at + 1"}, []string{"imports changed 1"}},
			{"a lost import", "_log_imports", "1", nil, []string{"imports missing 1"}},
			{"a foreign import", "_log_imports", "1", map[string]string{"import_id": "'imp_none'"}, []string{"imports foreign 1"}},
			{"a changed batch", "_log_batches", "batch_no = 1", map[string]string{"node": "'node_other'"}, []string{"batches changed 1"}},
			{"a lost batch", "_log_batches", "batch_no = 0", nil, []string{"batches missing 1"}},
			{"a foreign batch", "_log_batches", "batch_no = 1", map[string]string{"batch_no": "7"}, []string{"batches foreign 1"}},
			{"changed rejects", "_log_rejects_by_column", "1", map[string]string{"rejects": "5"}, []string{"rejects_by_column changed 1"}},
			{"lost rejects", "_log_rejects_by_column", "1", nil, []string{"rejects_by_column missing 1"}},
			{"foreign rejects", "_log_rejects_by_column", "1", map[string]string{"code": "'other'"}, []string{"rejects_by_column foreign 1"}},
			{"a changed account", "_log_accounts", "name = 'one'", map[string]string{"record_quota": "1"}, []string{"accounts changed 1"}},
			{"a lost account", "_log_accounts", "name = 'one'", nil, []string{"accounts missing 1"}},
			{"an account that is not there", "_log_accounts", "name = 'one'", map[string]string{"account_id": "'acc_none'"}, []string{"accounts foreign 1"}},
			{"a doubled account, which the mirror writes as well", "_log_accounts", "name = 'one'", map[string]string{}, nil},
		} {
			t.Run(p.name, func(t *testing.T) {
				now := *w
				now.t = t
				if p.change == nil {
					now.lose(p.table, p.where)
				} else {
					now.plant(p.table, p.where, p.change)
				}
				now.reconcile(p.want...)
				now.wantEqual("things")
			})
		}
		// What comes later is not hidden by anything that was taken away.
		next := w.begin(bulk.ModeUpsert, "things", all, 2)
		w.commit(next, 0, thing("ghost", 1, "real"), thing("ghost2", 1, "real"))
		w.must(w.mirror(nil).sweep(t.Context()))
		w.wantEqual("things")
		w.reconcile()
	})
}

func TestReconcileFillsADroppedDatabase(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		w.settled()
		cancelled := w.begin(bulk.ModeUpsert, "things", all, 7)
		_, err := w.Cancel(t.Context(), w.account, cancelled.ID)
		w.must(err)
		w.begin(bulk.ModeUpsert, "things", all, 2) // in flight
		w.must(w.mirror(nil).sweep(t.Context()))
		w.reconcile()
		w.dropDatabase()
		w.reconcile("imports missing 3", "batches missing 3", "rejects_by_column missing 1", "accounts missing 1", "things missing 4")
		w.wantEqual("things")
	})
}

// A mirror whose database is gone takes back what it claimed, and copies all again.
func TestMirrorFillsADroppedDatabase(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		w.settled()
		m := w.mirror(nil)
		w.must(m.sweep(t.Context()))
		w.dropDatabase()
		imp := w.begin(bulk.ModeUpsert, "things", all, 1)
		w.commit(imp, 0, thing("new", 1, "x"))
		if err := m.sweep(t.Context()); err != nil { // it still thought that the tables were there
			m.failed(t.Context(), err)
		}
		for range 2 { // the loss is found beside the newest batch, the others are older
			w.must(m.sweep(t.Context()))
		}
		w.wantEqual("things")
		w.reconcile()
		imports, err := w.ImportsAfter(t.Context(), w.account, "", 10)
		w.must(err)
		for _, i := range imports {
			if !i.Mirrored {
				t.Errorf("import %s is not mirrored in the end", i.ID)
			}
		}
	})
}

// dropDatabase takes everything away.
func (w *world) dropDatabase() {
	w.t.Helper()
	name := ""
	w.must(w.engine.Query(w.t.Context(), "SELECT currentDatabase()", func(row []any) error {
		name = fmt.Sprint(row[0])
		return nil
	}))
	w.must(w.engine.Exec(w.t.Context(), "DROP DATABASE "+ident(name)))
}

// Six rows among many cost what six rows cost: the figures are bounds, by hand.
func TestReconcileCostsWhatDiffers(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		const n = 20_000
		w.must(w.SetQuota(t.Context(), w.account, 2*n))
		rows := make([][]bulk.Value, n)
		for i := range rows {
			rows[i] = thing(fmt.Sprintf("%05d", i), int64(i), "x")
		}
		imp := w.begin(bulk.ModeUpsert, "things", all, n)
		w.commit(imp, 0, rows...)
		w.must(w.mirror(nil).sweep(t.Context()))
		quiet := w.reconcile()
		w.lose("ds_things", "part IN (3, 4, 7000, 8191, 8192, 19999)")
		cost := w.reconcile("things missing 6")
		if cost.Written != 6 || cost.Looked > 5*leafRows || cost.Questions > quiet.Questions+60 {
			t.Errorf("six rows cost %+v, none cost %+v", cost, quiet)
		}
		t.Logf("six of %d rows: %+v; none: %+v", n, cost, quiet)
		w.wantEqual("things")
	})
}

// Engines and Go compute the same of every value that a table can have.
func TestHashesAgree(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		w.must(w.engine.Prepare(t.Context()))
		d := must(dialectOf(t.Context(), w.engine))
		spec := bulk.Spec{Name: "wide", Key: []string{"id"}, Columns: []bulk.Column{{Name: "id", Type: bulk.TypeInteger}}}
		kinds := []bulk.Type{bulk.TypeText, bulk.TypeInteger, bulk.TypeFloat, bulk.TypeBoolean}
		for i := range 3 * 64 { // more than one call of concat takes
			spec.Columns = append(spec.Columns, bulk.Column{Name: fmt.Sprintf("c%d", i), Type: kinds[i%len(kinds)]})
		}
		values := map[bulk.Type][]any{
			bulk.TypeText:    {"", "a", "é\x00'\\\n~", strings.Repeat("x", 1000), nil},
			bulk.TypeInteger: {int64(0), int64(-1), int64(1<<63 - 1), int64(-1 << 63), nil},
			bulk.TypeFloat:   {0.0, -1.5, 2.2250738585072014e-308, 1.7976931348623157e308, nil, 1e21, 0.1 + 0.2},
			bulk.TypeBoolean: {true, false, nil},
		}
		table := datasetTable(spec).in(d)
		w.must(table.ensure(t.Context(), w.engine))
		var rows [][]any
		want := digest{}
		for i := range int64(35) {
			r := bulk.Record{OpSeq: 1, Row: i + 1, Import: "imp_1", Values: []any{i}}
			for j, c := range spec.Columns[1:] {
				r.Values = append(r.Values, values[c.Type][(int(i)+j)%len(values[c.Type])])
			}
			row := must(recordRow("acc_1", r))
			want.add(table.hash(row))
			rows = append(rows, row)
		}
		w.must(insertRows(t.Context(), w.engine, table, rows))
		a := accountComparison{comparison: &comparison{engine: w.engine, table: table, cost: &bulk.Reconciliation{}}, account: "acc_1"}
		if got, err := a.ask(t.Context(), keyRange{}); err != nil || got != want {
			t.Errorf("the engine says %+v, %v; Go says %+v", got, err, want)
		}
		for i, c := range table.columns[:len(kinds)+1] {
			n := 0
			w.must(w.engine.Query(t.Context(), "SELECT concat("+cellSQL(c)+",'') FROM ds_wide ORDER BY id", func(got []any) error {
				if want := string(appendCell(nil, c.Kind, rows[n][i])); got[0] != want && utf8.ValidString(want) {
					t.Errorf("%v in %s: the engine says %q, Go says %q", rows[n][i], c.Kind, got[0], want)
				}
				n++
				return nil
			}))
		}
		for _, row := range rows[:5] {
			s := keyRange{[]any{row[1].(int64) - 1}, []any{row[1]}}
			if got, err := a.ask(t.Context(), s); err != nil || got != (digest{1, table.hash(row)}) {
				t.Errorf("row %v: the engine says %+v, %v; Go says %v", row[1], got, err, table.hash(row))
			}
		}
	})
}

// Engines take queries of at most 256 KiB.
func TestQuestionsAboutTheWidestDatasetFit(t *testing.T) {
	spec := bulk.Spec{Name: "wide", Key: []string{"c0000"}, Columns: []bulk.Column{{Name: "c0000", Type: bulk.TypeText}}}
	for i := 1; i < bulk.MaxColumns; i++ {
		spec.Columns = append(spec.Columns, bulk.Column{Name: fmt.Sprintf("c%04d_%s", i, strings.Repeat("n", 57)), Type: bulk.TypeText})
	}
	if n := len(datasetTable(spec).hashSQL()); n > 240<<10 {
		t.Errorf("%d bytes", n)
	}
}
