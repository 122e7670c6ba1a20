package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"bulkhead/internal/bulk"
)

// rowTable writes rows of one batch into its dataset's typed table. Rows are given
// by their index in bulk.Records, ascending, which is the order of their keys.
type rowTable interface {
	// begin prepares for these rows of the batch; others stay out.
	begin(c bulk.ValidatedBatch, rows []int)
	// chunk is how many rows are best handled at once.
	chunk() int
	// insert adds rows whose keys are new, skips the others and returns how many it added;
	// or it returns errKeyExists.
	insert(ctx context.Context, rows []int) (int64, error)
	// owners reads who holds the keys of the rows, and keeps them from changing
	// until the transaction ends. Keys that nobody holds are absent.
	owners(ctx context.Context, rows []int) (map[int]owner, error)
	// overwrite replaces records by rows, which must be greater in (op_seq, row_no).
	overwrite(ctx context.Context, rows []int) error
	// remove takes rows out again that this transaction inserted.
	remove(ctx context.Context, rows []int) error
	close()
}

// errKeyExists ends a transaction that has to begin again, knowing now that keys exist.
var errKeyExists = errors.New("a key exists")

// owner is the row that holds a key.
type owner struct {
	op, row int64
	kept    bulk.Width // of the record, if this batch overwrites it; see [selectKept]
}

// merged says what became of a batch's rows.
type merged struct {
	created    []int
	updated    int64
	superseded int64 // this row, or an earlier row of the same import that it displaced
	duplicate  []int // mode create: the key belongs to another import
	unstorable []int // with what the record keeps it would be too large
}

// merge puts a batch's rows into their table and settles repeated keys by
// (op_seq, row_no).
//
// It hopes for new keys first: rows are inserted, skipping what exists. Only a
// chunk that met an existing key is looked at row by row, and as soon as half of
// one does, the next chunks look first.
type merge struct {
	c      bulk.ValidatedBatch
	table  rowTable
	widths *widths
	out    merged
}

// merge puts these rows of a batch into their table. The table must be closed.
func (s *Store) merge(ctx context.Context, tx *txn, c bulk.ValidatedBatch, rows []int) (*merge, error) {
	if c.Task.Import.Options.DryRun {
		// It was approved after imports with a newer spec, whose columns its records may have.
		d, err := dataset(ctx, tx, c.Task.Import.Dataset)
		if err != nil {
			return nil, err
		}
		c.Task.Spec = d.Spec
	}
	m := &merge{c: c, table: s.engine.rows(s, tx), widths: newWidths(c)}
	m.table.begin(c, rows)
	if err := m.run(ctx, rows); err != nil {
		m.table.close()
		return nil, err
	}
	return m, nil
}

func (m *merge) run(ctx context.Context, rows []int) error {
	lookFirst := false
	for chunk := range slices.Chunk(rows, m.table.chunk()) {
		conflicts, err := m.chunk(ctx, chunk, lookFirst)
		if err != nil {
			return err
		}
		lookFirst = 2*conflicts > len(chunk)
	}
	return nil
}

// chunk merges rows and returns how many of their keys existed before.
func (m *merge) chunk(ctx context.Context, rows []int, lookFirst bool) (conflicts int, err error) {
	if !lookFirst {
		n, err := m.table.insert(ctx, rows)
		if err != nil {
			return 0, err
		}
		if n == int64(len(rows)) {
			m.out.created = append(m.out.created, rows...)
			return 0, nil
		}
	}
	owners, err := m.table.owners(ctx, rows)
	if err != nil {
		return 0, err
	}
	fresh, winners := m.settle(rows, owners)
	if err := m.table.overwrite(ctx, winners); err != nil {
		return 0, err
	}
	if len(fresh) == 0 {
		return len(owners), nil
	}
	// Another transaction may have taken one of these keys since they were looked
	// up; then they are settled once more, now that its row can be seen.
	more, err := m.chunk(ctx, fresh, false)
	return len(owners) + more, err
}

// settle decides for each row by who holds its key, and returns the rows to insert
// and those to overwrite with.
func (m *merge) settle(rows []int, owners map[int]owner) (fresh, winners []int) {
	for _, i := range rows {
		o, exists := owners[i]
		switch own := exists && o.op == m.c.Task.OpSeq; {
		case !exists:
			fresh = append(fresh, i)
		case own && o.row == m.c.Records.RowNo[i]:
			m.out.created = append(m.out.created, i) // inserted just now
		case own && o.row > m.c.Records.RowNo[i]:
			m.out.superseded++
		case !own && m.c.Task.Import.Mode == bulk.ModeCreate:
			m.out.duplicate = append(m.out.duplicate, i)
		case o.op > m.c.Task.OpSeq:
			m.out.superseded++ // a later import was here first
		case m.widths.overflow(i, o.kept):
			m.out.unstorable = append(m.out.unstorable, i)
		case own:
			m.out.superseded++
			winners = append(winners, i)
		default:
			m.out.updated++
			winners = append(winners, i)
		}
	}
	return fresh, winners
}

// rowColumns are the typed table's columns that a batch writes.
func rowColumns(c bulk.ValidatedBatch) []string {
	return append(append([]string{"_account_id"}, c.Records.Columns...), "_op_seq", "_row_no")
}

// keyIndexes are the places of the key columns among the records' columns.
func keyIndexes(c bulk.ValidatedBatch) (keys []int) {
	for i, name := range c.Records.Columns {
		if c.Task.Spec.IsKey(name) {
			keys = append(keys, i)
		}
	}
	return keys
}

// onKeys renders the condition that two tables agree in the key columns.
func onKeys(c bulk.ValidatedBatch, left, right string) string {
	var on []string
	for _, k := range keyIndexes(c) {
		on = append(on, fmt.Sprintf(`%s.%q = %s.%q`, left, c.Records.Columns[k], right, c.Records.Columns[k]))
	}
	return strings.Join(on, " AND ")
}

// assignments renders what an overwrite sets from the source table: every column
// that the file feeds, but not the key, and not a column that is only there
// because it has a default: an existing record keeps what it has.
func assignments(c bulk.ValidatedBatch, source string) string {
	set := []string{fmt.Sprintf(`_op_seq = %s._op_seq`, source), fmt.Sprintf(`_row_no = %s._row_no`, source)}
	for _, name := range c.Records.Columns {
		if !c.Task.Spec.IsKey(name) && slices.Contains(c.Task.Import.Layout.Fields, name) {
			set = append(set, fmt.Sprintf(`%q = %s.%q`, name, source, name))
		}
	}
	return strings.Join(set, ", ")
}

// tuples renders n parenthesised groups of that many parameters.
func tuples(n, width int) string {
	tuple := "(" + strings.Repeat("?, ", width-1) + "?)"
	return strings.Repeat(tuple+", ", n-1) + tuple
}

// readOwners reads (row index, op_seq, row_no) and what selectKept selects.
func readOwners(found *sql.Rows) (map[int]owner, error) {
	defer found.Close()
	out := map[int]owner{}
	for found.Next() {
		var i int
		var o owner
		if err := found.Scan(&i, &o.op, &o.row, &o.kept.Bytes, &o.kept.Eights, &o.kept.Fours, &o.kept.Others); err != nil {
			return nil, err
		}
		out[i] = o
	}
	return out, found.Err()
}
