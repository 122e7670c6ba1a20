package mirror

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"bulkhead/internal/bulk"
)

// table is one table with the view that folds its versions.
type table struct {
	name    string
	view    string
	columns []Column
	key     []string // that identifies a row; of its versions the greatest counts
}

// internal columns end every table; the view leaves out the last two.
const (
	colVersion = "_version"
	colDeleted = "_deleted"
)

// ensure makes the table and its view, or adds the columns that they lack. Views are
// made of the columns that the table really has, so an old spec takes none away.
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
		if slices.Contains(have, c.Name) {
			continue
		}
		if err := e.Exec(ctx, fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s", ident(t.name), ident(c.Name), c.Kind)); err != nil {
			return fmt.Errorf("add column %s to %s: %w", c.Name, t.name, err)
		}
		have = append(have, c.Name)
	}
	return t.ensureView(ctx, e, have)
}

func (t table) ensureView(ctx context.Context, e Engine, have []string) error {
	shown := slices.DeleteFunc(have, func(c string) bool { return c == colVersion || c == colDeleted })
	shows, err := columnsOf(ctx, e, t.view)
	if err != nil || sameSet(shown, shows) {
		return err
	}
	// There is no way to replace a view that old and new servers both know.
	if err := e.Exec(ctx, "DROP TABLE IF EXISTS "+ident(t.view)); err != nil {
		return fmt.Errorf("replace view %s: %w", t.view, err)
	}
	err = e.Exec(ctx, fmt.Sprintf("CREATE VIEW IF NOT EXISTS %s AS SELECT %s FROM %s FINAL WHERE %s = 0",
		ident(t.view), idents(shown), ident(t.name), ident(colDeleted)))
	if err != nil {
		return fmt.Errorf("create view %s: %w", t.view, err)
	}
	return nil
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// columnsOf lists the columns of a table or view in order; none when there is no such thing.
func columnsOf(ctx context.Context, e Engine, name string) (out []string, err error) {
	err = e.Query(ctx, "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = "+literal(name), func(row []any) error {
		out = append(out, fmt.Sprint(row[0]))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read columns of %s: %w", name, err)
	}
	return out, nil
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
	t := table{name: spec.Table(), view: viewOf(spec.Name), columns: []Column{{"_account_id", "String"}}, key: append([]string{"_account_id"}, spec.Key...)}
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
