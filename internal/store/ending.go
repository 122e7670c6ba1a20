package store

import (
	"context"
	"encoding/json"
	"fmt"

	"bulkhead/internal/bulk"
)

// An import ends early in two transactions, so that no transaction ever waits for
// a batch while it holds the import (commits lock in the other order):
//
//  1. end: the state becomes cancelling and the outcome is noted. From here every
//     commit finds the import closed and rolls back.
//  2. finalize: batches that still wait are dropped and counted, the outcome becomes
//     the state. A process that dies in between leaves this to the sweep.

// Cancel ends the import. What was committed stays; the receipt says how much.
func (s *Store) Cancel(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Import, error) {
	if err := s.stop(ctx, importKey{account, id}, bulk.TriggerCancel, ending{outcome: bulk.StateCancelled}); err != nil {
		return bulk.Import{}, err
	}
	return s.Import(ctx, account, id)
}

// Refuse fails the import because of its file. One that is ending, or has ended, stays as it is.
func (s *Store) Refuse(ctx context.Context, account bulk.AccountID, id bulk.ImportID, why *bulk.Error) error {
	return s.stop(ctx, importKey{account, id}, bulk.TriggerFail, failure(why))
}

// ending is how an import ends early.
type ending struct {
	outcome bulk.State
	why     *bulk.Error // nil: somebody wanted it
}

func failure(why *bulk.Error) ending { return ending{bulk.StateFailed, why} }

func (s *Store) stop(ctx context.Context, k importKey, t bulk.Trigger, e ending) error {
	err := s.tx(ctx, string(t)+" import", func(tx *txn) error {
		r, err := lockImport(ctx, tx, k.Account, k.ID)
		if err != nil {
			return err
		}
		next, err := r.State.Next(t, r.facts(bulk.Options{}))
		if err != nil || next == r.State {
			return err
		}
		return end(ctx, tx, k, e)
	})
	if err != nil {
		return err
	}
	return s.finalize(ctx, k)
}

func end(ctx context.Context, tx *txn, k importKey, e ending) error {
	why, err := errorText(e.why)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
		UPDATE imports SET state = ?, outcome = ?, error = ?, steered_at = `+tx.now()+`, version = version + 1
		WHERE account_id = ? AND id = ?`, bulk.StateCancelling, e.outcome, why, k.Account, k.ID)
	return err
}

// errorText is the error as an import keeps it; nil for none.
func errorText(why *bulk.Error) (*string, error) {
	if why == nil {
		return nil, nil
	}
	b, err := json.Marshal(why)
	return new(string(b)), err
}

// finalize brings an import that is ending to its outcome; any other stays as it is.
func (s *Store) finalize(ctx context.Context, k importKey) error {
	return s.tx(ctx, "finalize import", func(tx *txn) error {
		r, err := getImport(ctx, tx, k.Account, k.ID)
		if err != nil {
			return err
		}
		next, err := r.State.Next(bulk.TriggerFinalize, r.facts(bulk.Options{}))
		if err != nil || next == r.State {
			return err
		}
		dropped, err := dropBatches(ctx, tx, k)
		if err != nil {
			return err
		}
		at, err := readClock(ctx, tx, s.engine)
		if err != nil {
			return err
		}
		n, err := changed(tx.ExecContext(ctx, `
			UPDATE imports SET state = ?, finished_at = `+tx.clock+`, paused_at = NULL, paused_ms = ?, batches_staged = 0, version = version + 1,
				rows_unprocessed = rows_unprocessed + ?
			WHERE account_id = ? AND id = ? AND state = ?`, next, now(), r.pausedFor(at), dropped, k.Account, k.ID, r.State))
		if err != nil || n == 0 {
			return err // 0: another process finalized it meanwhile
		}
		if _, err := tx.ExecContext(ctx, `UPDATE uploads SET epoch = epoch + 1, tail = NULL WHERE account_id = ? AND import_id = ?`, k.Account, k.ID); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM upload_tails WHERE account_id = ? AND import_id = ?`, k.Account, k.ID); err != nil {
			return err
		}
		return tx.milestone(ctx, k, "state", fmt.Sprintf("Ended as %s; %d rows were not processed.", next.Words(), r.Unprocessed+dropped))
	})
}

// dropBatches drops what was not committed, and returns how many rows remain unprocessed
// for it. What a dry run found wrong stays found, and rejects.csv has it.
func dropBatches(ctx context.Context, tx *txn, k importKey) (unprocessed int64, err error) {
	var rows []int64
	err = tx.SelectContext(ctx, &rows, `
		UPDATE batches SET state = ?, rows_unprocessed = rows_read - rows_rejected
		WHERE account_id = ? AND import_id = ? AND `+inStates("state", bulk.BatchDropped.Before())+` RETURNING rows_unprocessed`, bulk.BatchDropped, k.Account, k.ID)
	for _, n := range rows {
		unprocessed += n
	}
	return unprocessed, err
}

// Forget deletes an import whose upload nobody took, and reports whether it did.
func (s *Store) Forget(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (forgotten bool, err error) {
	err = s.tx(ctx, "forget import", func(tx *txn) error {
		r, err := lockImport(ctx, tx, account, id)
		if err != nil {
			return err
		}
		if _, begun := r.State.Next(bulk.TriggerBegin, r.facts(bulk.Options{})); begun != nil {
			return nil
		}
		forgotten = true
		for _, of := range []string{`uploads WHERE account_id = ? AND import_id = ?`, `import_events WHERE account_id = ? AND import_id = ?`, `imports WHERE account_id = ? AND id = ?`} {
			if _, err := tx.ExecContext(ctx, `DELETE FROM `+of, account, id); err != nil {
				return err
			}
		}
		return nil
	})
	return forgotten && err == nil, err
}
