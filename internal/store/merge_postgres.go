package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"bulkhead/internal/bulk"
)

// postgresRows writes a whole batch at once. Where keys are expected to be new it
// copies straight into the table. When that meets an existing key the transaction
// begins again, and for some batches of the import from this one on rows are copied into
// a temporary table and inserted from there, which may skip what exists.
type postgresRows struct {
	store   *Store
	tx      *txn
	c       bulk.ValidatedBatch
	columns []string
	types   []bulk.Type // of the records' columns
	all     []int       // the rows that are written
	staged  bool        // they are in the temporary table
}

// overlapFor is how many batches of an import go through the temporary table after
// one that met an existing key.
const overlapFor = 16

func (postgresEngine) rows(s *Store, tx *txn) rowTable { return &postgresRows{store: s, tx: tx} }

func (r *postgresRows) begin(c bulk.ValidatedBatch, rows []int) {
	r.c, r.columns, r.all = c, rowColumns(c), rows
	for _, name := range c.Records.Columns {
		r.types = append(r.types, c.Task.Spec.Column(name).Type)
	}
}

func (r *postgresRows) chunk() int { return max(1, len(r.all)) }

func (r *postgresRows) close() {}

func (r *postgresRows) insert(ctx context.Context, rows []int) (int64, error) {
	if len(rows) == len(r.all) && !r.staged && !r.overlapping() {
		n, err := r.tx.copyFrom(ctx, r.c.Task.Spec.Table(), r.columns, &rowSource{r: r, rows: rows})
		if uniqueViolation(err) {
			r.store.expectOverlap(r.c.Task.Import.ID)
			return 0, errKeyExists
		}
		return n, err
	}
	if err := r.stage(ctx); err != nil {
		return 0, err
	}
	return changed(r.tx.Tx.ExecContext(ctx, fmt.Sprintf(`
		INSERT INTO %q (%s) SELECT %s FROM _staged WHERE _i = ANY($1) ORDER BY _i ON CONFLICT (_account_id, %s) DO NOTHING`,
		r.c.Task.Spec.Table(), quoted(r.columns), quoted(r.columns), quoted(r.c.Task.Spec.Key)), indexes(rows)))
}

// stage copies the rows into the temporary table, once.
func (r *postgresRows) stage(ctx context.Context) error {
	if r.staged {
		return nil
	}
	r.staged = true
	if _, err := r.tx.Tx.ExecContext(ctx, fmt.Sprintf(`
		CREATE TEMP TABLE _staged ON COMMIT DROP AS SELECT 0 AS _i, %s FROM %q WITH NO DATA`, quoted(r.columns), r.c.Task.Spec.Table())); err != nil {
		return err
	}
	if _, err := r.tx.copyFrom(ctx, "_staged", append([]string{"_i"}, r.columns...), &rowSource{r: r, rows: r.all, numbered: true}); err != nil {
		return err
	}
	_, err := r.tx.Tx.ExecContext(ctx, `ANALYZE _staged`)
	return err
}

func (r *postgresRows) owners(ctx context.Context, rows []int) (map[int]owner, error) {
	if err := r.stage(ctx); err != nil {
		return nil, err
	}
	found, err := r.tx.Tx.QueryContext(ctx, fmt.Sprintf(`
		SELECT v._i, t._op_seq, t._row_no, %s FROM _staged v JOIN %q t ON t._account_id = v._account_id AND %s
		WHERE v._i = ANY($1) ORDER BY v._i FOR NO KEY UPDATE OF t`, selectKept(r.c), r.c.Task.Spec.Table(), onKeys(r.c, "t", "v")), indexes(rows))
	if err != nil {
		return nil, err
	}
	return readOwners(found)
}

func (r *postgresRows) overwrite(ctx context.Context, rows []int) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := r.tx.Tx.ExecContext(ctx, fmt.Sprintf(`
		UPDATE %q t SET %s FROM _staged v
		WHERE v._i = ANY($1) AND t._account_id = v._account_id AND %s AND (t._op_seq, t._row_no) < (v._op_seq, v._row_no)`,
		r.c.Task.Spec.Table(), assignments(r.c, "v"), onKeys(r.c, "t", "v")), indexes(rows))
	return err
}

func (r *postgresRows) remove(ctx context.Context, rows []int) error {
	if len(rows) == 0 {
		return nil
	}
	if err := r.stage(ctx); err != nil {
		return err
	}
	n, err := changed(r.tx.Tx.ExecContext(ctx, fmt.Sprintf(`
		DELETE FROM %q t USING _staged v WHERE v._i = ANY($1) AND t._account_id = v._account_id AND %s`,
		r.c.Task.Spec.Table(), onKeys(r.c, "t", "v")), indexes(rows)))
	if err == nil && n != int64(len(rows)) {
		err = fmt.Errorf("%d rows to take out again, %d were there", len(rows), n)
	}
	return err
}

// overlapping reports whether the import met existing keys lately, and counts down.
func (r *postgresRows) overlapping() bool {
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	id := r.c.Task.Import.ID
	n := r.store.overlaps[id]
	switch {
	case n > 1:
		r.store.overlaps[id] = n - 1
	case n == 1:
		delete(r.store.overlaps, id)
	}
	return n > 0
}

func (s *Store) expectOverlap(id bulk.ImportID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.overlaps) >= mostRemembered { // of imports with fewer batches than that it stays
		clear(s.overlaps)
	}
	s.overlaps[id] = overlapFor
}

func indexes(rows []int) []int32 {
	out := make([]int32, len(rows))
	for i, r := range rows {
		out[i] = int32(r)
	}
	return out
}

// rowSource feeds COPY, in key order.
type rowSource struct {
	r        *postgresRows
	rows     []int
	numbered bool // with the row's index first
	at       int
	values   []any
}

func (s *rowSource) Next() bool {
	s.at++
	return s.at <= len(s.rows)
}

func (s *rowSource) Err() error { return nil }

func (s *rowSource) Values() ([]any, error) {
	i := s.rows[s.at-1]
	s.values = s.values[:0]
	if s.numbered {
		s.values = append(s.values, int32(i))
	}
	s.values = append(s.values, string(s.r.c.Task.Account))
	for j, v := range s.r.c.Records.Values[i] {
		x, err := toPostgres(s.r.types[j], v)
		if err != nil {
			return nil, err
		}
		s.values = append(s.values, x)
	}
	s.values = append(s.values, s.r.c.Task.OpSeq, s.r.c.Records.RowNo[i])
	return s.values, nil
}

// toPostgres makes of canonical text what the binary format of its column needs.
func toPostgres(t bulk.Type, v bulk.Value) (any, error) {
	text, ok := v.(string)
	if !ok {
		return v, nil
	}
	switch t {
	case bulk.TypeDate:
		return time.Parse(time.DateOnly, text)
	case bulk.TypeTimestamp:
		return time.Parse(time.RFC3339, text)
	case bulk.TypeDecimal:
		var n pgtype.Numeric
		err := n.Scan(text)
		return n, err
	case bulk.TypeJSON:
		return []byte(text), nil
	}
	return text, nil
}
