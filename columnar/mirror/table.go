package mirror

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bulkhead/internal/bulk"
)

// table is one table with the view that folds its versions.
type table struct {
	name    string
	view    string
	columns []Column
	key     []string // that identifies a row, the account first; of its versions the greatest counts
	exact   bool     // the version follows from the row, and is compared with it
}

// internal columns end every table; the view leaves out the last two.
const (
	colVersion = "_version"
	colDeleted = "_deleted"
)

// ensure makes the table and its view, adds the columns that they lack and changes the
// types that an earlier version gave them. Views are made of the columns that the table
// really has, so an old spec takes none away.
func (t table) ensure(ctx context.Context, e Engine) error {
	defs := make([]string, len(t.columns))
	for i, c := range t.columns {
		defs[i] = ident(c.Name) + " " + c.Kind
	}
	if err := e.Exec(ctx, fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (%s) ENGINE = ReplacingMergeTree(%s) ORDER BY (%s)",
		ident(t.name), strings.Join(defs, ", "), ident(colVersion), idents(t.key))); err != nil {
		return fmt.Errorf("create table %s: %w", t.name, err)
	}
	have, err := columnsOf(ctx, e, t.name)
	if err != nil {
		return err
	}
	for _, c := range t.columns {
		change := "ADD"
		i := slices.IndexFunc(have, func(h Column) bool { return h.Name == c.Name })
		switch {
		case i < 0:
			have = append(have, c)
		case have[i] != c:
			change, have[i] = "MODIFY", c
		default:
			continue
		}
		if err := e.Exec(ctx, fmt.Sprintf("ALTER TABLE %s %s COLUMN %s %s", ident(t.name), change, ident(c.Name), c.Kind)); err != nil {
			return fmt.Errorf("%s column %s of %s: %w", strings.ToLower(change), c.Name, t.name, err)
		}
	}
	shown := slices.DeleteFunc(have, func(c Column) bool { return c.Name == colVersion || c.Name == colDeleted })
	query := fmt.Sprintf("SELECT %s FROM %s FINAL WHERE %s = 0", idents(names(shown)), ident(t.name), ident(colDeleted))
	return view{t.view, shown, query}.ensure(ctx, e)
}

// view shows the columns that its query gives.
type view struct {
	name    string
	columns []Column
	query   string
}

// ensure makes the view, or replaces one that shows other columns.
func (v view) ensure(ctx context.Context, e Engine) error {
	shows, err := columnsOf(ctx, e, v.name)
	if err != nil || sameSet(v.columns, shows) {
		return err
	}
	// There is no way to replace a view that old and new servers both know.
	if err := e.Exec(ctx, "DROP TABLE IF EXISTS "+ident(v.name)); err != nil {
		return fmt.Errorf("replace view %s: %w", v.name, err)
	}
	if err := e.Exec(ctx, "CREATE VIEW IF NOT EXISTS "+ident(v.name)+" AS "+v.query); err != nil {
		return fmt.Errorf("create view %s: %w", v.name, err)
	}
	return nil
}

func sameSet(a, b []Column) bool {
	byName := func(x, y Column) int { return strings.Compare(x.Name, y.Name) }
	return slices.Equal(slices.SortedFunc(slices.Values(a), byName), slices.SortedFunc(slices.Values(b), byName))
}

// columnsOf lists the columns of a table or view in order; none when there is no such thing.
func columnsOf(ctx context.Context, e Engine, name string) (out []Column, err error) {
	err = e.Query(ctx, "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = "+literal(name), func(row []any) error {
		out = append(out, Column{fmt.Sprint(row[0]), fmt.Sprint(row[1])})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read columns of %s: %w", name, err)
	}
	return out, nil
}

// The types of times. Old servers have whole seconds.
const (
	moment = "DateTime64(6, 'UTC')"
	second = "DateTime('UTC')"
)

// dialect is what an engine has that others lack.
type dialect struct{ micros bool }

// dialectOf asks the engine for its version: times of microseconds came with 20.
func dialectOf(ctx context.Context, e Engine) (d dialect, err error) {
	err = e.Query(ctx, "SELECT version()", func(row []any) error {
		major, _, _ := strings.Cut(fmt.Sprint(row[0]), ".")
		n, err := strconv.Atoi(major)
		d.micros = n >= 20
		return err
	})
	if err != nil {
		return d, fmt.Errorf("read version of the engine: %w", err)
	}
	return d, nil
}

// in is the table as the engine can have it.
func (t table) in(d dialect) table {
	if !d.micros {
		t.columns = slices.Clone(t.columns)
		for i := range t.columns {
			t.columns[i].Kind = strings.ReplaceAll(t.columns[i].Kind, moment, second)
		}
	}
	return t
}

// kindOf is the type of a dataset's column. Decimals, dates and timestamps stay the
// canonical text that the store has: ClickHouse's own types hold neither an open scale
// nor the years before 1900, and equal to the store comes first.
func kindOf(t bulk.Type) string {
	switch t {
	case bulk.TypeInteger:
		return "Int64"
	case bulk.TypeFloat:
		return "Float64"
	case bulk.TypeBoolean:
		return "UInt8"
	default:
		return "String"
	}
}

// reserved are the views that a dataset of that name must not take.
func reserved(name string) bool {
	return strings.HasPrefix(name, "ds_") || slices.ContainsFunc(logTables(), func(t table) bool { return t.view == name }) || name == queueWaits
}

// viewOf is the folded view of a dataset: its name, or with an underscore before it
// where that is taken.
func viewOf(name bulk.DatasetName) string {
	if reserved(string(name)) {
		return "_" + string(name)
	}
	return string(name)
}

// datasetTable describes a dataset's table.
func datasetTable(spec bulk.Spec) table {
	t := table{name: spec.Table(), view: viewOf(spec.Name), exact: true, columns: []Column{{"_account_id", "String"}}, key: append([]string{"_account_id"}, spec.Key...)}
	for _, c := range spec.Columns {
		kind := kindOf(c.Type)
		if !spec.IsKey(c.Name) {
			kind = "Nullable(" + kind + ")"
		}
		t.columns = append(t.columns, Column{c.Name, kind})
	}
	t.columns = append(t.columns, Column{"_op_seq", "Int64"}, Column{"_row_no", "Int64"}, Column{"_import_id", "String"},
		Column{colVersion, "UInt64"}, Column{colDeleted, "UInt8"})
	return t
}

// The bits of a version: of two rows with one key, the one of the later import wins,
// within an import the later row, and over a row its own tombstone.
const (
	opSeqBits = 27
	rowBits   = 36
)

// version orders the rows of a key. An import beyond 2²⁷ of its dataset, or a row
// beyond 2³⁶ of its file, has none.
func version(opSeq, row int64, deleted bool) (uint64, error) {
	if opSeq < 0 || opSeq >= 1<<opSeqBits || row < 0 || row >= 1<<rowBits {
		return 0, fmt.Errorf("import %d, row %d: beyond what a version can order", opSeq, row)
	}
	v := uint64(opSeq)<<(rowBits+1) | uint64(row)<<1
	if deleted {
		v |= 1
	}
	return v, nil
}
