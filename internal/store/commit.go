package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"bulkhead/internal/bulk"
)

// Commit applies a batch in one transaction, or nothing of it. What other batches of the
// account wait for, its quota and the import, is locked last and held over few steps.
//
// Rows that the database does not take, or that would make a record too large, are rejects
// (unstorable); they never fail the batch.
func (s *Store) Commit(ctx context.Context, c bulk.ValidatedBatch) (counts bulk.Counts, err error) {
	counts, err = s.commit(ctx, c, nil)
	if s.engine.fault(err) != faultData {
		return counts, err
	}
	refused, ferr := s.refusedRows(ctx, c, others(c, nil))
	if ferr != nil {
		return counts, ferr
	}
	if len(refused) == 0 { // it was not about the rows, or they fit by now
		return counts, err
	}
	return s.commit(ctx, c, refused)
}

func (s *Store) commit(ctx context.Context, c bulk.ValidatedBatch, refused []int) (counts bulk.Counts, err error) {
	for {
		counts, err = s.apply(ctx, c, refused)
		if !errors.Is(err, errKeyExists) {
			return counts, err
		}
	}
}

// others are the rows of a batch but the refused ones.
func others(c bulk.ValidatedBatch, refused []int) (rows []int) {
	for i := range c.Records.Len() {
		if _, is := slices.BinarySearch(refused, i); !is {
			rows = append(rows, i)
		}
	}
	return rows
}

// batchOutcome is what became of a batch.
type batchOutcome struct {
	state   bulk.BatchState
	counts  bulk.Counts
	rejects rejectedRows  // by the transaction alone; none where only checked
	took    time.Duration // to commit it; 0 where only checked
}

func (s *Store) apply(ctx context.Context, c bulk.ValidatedBatch, refused []int) (counts bulk.Counts, err error) {
	err = s.settleBatch(ctx, "commit batch", c, func(tx *txn) (batchOutcome, error) {
		m, err := s.merge(ctx, tx, c, others(c, refused))
		if err != nil {
			return batchOutcome{}, err
		}
		defer m.table.close()
		over, err := m.chargeQuota(ctx, tx)
		if err != nil {
			return batchOutcome{}, err
		}
		rejects := rejectedRows{bulk.CodeDuplicateKey: m.out.duplicate, bulk.CodeOverQuota: over, bulk.CodeUnstorable: slices.Concat(refused, m.out.unstorable)}
		counts = bulk.Counts{
			Read: c.Task.Batch.Rows.Read, Created: int64(len(m.out.created) - len(over)), Updated: m.out.updated,
			Superseded: c.Superseded + m.out.superseded, Rejected: c.Rejected + rejects.count(bulk.CodeDuplicateKey, bulk.CodeUnstorable), OverQuota: int64(len(over)),
		}
		if counts.Sum() != counts.Read {
			return batchOutcome{}, fmt.Errorf("batch %d of %s does not balance: %+v", c.Task.Batch.No, c.Task.Import.ID, counts)
		}
		return batchOutcome{state: bulk.BatchCommitted, counts: counts, rejects: rejects}, nil
	})
	return counts, err
}

// Check records what a dry run found in a batch; it commits no row.
func (s *Store) Check(ctx context.Context, c bulk.ValidatedBatch) error {
	return s.settleBatch(ctx, "check batch", c, func(*txn) (batchOutcome, error) {
		return batchOutcome{state: bulk.BatchChecked, counts: bulk.Counts{Read: c.Task.Batch.Rows.Read, Rejected: c.Rejected}}, nil
	})
}

// settleBatch works on a batch that nobody else did, carries what became of it to its
// import, and moves that on.
func (s *Store) settleBatch(ctx context.Context, op string, c bulk.ValidatedBatch, work func(tx *txn) (batchOutcome, error)) error {
	ending := false
	err := s.tx(ctx, op, func(tx *txn) error {
		begun := time.Now()
		if err := claim(ctx, tx, c.Task); err != nil {
			return err
		}
		o, err := work(tx)
		if err != nil {
			return err
		}
		r, err := addToImport(ctx, tx, c.Task, o)
		if err != nil {
			return err
		}
		if err := addRejectGroups(ctx, tx, c.Task, slices.Concat(c.RejectGroups, o.rejects.groups(c))); err != nil {
			return err
		}
		if o.state == bulk.BatchCommitted {
			o.took = time.Since(begun)
		}
		if err := closeBatch(ctx, tx, c, o); err != nil {
			return err
		}
		f := r.facts(c.Task.Import.Options)
		f.Judged = max(r.Sum(), c.Task.Batch.Rows.Read)
		ending, err = completeIfDone(ctx, tx, &r, f)
		return err
	})
	if err == nil && ending {
		err = s.finalize(ctx, importKey{c.Task.Account, c.Task.Import.ID})
	}
	return err
}

// claim locks a batch that still waits. The lock, and its state, which closeBatch
// changes, are what applies a batch at most once, however often it is delivered.
func claim(ctx context.Context, tx *txn, w bulk.BatchTask) error {
	err := tx.GetContext(ctx, new(int64), `SELECT no FROM batches WHERE account_id = ? AND import_id = ? AND no = ? AND `+isStaged+tx.lock,
		w.Account, w.Import.ID, w.Batch.No)
	if errors.Is(err, sql.ErrNoRows) {
		return bulk.ErrSkip
	}
	return err
}

// rejectedRows are those that only the transaction could reject, by their index.
type rejectedRows map[bulk.Code][]int

func (r rejectedRows) count(codes ...bulk.Code) (n int64) {
	for _, code := range codes {
		n += int64(len(r[code]))
	}
	return n
}

func (r rejectedRows) groups(c bulk.ValidatedBatch) (all []bulk.RejectGroup) {
	for _, code := range slices.Sorted(maps.Keys(r)) {
		all = append(all, rejectGroupsOf(c, code, r[code])...)
	}
	return all
}

func rowSet(c bulk.ValidatedBatch, indexes []int) bulk.RowSet {
	out := make(bulk.RowSet, len(indexes))
	for i, x := range indexes {
		out[i] = c.Records.RowNo[x]
	}
	slices.Sort(out)
	return out
}

// rejectGroupsOf makes the group of rows that the transaction rejected.
func rejectGroupsOf(c bulk.ValidatedBatch, code bulk.Code, indexes []int) []bulk.RejectGroup {
	if len(indexes) == 0 {
		return nil
	}
	g := bulk.RejectGroup{Code: code, Count: int64(len(indexes))}
	for _, row := range rowSet(c, indexes)[:min(len(indexes), bulk.MaxExamples)] {
		i := slices.Index(c.Records.RowNo, row)
		g.Examples = append(g.Examples, bulk.Example{Line: c.Records.LineNo[i], Row: row, Value: bulk.Truncate(strings.ReplaceAll(c.Records.Keys[i], "\x1f", ", "))})
	}
	return []bulk.RejectGroup{g}
}

// maxLabel bounds the name of a file's column that groups go by, in bytes: it is part of
// a key, and an index entry ends at 2,704.
const maxLabel = 2000

// addRejectGroups merges a batch's groups into its import's. The lowest rows stay as
// examples, so that they do not depend on the order of commits.
func addRejectGroups(ctx context.Context, tx *txn, w bulk.BatchTask, groups []bulk.RejectGroup) error {
	for _, c := range groups {
		c.Column = bulk.TruncateTo(c.Column, maxLabel)
		var old []string
		if err := tx.SelectContext(ctx, &old, `
			SELECT examples FROM error_clusters WHERE account_id = ? AND import_id = ? AND source_column = ? AND code = ?`,
			w.Account, w.Import.ID, c.Column, c.Code); err != nil {
			return err
		}
		examples := slices.Clone(c.Examples)
		for _, o := range old {
			var more []bulk.Example
			if err := json.Unmarshal([]byte(o), &more); err != nil {
				return err
			}
			examples = append(examples, more...)
		}
		slices.SortFunc(examples, func(a, b bulk.Example) int { return int(a.Row - b.Row) })
		text, err := json.Marshal(examples[:min(len(examples), bulk.MaxExamples)])
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO error_clusters (account_id, import_id, source_column, code, rejects, examples) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (account_id, import_id, source_column, code) DO UPDATE SET rejects = error_clusters.rejects + excluded.rejects, examples = excluded.examples`,
			w.Account, w.Import.ID, c.Column, c.Code, c.Count, string(text)); err != nil {
			return err
		}
	}
	return nil
}

// closeBatch notes what became of a claimed batch.
func closeBatch(ctx context.Context, tx *txn, c bulk.ValidatedBatch, o batchOutcome) error {
	n := o.counts
	d, err1 := rowSet(c, o.rejects[bulk.CodeDuplicateKey]).MarshalBinary()
	q, err2 := rowSet(c, o.rejects[bulk.CodeOverQuota]).MarshalBinary()
	u, err3 := rowSet(c, o.rejects[bulk.CodeUnstorable]).MarshalBinary()
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	closed, err := changed(tx.ExecContext(ctx, `
		UPDATE batches SET state = ?, node = ?, committed_at = CASE WHEN ? THEN `+tx.clock+` END, leased_at = ?, attempts = ?, queue_ms = ?, paused_ms = ?, backoff_ms = ?, failed_ms = ?,
			rows_created = ?, rows_updated = ?, rows_superseded = ?, rows_rejected = ?, rows_over_quota = ?,
			duplicate_rows = ?, over_quota_rows = ?, unstorable_rows = ?, read_ms = ?, validate_ms = ?, commit_ms = ?
		WHERE account_id = ? AND import_id = ? AND no = ? AND `+isStaged,
		o.state, c.Lease.Node, o.state == bulk.BatchCommitted, now(), c.Task.LeasedAt, c.Lease.Attempt, c.Lease.Waits.Queued.Milliseconds(), c.Lease.Waits.Paused.Milliseconds(),
		c.Lease.Waits.Backoff.Milliseconds(), c.Lease.Waits.Failed.Milliseconds(), n.Created, n.Updated, n.Superseded, n.Rejected, n.OverQuota, d, q, u, c.Read.Milliseconds(), c.Validate.Milliseconds(), o.took.Milliseconds(),
		c.Task.Account, c.Task.Import.ID, c.Task.Batch.No))
	if err == nil && closed == 0 {
		return bulk.ErrSkip
	}
	return err
}

// addToImport adds a batch's outcome to its import, which it locks and returns. It rolls
// everything back if the import ended meanwhile: after a cancel not one more row lands.
// A dry run that was approved while this batch was being checked comes again, too.
func addToImport(ctx context.Context, tx *txn, w bulk.BatchTask, o batchOutcome) (r importRow, err error) {
	n, committed := o.counts, 0
	if o.state == bulk.BatchCommitted {
		committed = 1
	}
	err = tx.GetContext(ctx, &r, `
		UPDATE imports SET rows_created = rows_created + ?, rows_updated = rows_updated + ?, rows_superseded = rows_superseded + ?,
			rows_rejected = rows_rejected + ?, rows_over_quota = rows_over_quota + ?, batches_staged = batches_staged - 1, batches_committed = batches_committed + ?,
			version = version + 1
		WHERE account_id = ? AND id = ? AND `+acceptsCommits+` AND (NOT ? OR NOT approved)
		RETURNING `+importColumns,
		n.Created, n.Updated, n.Superseded, n.Rejected, n.OverQuota, committed, w.Account, w.Import.ID, w.DryRun)
	if errors.Is(err, sql.ErrNoRows) {
		return r, bulk.ErrSkip
	}
	return r, err
}
