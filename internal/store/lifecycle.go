package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"bulkhead/internal/bulk"
)

// What may happen to an import in which state, and what follows, says [bulk.State.Next]; this
// file carries it out, each in one transaction that holds the import.

// inStates renders the condition that a column has one of the states.
func inStates[S ~string](column string, states []S) string {
	quoted := make([]string, len(states))
	for i, s := range states {
		quoted[i] = "'" + string(s) + "'"
	}
	if len(quoted) == 1 { // as partial indexes have it
		return column + " = " + quoted[0]
	}
	return column + " IN (" + strings.Join(quoted, ", ") + ")"
}

// Conditions on imports and batches, from the one table of their states.
var (
	acceptsBytes   = inStates("state", bulk.StatesThat(bulk.State.AcceptsBytes))
	acceptsCommits = inStates("state", bulk.StatesThat(bulk.State.AcceptsCommits))
	isTerminal     = inStates("state", bulk.BatchStatesThat(bulk.BatchState.Terminal))
	isStaged       = inStates("state", []bulk.BatchState{bulk.BatchStaged})
	isCommitted    = inStates("state", []bulk.BatchState{bulk.BatchCommitted})
	isEnding       = inStates("state", bulk.StatesThat(bulk.State.Ending))
	isOpenEnded    = inStates("state", bulk.StatesThat(func(s bulk.State) bool { return !s.Closed() }))
)

// importKey names an import of an account.
type importKey struct {
	Account bulk.AccountID
	ID      bulk.ImportID
}

func (r *importRow) key() importKey { return importKey{r.Account, r.ID} }

// facts are what of the import decides where it goes; its options are decoded by the caller,
// zero where the trigger does not ask for them.
func (r *importRow) facts(o bulk.Options) bulk.Facts {
	return bulk.Facts{
		Sealed: r.Sealed, DryRun: o.DryRun, Approved: r.Approved, OnError: o.OnError, Rows: r.Counts, Batches: r.BatchCounts,
		Received: r.ByteCounts.Received, Outcome: r.Outcome,
	}
}

func (r *importRow) options() (o bulk.Options, err error) {
	return o, json.Unmarshal([]byte(r.Options), &o)
}

// pausedFor is how long the import was paused by the time, in milliseconds.
func (r *importRow) pausedFor(at time.Time) int64 {
	if r.PausedAt == nil {
		return r.PausedMS
	}
	return r.PausedMS + max(0, at.Sub(*r.PausedAt).Milliseconds())
}

// Pause keeps the import's batches from being leased. Work in flight ends; an
// upload may go on.
func (s *Store) Pause(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Import, error) {
	return s.transition(ctx, importKey{account, id}, bulk.TriggerPause)
}

// Resume lets a paused import go on; one that goes on already, or went on to its end,
// stays as it is.
func (s *Store) Resume(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Import, error) {
	return s.transition(ctx, importKey{account, id}, bulk.TriggerResume)
}

// transition pauses or resumes.
func (s *Store) transition(ctx context.Context, k importKey, t bulk.Trigger) (bulk.Import, error) {
	err := s.tx(ctx, string(t)+" import", func(tx *txn) error {
		r, err := lockImport(ctx, tx, k.Account, k.ID)
		if err != nil {
			return err
		}
		o, err := r.options()
		if err != nil {
			return err
		}
		next, err := r.State.Next(t, r.facts(o))
		if err != nil || next == r.State {
			return err
		}
		at, err := readClock(ctx, tx, s.engine)
		if err != nil {
			return err
		}
		paused, since := r.pausedFor(at), (*time.Time)(nil)
		if next == bulk.StatePaused {
			since = &at
		}
		if _, err := tx.ExecContext(ctx, `UPDATE imports SET state = ?, steered_at = `+tx.now()+`, paused_at = ?, paused_ms = ?, version = version + 1 WHERE account_id = ? AND id = ?`,
			next, since, paused, k.Account, k.ID); err != nil {
			return err
		}
		return tx.milestone(ctx, k, "state", fmt.Sprintf("Now %s (%s).", next.Words(), t))
	})
	if err != nil {
		return bulk.Import{}, err
	}
	return s.Import(ctx, k.Account, k.ID)
}

// Approve commits the batches that a dry run checked: the same objects, no second
// upload. What the check counted is counted again by the commits. The import happens now:
// it takes its place in the order of the dataset's imports, after all that there are. One
// that was approved before stays as it is.
func (s *Store) Approve(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Import, error) {
	err := s.tx(ctx, "approve import", func(tx *txn) error {
		r, err := lockImport(ctx, tx, account, id)
		if err != nil {
			return err
		}
		next, err := r.State.Next(bulk.TriggerApprove, r.facts(bulk.Options{}))
		if err != nil || next == r.State {
			return err
		}
		op, err := nextOp(ctx, tx, r.Dataset)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `
			UPDATE batches SET state = ?, published_at = NULL, rows_rejected = 0, staged_at = `+tx.clock+`
			WHERE account_id = ? AND import_id = ? AND `+inStates("state", bulk.BatchStaged.Before()), bulk.BatchStaged, now(), account, id); err != nil {
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
			waited = new(max(0, at.Sub(*r.CheckedAt).Milliseconds()))
		}
		if _, err := tx.ExecContext(ctx, `
			UPDATE imports SET state = ?, approved = TRUE, op_seq = ?, approval_ms = ?, rows_rejected = 0, batches_staged = batches_total - batches_quarantined, version = version + 1
			WHERE account_id = ? AND id = ?`, next, op, waited, account, id); err != nil {
			return err
		}
		return tx.milestone(ctx, r.key(), "state", "Approved: the checked rows are being committed.")
	})
	if err != nil {
		return bulk.Import{}, err
	}
	return s.Import(ctx, account, id)
}

// completeIfDone moves the import on once its upload is sealed and none of its batches
// waits, and fails one that has too many rejects. It runs in the transaction that settled a
// batch or sealed the upload, which holds the import. An import that is ending then has to
// be finalized after it.
func completeIfDone(ctx context.Context, tx *txn, r *importRow, f bulk.Facts) (ending bool, err error) {
	next, err := r.State.Next(bulk.TriggerSettle, f)
	switch {
	case err != nil || next == r.State:
		return false, err
	case next == bulk.StateAwaitingApproval:
		return false, awaitApproval(ctx, tx, r)
	case next.Terminal():
		return false, complete(ctx, tx, r, next)
	}
	return true, end(ctx, tx, r.key(), failure(f.TooManyRejects()))
}

func awaitApproval(ctx context.Context, tx *txn, r *importRow) error {
	if _, err := tx.ExecContext(ctx, `UPDATE imports SET state = ?, checked_at = `+tx.clock+`, version = version + 1 WHERE account_id = ? AND id = ?`,
		bulk.StateAwaitingApproval, now(), r.Account, r.ID); err != nil {
		return err
	}
	return tx.milestone(ctx, r.key(), "state", fmt.Sprintf("Checked %d rows, %d would be rejected. Approve to commit the rest.", r.Read, r.Rejected))
}

func complete(ctx context.Context, tx *txn, r *importRow, state bulk.State) error {
	var why *bulk.Error
	if r.Quarantined > 0 {
		why = bulk.Errorf(bulk.KindUnprocessed, bulk.ErrQuarantined,
			"%d batches could not be processed after %d attempts each and were set aside; see the batches for their reasons.", r.Quarantined, bulk.MaxFailures)
	}
	text, err := errorText(why)
	if err != nil {
		return err
	}
	paused := r.PausedMS
	if r.PausedAt != nil { // what was under way when it was paused was all
		at, err := readClock(ctx, tx, tx.engine)
		if err != nil {
			return err
		}
		paused = r.pausedFor(at)
	}
	if _, err := tx.ExecContext(ctx, `
		UPDATE imports SET state = ?, error = COALESCE(?, error), finished_at = `+tx.clock+`, paused_at = NULL, paused_ms = ?, version = version + 1
		WHERE account_id = ? AND id = ?`, state, text, now(), paused, r.Account, r.ID); err != nil {
		return err
	}
	return tx.milestone(ctx, r.key(), "state", fmt.Sprintf("Ended as %s: %d created, %d updated, %d rejected.", state.Words(), r.Created, r.Updated, r.Rejected+r.OverQuota))
}
