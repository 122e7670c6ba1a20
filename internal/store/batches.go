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

	"github.com/jmoiron/sqlx"

	"bulkhead/internal/bulk"
)

type batchRow struct {
	bulk.Batch
	bulk.Counts
	Account bulk.AccountID `db:"account_id"`
}

var batchColumns = columnsOf[batchRow]()

func (r batchRow) public() bulk.Batch {
	b := r.Batch
	b.Rows = r.Counts
	return b
}

// Batches lists the batches of an import by number, after the given one of it (No -1 for all).
func (s *Store) Batches(ctx context.Context, account bulk.AccountID, after bulk.BatchID, limit int) ([]bulk.Batch, error) {
	var rows []batchRow
	err := s.asAccount(ctx, "list batches", account, func(q reader) error {
		if err := hasImport(ctx, q, account, after.Import); err != nil {
			return err
		}
		return q.SelectContext(ctx, &rows, `
			SELECT `+batchColumns+` FROM batches WHERE account_id = ? AND import_id = ? AND no > ? ORDER BY no LIMIT ?`, account, after.Import, after.No, limit)
	})
	out := make([]bulk.Batch, len(rows))
	for i, r := range rows {
		out[i] = r.public()
	}
	return out, err
}

// BatchRejects reads the rows of a batch that only its transaction could reject.
func (s *Store) BatchRejects(ctx context.Context, account bulk.AccountID, id bulk.BatchID) (map[bulk.Code]bulk.RowSet, error) {
	var d, q, u []byte
	if err := s.asAccount(ctx, "read batch rejects", account, func(r reader) error {
		row := r.QueryRowxContext(ctx, `SELECT duplicate_rows, over_quota_rows, unstorable_rows FROM batches WHERE account_id = ? AND import_id = ? AND no = ?`, account, id.Import, id.No)
		return noRows(row.Scan(&d, &q, &u), "batch")
	}); err != nil {
		return nil, err
	}
	out := map[bulk.Code]bulk.RowSet{}
	for code, data := range map[bulk.Code][]byte{bulk.CodeDuplicateKey: d, bulk.CodeOverQuota: q, bulk.CodeUnstorable: u} {
		var rows bulk.RowSet
		if err := rows.UnmarshalBinary(data); err != nil {
			return nil, s.error("read batch rejects", err)
		}
		out[code] = rows
	}
	return out, nil
}

// ImportSpec reads the spec that an import was created with.
func (s *Store) ImportSpec(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (spec bulk.Spec, err error) {
	err = s.asAccount(ctx, "read spec of import", account, func(q reader) error {
		r, err := getImport(ctx, q, account, id)
		if err == nil {
			spec, err = s.spec(ctx, q, r.Dataset, r.SpecVersion)
		}
		return err
	})
	return spec, err
}

// BatchTask reads what is needed to process a batch.
func (s *Store) BatchTask(ctx context.Context, id bulk.BatchID) (w bulk.BatchTask, err error) {
	var b struct {
		batchRow
		Clock *time.Time `db:"clock"`
	}
	err = s.read.GetContext(ctx, &b, `SELECT `+batchColumns+`, `+s.clockColumn()+` FROM batches WHERE import_id = ? AND no = ? AND `+isStaged, id.Import, id.No)
	if errors.Is(err, sql.ErrNoRows) {
		return w, bulk.ErrSkip
	}
	if err != nil {
		return w, s.error("read work", err)
	}
	r, err := getImport(ctx, s.read, b.Account, id.Import)
	if err != nil {
		return w, s.error("read work", err)
	}
	if _, err := r.State.Next(bulk.TriggerLease, bulk.Facts{}); err != nil {
		return w, err
	}
	w = bulk.BatchTask{Account: b.Account, Batch: b.public(), OpSeq: r.OpSeq, LeasedAt: asOf(b.Clock)}
	if w.Import, err = r.public(); err != nil {
		return w, s.error("read work", err)
	}
	w.DryRun = w.Import.Facts().Checking()
	w.Spec, err = s.spec(ctx, s.read, r.Dataset, r.SpecVersion)
	return w, s.error("read work", err)
}

// Fail counts a deterministic failure and quarantines the batch at the last one.
func (s *Store) Fail(ctx context.Context, id bulk.BatchID, node bulk.NodeID, why string) (quarantined bool, err error) {
	why = strings.ToValidUTF8(strings.ReplaceAll(why, "\x00", "\uFFFD"), "\uFFFD") // it may quote a file
	var account bulk.AccountID
	ending := false
	err = s.tx(ctx, "fail batch", func(tx *txn) error {
		var failures int
		var rows int64
		row := tx.QueryRowxContext(ctx, `
			UPDATE batches SET failures = failures + 1, error = ?, node = ? WHERE import_id = ? AND no = ? AND `+isStaged+`
			RETURNING account_id, failures, rows_read`, why, node, id.Import, id.No)
		if err := row.Scan(&account, &failures, &rows); errors.Is(err, sql.ErrNoRows) {
			return nil
		} else if err != nil {
			return err
		}
		if failures < bulk.MaxFailures {
			return nil
		}
		quarantined = true
		if _, err := tx.ExecContext(ctx, `
			UPDATE batches SET state = ?, rows_unprocessed = rows_read WHERE account_id = ? AND import_id = ? AND no = ?`, bulk.BatchQuarantined, account, id.Import, id.No); err != nil {
			return err
		}
		var r importRow
		err := tx.GetContext(ctx, &r, `
			UPDATE imports SET batches_staged = batches_staged - 1, batches_quarantined = batches_quarantined + 1,
				rows_unprocessed = rows_unprocessed + ?, version = version + 1
			WHERE account_id = ? AND id = ? AND `+acceptsCommits+` RETURNING `+importColumns, rows, account, id.Import)
		if errors.Is(err, sql.ErrNoRows) {
			return bulk.ErrSkip // the import is ending; its end drops the batch
		}
		if err != nil {
			return err
		}
		if err := tx.milestone(ctx, r.key(), "batch_quarantined", fmt.Sprintf("Batch %d was set aside: %s", id.No, why)); err != nil {
			return err
		}
		o, err := r.options()
		if err != nil {
			return err
		}
		ending, err = completeIfDone(ctx, tx, &r, r.facts(o))
		return err
	})
	if errors.Is(err, bulk.ErrSkip) {
		return false, nil
	}
	if err == nil && ending {
		err = s.finalize(ctx, importKey{account, id.Import})
	}
	return quarantined, err
}

const selectRefs = `
	SELECT account_id, import_id, no, priority, rows_read, object_bytes, staged_at FROM batches `

func refs(rows *sqlx.Rows, err error) ([]bulk.BatchRef, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []bulk.BatchRef
	for rows.Next() {
		var r bulk.BatchRef
		if err := rows.Scan(&r.Account, &r.Import, &r.No, &r.Priority, &r.Rows, &r.Bytes, &r.StagedAt); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// Unpublished lists references that the broker has not been given, oldest first.
func (s *Store) Unpublished(ctx context.Context, limit int) ([]bulk.BatchRef, error) {
	out, err := refs(s.read.QueryxContext(ctx, selectRefs+`
		WHERE `+isStaged+` AND published_at IS NULL ORDER BY staged_at, import_id, no LIMIT ?`, limit))
	return out, s.error("list unpublished batches", err)
}

// MarkPublished notes that the broker was given the references so long ago.
func (s *Store) MarkPublished(ctx context.Context, ids []bulk.BatchID, ago time.Duration) error {
	return s.tx(ctx, "mark published", func(tx *txn) error {
		at, err := readClock(ctx, tx, s.engine)
		if err != nil {
			return err
		}
		return tx.markBatches(ctx, batchMark{"published_at", bulk.BatchStaged, at.Add(-ago)}, ids)
	})
}

// Importing reports whether batches wait or are worked on anywhere, those of paused imports
// apart.
func (s *Store) Importing(ctx context.Context) (importing bool, err error) {
	err = s.read.GetContext(ctx, &importing, `SELECT EXISTS (SELECT 1 FROM imports WHERE finished_at IS NULL AND batches_staged > 0 AND `+acceptsCommits+` AND state <> ?)`, bulk.StatePaused)
	return importing, s.error("look for staged batches", err)
}

// UnpublishedAge is the age of the oldest batch whose reference the broker has not been
// given, by the ledger's own clock; 0 when there is none.
func (s *Store) UnpublishedAge(ctx context.Context) (time.Duration, error) {
	age, err := s.age(ctx, `SELECT staged_at, %s FROM batches WHERE `+isStaged+` AND published_at IS NULL ORDER BY staged_at LIMIT 1`)
	return age, s.error("read age of the outbox", err)
}

// age is that of the time that a query finds, or 0. The query has a verb for the clock.
func (s *Store) age(ctx context.Context, query string) (time.Duration, error) {
	var at time.Time
	var clock *time.Time
	err := s.read.QueryRowxContext(ctx, fmt.Sprintf(query, s.clockColumn())).Scan(&at, &clock)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return max(0, asOf(clock).Sub(at)), err
}

// batchMark is a time to note at batches that are in the state.
type batchMark struct {
	column string
	state  bulk.BatchState
	at     time.Time
}

// markBatches notes a time at those of the batches that are in the state. It goes by
// their ids: relays and the mirror mark the same batches at once, and in different orders
// would lock each other out.
func (t *txn) markBatches(ctx context.Context, m batchMark, ids []bulk.BatchID) error {
	mark := fmt.Sprintf(`UPDATE batches SET %s = ? WHERE import_id = ? AND no = ? AND state = ?`, m.column)
	for _, id := range slices.SortedFunc(slices.Values(ids), byID) {
		if _, err := t.ExecContext(ctx, mark, m.at.UTC(), id.Import, id.No, m.state); err != nil {
			return err
		}
	}
	return nil
}

func byID(a, b bulk.BatchID) int {
	return cmp.Or(cmp.Compare(a.Import, b.Import), cmp.Compare(a.No, b.No))
}

// StillStaged returns those of the references whose batches still wait, and for how long.
func (s *Store) StillStaged(ctx context.Context, in []bulk.BatchRef) ([]bulk.BatchRef, error) {
	byImport := map[bulk.ImportID][]bulk.BatchRef{}
	for _, r := range in {
		byImport[r.Import] = append(byImport[r.Import], r)
	}
	var out []bulk.BatchRef
	for id, group := range byImport {
		var rows []struct {
			No        int64      `db:"no"`
			Published *time.Time `db:"published_at"`
			Clock     *time.Time `db:"clock"`
		}
		first, last := slices.MinFunc(group, byNo).No, slices.MaxFunc(group, byNo).No
		if err := s.read.SelectContext(ctx, &rows, `SELECT no, published_at, `+s.clockColumn()+` FROM batches WHERE import_id = ? AND no BETWEEN ? AND ? AND `+isStaged, id, first, last); err != nil {
			return nil, s.error("filter staged batches", err)
		}
		waited := make(map[int64]time.Duration, len(rows))
		for _, r := range rows {
			waited[r.No] = 0
			if r.Published != nil {
				waited[r.No] = max(0, asOf(r.Clock).Sub(*r.Published))
			}
		}
		for _, r := range group {
			if age, waits := waited[r.No]; waits {
				r.Waited = age
				out = append(out, r)
			}
		}
	}
	return out, nil
}

func byNo(a, b bulk.BatchRef) int { return cmp.Compare(a.No, b.No) }

// StagedFor lists references of batches that have waited for at least the time, ordered by
// (import, no), after the given one.
func (s *Store) StagedFor(ctx context.Context, least time.Duration, after bulk.BatchID, limit int) ([]bulk.BatchRef, error) {
	out, err := refs(s.read.QueryxContext(ctx, selectRefs+`
		WHERE `+isStaged+` AND (import_id, no) > (?, ?) AND staged_at < `+s.engine.ahead()+` ORDER BY import_id, no LIMIT ?`,
		after.Import, after.No, -least.Seconds(), limit))
	return out, s.error("list staged batches", err)
}

// Controls reads the weight and cap of each account and the pause of each import.
func (s *Store) Controls(ctx context.Context, accounts []bulk.AccountID, imports []bulk.ImportID) (bulk.Controls, error) {
	st := bulk.Controls{Weights: map[bulk.AccountID]int{}, Caps: map[bulk.AccountID]int{}, Paused: map[bulk.ImportID]bool{}, Ended: map[bulk.ImportID]bool{}}
	entitled, err := selectIn[struct {
		ID     bulk.AccountID `db:"id"`
		Weight int            `db:"weight"`
		Cap    *int           `db:"slot_cap"`
	}](ctx, s, `SELECT id, weight, slot_cap FROM accounts WHERE id IN (?)`, accounts)
	if err != nil {
		return st, err
	}
	for _, a := range entitled {
		st.Weights[a.ID] = a.Weight
		if a.Cap != nil {
			st.Caps[a.ID] = *a.Cap
		}
	}
	states, err := selectIn[struct {
		ID    bulk.ImportID `db:"id"`
		State bulk.State    `db:"state"`
	}](ctx, s, `SELECT id, state FROM imports WHERE id IN (?)`, imports)
	for _, i := range states {
		st.Paused[i.ID] = i.State == bulk.StatePaused
		st.Ended[i.ID] = i.State.Closed()
	}
	return st, err
}

// Steered lists what people changed within the time of what a Controls tells of: accounts by
// weight or cap, imports by a pause, a resume or an end. A change that commits later than
// it was made is listed as of when it was made.
func (s *Store) Steered(ctx context.Context, within time.Duration) (accounts []bulk.AccountID, imports []bulk.ImportID, err error) {
	if err := s.read.SelectContext(ctx, &accounts, `SELECT id FROM accounts WHERE steered_at > `+s.engine.ahead(), -within.Seconds()); err != nil {
		return nil, nil, s.error("list steered accounts", err)
	}
	err = s.read.SelectContext(ctx, &imports, `SELECT id FROM imports WHERE steered_at > `+s.engine.ahead(), -within.Seconds())
	return accounts, imports, s.error("list steered imports", err)
}

// listAtOnce bounds the list of one query: engines take 32,766 parameters or more.
const listAtOnce = 10_000

// selectIn reads the rows of a list of any length; the query has one IN (?) for it.
func selectIn[Row, ID any](ctx context.Context, s *Store, query string, list []ID) (rows []Row, err error) {
	for part := range slices.Chunk(list, listAtOnce) {
		q, args, err := sqlx.In(query, part)
		if err != nil {
			return nil, err
		}
		var some []Row
		if err := s.read.SelectContext(ctx, &some, s.read.Rebind(q), args...); err != nil {
			return nil, s.error("read a list", err)
		}
		rows = append(rows, some...)
	}
	return rows, nil
}

// BatchStates counts the batches of unfinished imports by state, and all that are quarantined.
func (s *Store) BatchStates(ctx context.Context) (states map[bulk.BatchState]int64, quarantined int64, err error) {
	var n struct {
		Staged    int64 `db:"staged"`
		Committed int64 `db:"committed"`
		Total     int64 `db:"total"`
	}
	if err := s.read.GetContext(ctx, &n, `
		SELECT COALESCE(SUM(batches_staged), 0) AS staged, COALESCE(SUM(batches_committed), 0) AS committed,
			COALESCE(SUM(batches_total - batches_quarantined), 0) AS total
		FROM imports WHERE finished_at IS NULL`); err != nil {
		return nil, 0, s.error("count batches", err)
	}
	if err := s.read.GetContext(ctx, &quarantined, `SELECT COALESCE(SUM(batches_quarantined), 0) FROM imports`); err != nil {
		return nil, 0, s.error("count batches", err)
	}
	return map[bulk.BatchState]int64{
		bulk.BatchStaged: n.Staged, bulk.BatchCommitted: n.Committed, bulk.BatchChecked: n.Total - n.Staged - n.Committed,
	}, quarantined, nil
}
