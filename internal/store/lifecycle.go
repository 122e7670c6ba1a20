package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"bulkhead/internal/bulk"
)

// An import ends early in two transactions, so that no transaction ever waits for
// a batch while it holds the import (commits lock in the other order):
//
//  1. end: the state becomes cancelling and the outcome is noted. From here every
//     commit finds the import closed and rolls back.
//  2. windUp: batches that still wait are dropped and counted, the outcome becomes
//     the state. A process that dies in between leaves this to the sweep.

// Cancel ends the import. What was committed stays; the receipt says how much.
func (s *Store) Cancel(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Import, error) {
	err := s.tx(ctx, "cancel import", func(tx *txn) error {
		r, err := lockImport(ctx, tx, account, id)
		if err != nil || r.State == bulk.StateCancelling || r.State == bulk.StateCancelled {
			return err
		}
		if r.State.Terminal() {
			return bulk.Errorf(bulk.KindConflict, "already_finished", "The import has already ended as %s; nothing is left to cancel.", inWords(r.State))
		}
		return end(ctx, tx, account, id, bulk.StateCancelled, nil)
	})
	if err != nil {
		return bulk.Import{}, err
	}
	return s.afterEnd(ctx, account, id)
}

// Forget deletes an import whose upload nobody took, and reports whether it did.
func (s *Store) Forget(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (forgotten bool, err error) {
	err = s.tx(ctx, "forget import", func(tx *txn) error {
		if _, err := lockImport(ctx, tx, account, id); err != nil {
			return err
		}
		n, err := changed(tx.ExecContext(ctx, `DELETE FROM uploads WHERE account_id = ? AND import_id = ? AND epoch = 0`, account, id))
		if forgotten = n > 0; err != nil || !forgotten {
			return err
		}
		for _, of := range []string{`import_events WHERE account_id = ? AND import_id = ?`, `imports WHERE account_id = ? AND id = ?`} {
			if _, err := tx.ExecContext(ctx, `DELETE FROM `+of, account, id); err != nil {
				return err
			}
		}
		return nil
	})
	return forgotten && err == nil, err
}

// Refuse fails the import because of its file.
func (s *Store) Refuse(ctx context.Context, account bulk.AccountID, id bulk.ImportID, why *bulk.Error) error {
	err := s.tx(ctx, "refuse file", func(tx *txn) error {
		r, err := lockImport(ctx, tx, account, id)
		if err != nil || r.State.Terminal() || r.State == bulk.StateCancelling {
			return err
		}
		return end(ctx, tx, account, id, bulk.StateFailed, why)
	})
	if err != nil {
		return err
	}
	_, err = s.afterEnd(ctx, account, id)
	return err
}

func end(ctx context.Context, tx *txn, account bulk.AccountID, id bulk.ImportID, outcome bulk.State, why *bulk.Error) error {
	var text *string
	if why != nil {
		b, err := json.Marshal(why)
		if err != nil {
			return err
		}
		t := string(b)
		text = &t
	}
	_, err := tx.ExecContext(ctx, `
		UPDATE imports SET state = 'cancelling', outcome = ?, error = ?, steered_at = `+tx.now()+`, version = version + 1
		WHERE account_id = ? AND id = ?`, outcome, text, account, id)
	return err
}

// afterEnd winds the import up if it is ending, and reads it.
func (s *Store) afterEnd(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Import, error) {
	if err := s.windUp(ctx, account, id); err != nil {
		return bulk.Import{}, err
	}
	return s.Import(ctx, account, id)
}

func (s *Store) windUp(ctx context.Context, account bulk.AccountID, id bulk.ImportID) error {
	return s.tx(ctx, "wind up import", func(tx *txn) error {
		r, err := getImport(ctx, tx, account, id)
		if err != nil || r.State != bulk.StateCancelling {
			return err
		}
		// What a dry run found wrong stays found, and rejects.csv has it; what it found right
		// was not committed.
		var rows []int64
		if err := tx.SelectContext(ctx, &rows, `
			UPDATE batches SET state = 'dropped', rows_unprocessed = rows_read - rows_rejected
			WHERE account_id = ? AND import_id = ? AND state IN ('staged', 'checked') RETURNING rows_unprocessed`, account, id); err != nil {
			return err
		}
		dropped := int64(0)
		for _, n := range rows {
			dropped += n
		}
		at, err := readClock(ctx, tx, s.engine)
		if err != nil {
			return err
		}
		n, err := changed(tx.ExecContext(ctx, `
			UPDATE imports SET state = outcome, finished_at = `+tx.clock+`, paused_at = NULL, paused_ms = ?, batches_staged = 0, version = version + 1,
				rows_unprocessed = rows_unprocessed + ?
			WHERE account_id = ? AND id = ? AND state = 'cancelling'`, now(), r.pausedFor(at), dropped, account, id))
		if err != nil || n == 0 {
			return err // 0: another process wound it up meanwhile
		}
		if _, err := tx.ExecContext(ctx, `UPDATE uploads SET epoch = epoch + 1, tail = NULL WHERE account_id = ? AND import_id = ?`, account, id); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM upload_tails WHERE account_id = ? AND import_id = ?`, account, id); err != nil {
			return err
		}
		return event(ctx, tx, account, id, "state", fmt.Sprintf("Ended as %s; %d rows were not processed.", inWords(r.Outcome), r.Unprocessed+dropped))
	})
}

// pausedFor is how long the import was paused by the time, in milliseconds.
func (r *importRow) pausedFor(at time.Time) int64 {
	if r.PausedAt == nil {
		return r.PausedMS
	}
	return r.PausedMS + max(0, at.Sub(*r.PausedAt).Milliseconds())
}

// isDryRun reports whether nothing of the import was to be committed yet.
func (r *importRow) isDryRun() bool {
	var o bulk.Options
	return json.Unmarshal([]byte(r.Options), &o) == nil && r.dryRun(o)
}

// Pause keeps the import's batches from being leased. Work in flight ends; an
// upload may go on.
func (s *Store) Pause(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Import, error) {
	return s.steer(ctx, "pause", account, id, func(r *importRow) (bulk.State, error) {
		switch r.State {
		case bulk.StatePaused, bulk.StateReceiving, bulk.StateProcessing, bulk.StateValidating:
			return bulk.StatePaused, nil
		default:
			return "", cannot("paused", r.State)
		}
	})
}

// Resume lets a paused import go on; one that goes on already, or went on to its end,
// stays as it is.
func (s *Store) Resume(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Import, error) {
	return s.steer(ctx, "resume", account, id, func(r *importRow) (bulk.State, error) {
		switch r.State {
		case bulk.StatePaused:
			return r.running(), nil
		case bulk.StateCancelling, bulk.StateCancelled, bulk.StateFailed, bulk.StateUndoing, bulk.StateUndone:
			return "", cannot("resumed", r.State)
		default:
			return r.State, nil
		}
	})
}

// running is the state of an import that is neither paused nor ended.
func (r *importRow) running() bulk.State {
	switch {
	case !r.Sealed:
		return bulk.StateReceiving
	case r.isDryRun():
		return bulk.StateValidating
	default:
		return bulk.StateProcessing
	}
}

func cannot(done string, state bulk.State) error {
	return bulk.Errorf(bulk.KindConflict, "wrong_state", "An import that is %s cannot be %s.", inWords(state), done)
}

func (s *Store) steer(ctx context.Context, op string, account bulk.AccountID, id bulk.ImportID, next func(*importRow) (bulk.State, error)) (bulk.Import, error) {
	err := s.tx(ctx, op+" import", func(tx *txn) error {
		r, err := lockImport(ctx, tx, account, id)
		if err != nil {
			return err
		}
		state, err := next(&r)
		if err != nil || state == r.State {
			return err
		}
		at, err := readClock(ctx, tx, s.engine)
		if err != nil {
			return err
		}
		paused, since := r.pausedFor(at), (*time.Time)(nil)
		if state == bulk.StatePaused {
			since = &at
		}
		if _, err := tx.ExecContext(ctx, `UPDATE imports SET state = ?, steered_at = `+tx.now()+`, paused_at = ?, paused_ms = ?, version = version + 1 WHERE account_id = ? AND id = ?`,
			state, since, paused, account, id); err != nil {
			return err
		}
		return event(ctx, tx, account, id, "state", fmt.Sprintf("Now %s (%s).", inWords(state), op))
	})
	if err != nil {
		return bulk.Import{}, err
	}
	return s.Import(ctx, account, id)
}

// Approve commits the batches that a dry run checked: the same objects, no second
// upload. What the check counted is counted again by the commits. The import happens now:
// it takes its place in the order of the dataset's imports, after all that there are. One
// that was approved before stays as it is.
func (s *Store) Approve(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Import, error) {
	err := s.tx(ctx, "approve import", func(tx *txn) error {
		r, err := lockImport(ctx, tx, account, id)
		if err != nil || r.Approved {
			return err
		}
		if r.State != bulk.StateAwaitingApproval {
			return cannot("approved", r.State)
		}
		op, err := nextOp(ctx, tx, r.Dataset)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `
			UPDATE batches SET state = 'staged', published_at = NULL, rows_rejected = 0, staged_at = `+tx.clock+`
			WHERE account_id = ? AND import_id = ? AND state = 'checked'`, now(), account, id); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM error_clusters WHERE account_id = ? AND import_id = ?`, account, id); err != nil {
			return err
		}
		var waited *int64 // for approval, where it is known since when
		if r.CheckedAt != nil {
			at, err := readClock(ctx, tx, s.engine)
			if err != nil {
				return err
			}
			ms := max(0, at.Sub(*r.CheckedAt).Milliseconds())
			waited = &ms
		}
		if _, err := tx.ExecContext(ctx, `
			UPDATE imports SET state = 'processing', approved = TRUE, op_seq = ?, approval_ms = ?, rows_rejected = 0, batches_staged = batches_total - batches_quarantined, version = version + 1
			WHERE account_id = ? AND id = ?`, op, waited, account, id); err != nil {
			return err
		}
		return event(ctx, tx, account, id, "state", "Approved: the checked rows are being committed.")
	})
	if err != nil {
		return bulk.Import{}, err
	}
	return s.Import(ctx, account, id)
}

// finish moves the import on when its upload is sealed and none of its batches
// waits. It runs in the transaction that made the last of both true, which holds the
// import. An import that is ending then has to be wound up after it.
func finish(ctx context.Context, tx *txn, r *importRow) (ending bool, err error) {
	if !r.Sealed || r.Staged > 0 || r.State.Terminal() || r.State == bulk.StateCancelling {
		return false, nil
	}
	var o bulk.Options
	if err := json.Unmarshal([]byte(r.Options), &o); err != nil {
		return false, err
	}
	switch {
	case o.OnError.Exceeded(r.Rejected, r.Read, true):
		return true, end(ctx, tx, r.Account, r.ID, bulk.StateFailed, tooManyRejects(r, o))
	case r.dryRun(o) && r.BatchCounts.Total > r.Quarantined:
		_, err := tx.ExecContext(ctx, `UPDATE imports SET state = 'awaiting_approval', checked_at = `+tx.clock+`, version = version + 1 WHERE account_id = ? AND id = ?`, now(), r.Account, r.ID)
		if err != nil {
			return false, err
		}
		return false, event(ctx, tx, r.Account, r.ID, "state", fmt.Sprintf("Checked %d rows, %d would be rejected. Approve to commit the rest.", r.Read, r.Rejected))
	}
	state, why := bulk.StateCompleted, (*string)(nil)
	switch {
	case r.Quarantined > 0:
		b, err := json.Marshal(bulk.Errorf(bulk.KindUnprocessed, bulk.ErrQuarantined,
			"%d batches could not be processed after %d attempts each and were set aside; see the batches for their reasons.", r.Quarantined, bulk.MaxFailures))
		if err != nil {
			return false, err
		}
		t := string(b)
		state, why = bulk.StateFailed, &t
	case r.Rejected+r.OverQuota > 0:
		state = bulk.StateCompletedWithRejects
	}
	paused := r.PausedMS
	if r.PausedAt != nil { // what was under way when it was paused was all
		at, err := readClock(ctx, tx, tx.engine)
		if err != nil {
			return false, err
		}
		paused = r.pausedFor(at)
	}
	if _, err := tx.ExecContext(ctx, `
		UPDATE imports SET state = ?, error = COALESCE(?, error), finished_at = `+tx.clock+`, paused_at = NULL, paused_ms = ?, version = version + 1
		WHERE account_id = ? AND id = ?`, state, why, now(), paused, r.Account, r.ID); err != nil {
		return false, err
	}
	return false, event(ctx, tx, r.Account, r.ID, "state", fmt.Sprintf("Ended as %s: %d created, %d updated, %d rejected.", inWords(state), r.Created, r.Updated, r.Rejected+r.OverQuota))
}

// inWords renders a state for a sentence.
func inWords(s bulk.State) string { return strings.ReplaceAll(string(s), "_", " ") }

func tooManyRejects(r *importRow, o bulk.Options) *bulk.Error {
	return bulk.Errorf(bulk.KindUnprocessed, bulk.ErrTooManyRejects,
		"%d of %d rows read were rejected; the import was to stop at on_error %s.", r.Rejected, r.Read, o.OnError)
}
