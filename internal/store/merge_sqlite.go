package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"

	"bulkhead/internal/bulk"
)

// sqliteCells bounds the parameters of one statement: large enough that the cost of
// a call is shared by many rows, small enough to stay in the parser's caches.
const sqliteCells = 480

// sqliteRows writes rows with multi-row statements that are prepared once a batch.
type sqliteRows struct {
	tx      *txn
	c       bulk.ValidatedBatch
	table   string
	columns []string
	keys    []int
	stmts   map[string]*sqlx.Stmt
}

func (sqliteEngine) rows(_ *Store, tx *txn) rowTable { return &sqliteRows{tx: tx} }

func (r *sqliteRows) begin(c bulk.ValidatedBatch, _ []int) {
	r.c, r.table, r.columns, r.keys, r.stmts = c, c.Task.Spec.Table(), rowColumns(c), keyIndexes(c), map[string]*sqlx.Stmt{}
}

func (r *sqliteRows) chunk() int { return max(1, sqliteCells/len(r.columns)) }

func (r *sqliteRows) close() {
	for _, st := range r.stmts {
		st.Close()
	}
}

func (r *sqliteRows) insert(ctx context.Context, rows []int) (int64, error) {
	return r.write(ctx, rows, "DO NOTHING")
}

func (r *sqliteRows) overwrite(ctx context.Context, rows []int) error {
	_, err := r.write(ctx, rows, fmt.Sprintf(`DO UPDATE SET %s WHERE (%q._op_seq, %q._row_no) < (excluded._op_seq, excluded._row_no)`,
		assignments(r.c, "excluded"), r.table, r.table))
	return err
}

func (r *sqliteRows) write(ctx context.Context, rows []int, onConflict string) (int64, error) {
	if len(rows) == 0 {
		return 0, nil
	}
	st, err := r.prepare(ctx, fmt.Sprintf(`INSERT INTO %q (%s) VALUES %s ON CONFLICT (_account_id, %s) %s`,
		r.table, quoted(r.columns), tuples(len(rows), len(r.columns)), quoted(r.c.Task.Spec.Key), onConflict))
	if err != nil {
		return 0, err
	}
	args := make([]any, 0, len(rows)*len(r.columns))
	for _, i := range rows {
		args = append(args, string(r.c.Task.Account))
		args = append(args, r.c.Records.Values[i]...)
		args = append(args, r.c.Task.OpSeq, r.c.Records.RowNo[i])
	}
	return changed(st.ExecContext(ctx, args...))
}

func (r *sqliteRows) owners(ctx context.Context, rows []int) (map[int]owner, error) {
	on := make([]string, len(r.keys))
	for j, k := range r.keys {
		on[j] = fmt.Sprintf(`t.%q = v.column%d`, r.c.Records.Columns[k], j+2)
	}
	// CROSS JOIN keeps the planner from scanning the table for the values.
	st, err := r.prepare(ctx, fmt.Sprintf(`SELECT v.column1, t._op_seq, t._row_no, %s FROM (VALUES %s) v CROSS JOIN %q t ON t._account_id = ? AND %s`,
		selectKept(r.c), tuples(len(rows), 1+len(r.keys)), r.table, strings.Join(on, " AND ")))
	if err != nil {
		return nil, err
	}
	args := make([]any, 0, len(rows)*(1+len(r.keys))+1)
	for _, i := range rows {
		args = append(args, i)
		for _, k := range r.keys {
			args = append(args, r.c.Records.Values[i][k])
		}
	}
	found, err := st.QueryContext(ctx, append(args, string(r.c.Task.Account))...)
	if err != nil {
		return nil, err
	}
	return readOwners(found)
}

func (r *sqliteRows) remove(ctx context.Context, rows []int) error {
	if len(rows) == 0 {
		return nil
	}
	var where []string
	for _, k := range r.keys {
		where = append(where, fmt.Sprintf(`%q = ?`, r.c.Records.Columns[k]))
	}
	st, err := r.prepare(ctx, fmt.Sprintf(`DELETE FROM %q WHERE _account_id = ? AND %s`, r.table, strings.Join(where, " AND ")))
	if err != nil {
		return err
	}
	for _, i := range rows {
		args := []any{string(r.c.Task.Account)}
		for _, k := range r.keys {
			args = append(args, r.c.Records.Values[i][k])
		}
		if n, err := changed(st.ExecContext(ctx, args...)); err != nil {
			return err
		} else if n != 1 {
			return fmt.Errorf("row %d to take out again is not there", r.c.Records.RowNo[i])
		}
	}
	return nil
}

func (r *sqliteRows) prepare(ctx context.Context, query string) (*sqlx.Stmt, error) {
	if st, ok := r.stmts[query]; ok {
		return st, nil
	}
	st, err := r.tx.PreparexContext(ctx, query)
	if err == nil {
		r.stmts[query] = st
	}
	return st, err
}
