package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"

	"bulkhead/internal/bulk"
)

// chunkCells bounds the parameters of one statement: large enough that the cost of
// a call is shared by many rows, small enough to stay in the parser's caches.
const chunkCells = 480

// rowWriter writes one batch's rows into the dataset's typed table.
type rowWriter struct {
	ctx     context.Context
	tx      *sqlx.Tx
	c       bulk.Commit
	table   string
	columns []string // _account_id, the records' columns, _op_seq, _row_no
	keys    []int    // of the key columns among Records.Columns
	stmts   map[string]*sqlx.Stmt
	out     landed
}

// writeRows inserts the batch's rows and settles repeated keys by (op_seq, row_no).
//
// It hopes for new keys first: one statement a chunk that skips what exists. Only a
// chunk that met an existing key is looked at row by row, and as soon as half of one
// does, the next chunks look first.
func (s *Store) writeRows(ctx context.Context, tx *sqlx.Tx, c bulk.Commit) (landed, error) {
	w := &rowWriter{ctx: ctx, tx: tx, c: c, table: c.Work.Spec.Table(), stmts: map[string]*sqlx.Stmt{}}
	defer w.close()
	w.columns = append(append([]string{"_account_id"}, c.Records.Columns...), "_op_seq", "_row_no")
	for i, name := range c.Records.Columns {
		if c.Work.Spec.IsKey(name) {
			w.keys = append(w.keys, i)
		}
	}
	size := max(1, chunkCells/len(w.columns))
	lookFirst := false
	for from := 0; from < c.Records.Len(); from += size {
		conflicts, err := w.chunk(from, min(from+size, c.Records.Len()), lookFirst)
		if err != nil {
			return landed{}, err
		}
		lookFirst = 2*conflicts > size
	}
	return w.out, nil
}

func (w *rowWriter) close() {
	for _, st := range w.stmts {
		st.Close()
	}
}

// chunk writes rows [from, to) and returns how many keys existed before.
func (w *rowWriter) chunk(from, to int, lookFirst bool) (conflicts int, err error) {
	rows := make([]int, 0, to-from)
	for i := from; i < to; i++ {
		rows = append(rows, i)
	}
	if !lookFirst {
		n, err := w.insert(rows, " ON CONFLICT DO NOTHING")
		if err != nil {
			return 0, err
		}
		if n == int64(len(rows)) {
			w.out.created = append(w.out.created, rows...)
			return 0, nil
		}
	}
	owners, err := w.owners(rows)
	if err != nil {
		return 0, err
	}
	var fresh, winners []int
	for _, i := range rows {
		o, exists := owners[i]
		switch own := exists && o.op == w.c.Work.OpSeq; {
		case !exists:
			fresh = append(fresh, i)
		case own && o.row == w.c.Records.RowNo[i]:
			w.out.created = append(w.out.created, i) // inserted just now
		case own:
			w.out.superseded++
			if o.row < w.c.Records.RowNo[i] {
				winners = append(winners, i)
			}
		case w.c.Work.Import.Mode == bulk.ModeCreate:
			w.out.duplicate = append(w.out.duplicate, i)
		case o.op > w.c.Work.OpSeq:
			w.out.superseded++ // a later import was here first
		default:
			w.out.updated++
			winners = append(winners, i)
		}
	}
	if _, err := w.insert(fresh, ""); err != nil {
		return 0, err
	}
	w.out.created = append(w.out.created, fresh...)
	_, err = w.insert(winners, w.overwrite())
	return len(owners), err
}

// overwrite renders the clause by which the greater (op_seq, row_no) keeps the key.
// Columns that the file does not feed keep their values, also when they have a
// default: that is for new records.
func (w *rowWriter) overwrite() string {
	set := []string{`_op_seq = excluded._op_seq`, `_row_no = excluded._row_no`}
	for _, c := range w.c.Records.Columns {
		if !w.c.Work.Spec.IsKey(c) && slices.Contains(w.c.Work.Import.Layout.Fields, c) {
			set = append(set, fmt.Sprintf(`%q = excluded.%q`, c, c))
		}
	}
	return fmt.Sprintf(` ON CONFLICT (_account_id, %s) DO UPDATE SET %s WHERE (%q._op_seq, %q._row_no) < (excluded._op_seq, excluded._row_no)`,
		quoted(w.c.Work.Spec.Key), strings.Join(set, ", "), w.table, w.table)
}

func (w *rowWriter) insert(rows []int, onConflict string) (int64, error) {
	if len(rows) == 0 {
		return 0, nil
	}
	st, err := w.prepare(fmt.Sprintf(`INSERT INTO %q (%s) VALUES %s%s`, w.table, quoted(w.columns), tuples(len(rows), len(w.columns)), onConflict))
	if err != nil {
		return 0, err
	}
	args := make([]any, 0, len(rows)*len(w.columns))
	for _, i := range rows {
		args = append(args, string(w.c.Work.Account))
		args = append(args, w.c.Records.Values[i]...)
		args = append(args, w.c.Work.OpSeq, w.c.Records.RowNo[i])
	}
	return changed(st.ExecContext(w.ctx, args...))
}

type owner struct{ op, row int64 }

// owners reads who holds the keys of the rows, by row index; absent keys are absent.
func (w *rowWriter) owners(rows []int) (map[int]owner, error) {
	on := make([]string, len(w.keys))
	for j, k := range w.keys {
		on[j] = fmt.Sprintf(`t.%q = v.column%d`, w.c.Records.Columns[k], j+2)
	}
	// CROSS JOIN keeps the planner from scanning the table for the values.
	st, err := w.prepare(fmt.Sprintf(`SELECT v.column1, t._op_seq, t._row_no FROM (VALUES %s) v CROSS JOIN %q t ON t._account_id = ? AND %s`,
		tuples(len(rows), 1+len(w.keys)), w.table, strings.Join(on, " AND ")))
	if err != nil {
		return nil, err
	}
	args := make([]any, 0, len(rows)*(1+len(w.keys))+1)
	for _, i := range rows {
		args = append(args, i)
		for _, k := range w.keys {
			args = append(args, w.c.Records.Values[i][k])
		}
	}
	found, err := st.QueryContext(w.ctx, append(args, string(w.c.Work.Account))...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	out := make(map[int]owner, len(rows))
	for found.Next() {
		var i int
		var o owner
		if err := found.Scan(&i, &o.op, &o.row); err != nil {
			return nil, err
		}
		out[i] = o
	}
	return out, found.Err()
}

func (w *rowWriter) prepare(query string) (*sqlx.Stmt, error) {
	if st, ok := w.stmts[query]; ok {
		return st, nil
	}
	st, err := w.tx.PreparexContext(w.ctx, query)
	if err == nil {
		w.stmts[query] = st
	}
	return st, err
}

// tuples renders n parenthesised groups of that many parameters.
func tuples(n, width int) string {
	tuple := "(" + strings.Repeat("?, ", width-1) + "?)"
	return strings.Repeat(tuple+", ", n-1) + tuple
}

// deleteRows takes rows out again that this transaction inserted.
func deleteRows(ctx context.Context, tx *sqlx.Tx, c bulk.Commit, rows []int) error {
	if len(rows) == 0 {
		return nil
	}
	where := make([]string, 0, len(c.Work.Spec.Key))
	var keys []int
	for i, name := range c.Records.Columns {
		if c.Work.Spec.IsKey(name) {
			keys = append(keys, i)
			where = append(where, fmt.Sprintf(`%q = ?`, name))
		}
	}
	st, err := tx.PreparexContext(ctx, fmt.Sprintf(`DELETE FROM %q WHERE _account_id = ? AND %s`, c.Work.Spec.Table(), strings.Join(where, " AND ")))
	if err != nil {
		return err
	}
	defer st.Close()
	for _, i := range rows {
		args := []any{string(c.Work.Account)}
		for _, k := range keys {
			args = append(args, c.Records.Values[i][k])
		}
		if n, err := changed(st.ExecContext(ctx, args...)); err != nil {
			return err
		} else if n != 1 {
			return fmt.Errorf("row %d to take out again is not there", c.Records.RowNo[i])
		}
	}
	return nil
}
