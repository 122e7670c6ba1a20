package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bulkhead/internal/bulk"
)

// Commits is the outbox of committed batches: references that the topic of commits
// has not been given.
type Commits struct{ s *Store }

// Commits returns the outbox of committed batches.
func (s *Store) Commits() Commits { return Commits{s} }

// Unpublished lists references of committed batches that were not announced, oldest first.
func (c Commits) Unpublished(ctx context.Context, limit int) ([]bulk.BatchRef, error) {
	out, err := refs(c.s.read.QueryxContext(ctx, selectRefs+`
		WHERE `+isCommitted+` AND announced_at IS NULL ORDER BY committed_at, import_id, no LIMIT ?`, limit))
	return out, c.s.error("list unannounced batches", err)
}

// MarkPublished notes that the topic has the references.
func (c Commits) MarkPublished(ctx context.Context, ids []bulk.BatchID, ago time.Duration) error {
	return c.s.tx(ctx, "mark announced", func(tx *txn) error {
		at, err := readClock(ctx, tx, c.s.engine)
		if err != nil {
			return err
		}
		return tx.markBatches(ctx, batchMark{"announced_at", bulk.BatchCommitted, at.Add(-ago)}, ids)
	})
}

// UnmirroredAge is the age of the oldest committed batch that analytics may lack, by the
// ledger's own clock; 0 when they lack none.
func (s *Store) UnmirroredAge(ctx context.Context) (time.Duration, error) {
	age, err := s.age(ctx, `SELECT committed_at, %s FROM batches WHERE `+isCommitted+` AND mirrored_at IS NULL ORDER BY committed_at LIMIT 1`)
	return age, s.error("read age of what is not mirrored", err)
}

// Unmirrored lists batches that analytics may lack, committed so long ago by the ledger's
// own clock, oldest first, after the given one.
func (s *Store) Unmirrored(ctx context.Context, after bulk.Committed, ago time.Duration, limit int) ([]bulk.Committed, error) {
	clock, err := readClock(ctx, s.read, s.engine)
	if err != nil {
		return nil, s.error("list unmirrored batches", err)
	}
	rows, err := s.read.QueryxContext(ctx, `
		SELECT import_id, no, committed_at FROM batches
		WHERE `+isCommitted+` AND mirrored_at IS NULL AND (committed_at, import_id, no) > (?, ?, ?) AND committed_at <= ?
		ORDER BY committed_at, import_id, no LIMIT ?`, after.At.UTC(), after.Import, after.No, clock.Add(-ago), limit)
	if err != nil {
		return nil, s.error("list unmirrored batches", err)
	}
	defer rows.Close()
	var out []bulk.Committed
	for rows.Next() {
		var c bulk.Committed
		if err := rows.Scan(&c.Import, &c.No, &c.At); err != nil {
			return nil, s.error("list unmirrored batches", err)
		}
		out = append(out, c)
	}
	return out, s.error("list unmirrored batches", rows.Err())
}

// CommittedTask reads a committed batch that analytics may lack; [bulk.ErrSkip] says that
// they have it.
func (s *Store) CommittedTask(ctx context.Context, id bulk.BatchID) (w bulk.BatchTask, err error) {
	var b batchRow
	err = s.read.GetContext(ctx, &b, `
		SELECT `+batchColumns+` FROM batches WHERE import_id = ? AND no = ? AND `+isCommitted+` AND mirrored_at IS NULL`, id.Import, id.No)
	if errors.Is(err, sql.ErrNoRows) {
		return w, bulk.ErrSkip
	}
	if err != nil {
		return w, s.error("read landed batch", err)
	}
	r, err := getImport(ctx, s.read, b.Account, id.Import)
	if err != nil {
		return w, s.error("read landed batch", err)
	}
	w = bulk.BatchTask{Account: b.Account, Batch: b.public(), OpSeq: r.OpSeq}
	if w.Import, err = r.public(); err == nil {
		w.Spec, err = s.spec(ctx, s.read, r.Dataset, r.SpecVersion)
	}
	return w, s.error("read landed batch", err)
}

// unmirroredBatch is true of an import i whose records analytics may lack.
var unmirroredBatch = `EXISTS (
	SELECT 1 FROM batches b WHERE b.account_id = i.account_id AND b.import_id = i.id AND b.` + isCommitted + ` AND b.mirrored_at IS NULL)`

// Unreported lists imports that ended, whose batches are all mirrored, but whose own
// end is not, oldest first.
func (s *Store) Unreported(ctx context.Context, limit int) ([]bulk.Import, error) {
	var rows []importRow
	if err := s.read.SelectContext(ctx, &rows, `
		SELECT `+importColumns+` FROM imports i WHERE finished_at IS NOT NULL AND NOT mirrored AND NOT `+unmirroredBatch+` ORDER BY id LIMIT ?`, limit); err != nil {
		return nil, s.error("list unreported imports", err)
	}
	return publicImports(rows, s)
}

// MarkMirrored notes that analytics have the batches' rows, and the imports as they
// are given. An import that has ended, has not changed since it was read, and has no
// other batch to mirror becomes mirrored in the same transaction.
func (s *Store) MarkMirrored(ctx context.Context, batches []bulk.BatchID, imports []bulk.Import) error {
	return s.tx(ctx, "mark mirrored", func(tx *txn) error {
		at, err := readClock(ctx, tx, s.engine)
		if err == nil {
			err = tx.markBatches(ctx, batchMark{"mirrored_at", bulk.BatchCommitted, at}, batches)
		}
		if err != nil {
			return err
		}
		for _, i := range slices.SortedFunc(slices.Values(imports), func(a, b bulk.Import) int { return cmp.Compare(a.ID, b.ID) }) {
			if _, err := tx.ExecContext(ctx, `
				UPDATE imports AS i SET mirrored = TRUE, version = version + 1
				WHERE i.account_id = ? AND i.id = ? AND i.version = ? AND i.finished_at IS NOT NULL AND NOT i.mirrored AND NOT `+unmirroredBatch,
				i.AccountID, i.ID, i.Version); err != nil {
				return err
			}
		}
		return nil
	})
}

// ForgetMirrored notes that analytics have nothing, and returns how many batches they had.
func (s *Store) ForgetMirrored(ctx context.Context) (batches int64, err error) {
	err = s.tx(ctx, "forget what is mirrored", func(tx *txn) error {
		if batches, err = changed(tx.ExecContext(ctx, `UPDATE batches SET mirrored_at = NULL WHERE mirrored_at IS NOT NULL`)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE imports SET mirrored = FALSE, version = version + 1 WHERE mirrored`)
		return err
	})
	return batches, err
}

// recordsByKey is how many keys one query looks up; SQLite bounds the depth of a condition.
const recordsByKey = 100

// AppliedRecords reads those of the keys whose records are still as the batch left
// them, with every column of the import's spec, in no order. Records has no Keys.
// Each key has its values in the order of the spec's Key.
func (s *Store) AppliedRecords(ctx context.Context, w bulk.BatchTask, keys [][]bulk.Value) (out bulk.Records, err error) {
	out.Columns = columnNames(w.Spec)
	is := []string{`t._account_id = ?`}
	for _, k := range w.Spec.Key {
		is = append(is, fmt.Sprintf(`t.%q = ?`, k))
	}
	one := "(" + strings.Join(is, " AND ") + ")"
	for ; len(keys) > 0; keys = keys[min(recordsByKey, len(keys)):] {
		chunk := keys[:min(recordsByKey, len(keys))]
		query := fmt.Sprintf(`SELECT %s, t._op_seq, t._row_no, '' FROM %q t WHERE %s`,
			prefixed(out.Columns), w.Spec.Table(), strings.Repeat(one+" OR ", len(chunk)-1)+one)
		args := make([]any, 0, len(chunk)*(1+len(w.Spec.Key)))
		for _, k := range chunk {
			args = append(append(args, string(w.Account)), k...)
		}
		if err := s.readRecords(ctx, s.read, recordQuery{w.Spec, query, args}, func(r bulk.Record) bool {
			if r.OpSeq == w.OpSeq && r.Row >= w.Batch.FirstRow && r.Row < w.Batch.FirstRow+w.Batch.Rows.Read {
				out.RowNo = append(out.RowNo, r.Row)
				out.Values = append(out.Values, r.Values)
			}
			return true
		}); err != nil {
			return out, s.error("read landed records", err)
		}
	}
	return out, nil
}
