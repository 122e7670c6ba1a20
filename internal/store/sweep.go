package store

import (
	"context"
	"errors"
	"fmt"

	"bulkhead/internal/bulk"
)

// sweepPage is how many imports are looked up at once.
const sweepPage = 100

// Sweep does what a process that died left undone: it fails uploads that nobody continued
// in time, finalizes ending imports, and forgets sessions and login links that expired. One
// that fails does not keep it from the others; each failure is an error of its own.
func (s *Store) Sweep(ctx context.Context) (failed []error) {
	failed = append(failed, s.sweepImports(ctx, "expire the upload of", `
		SELECT i.account_id, i.id FROM imports i JOIN uploads u ON u.import_id = i.id
		WHERE NOT i.sealed AND i.finished_at IS NULL AND i.`+isOpenEnded+` AND u.expires_at < `+s.engine.now(),
		func(account bulk.AccountID, id bulk.ImportID) error {
			return s.Refuse(ctx, account, id, bulk.Errorf(bulk.KindUnprocessed, bulk.ErrUploadExpired,
				"The upload was not finished in time. Start a new import; upserting the same file is safe."))
		})...)
	failed = append(failed, s.sweepImports(ctx, "finalize", `SELECT i.account_id, i.id FROM imports i WHERE i.finished_at IS NULL AND i.`+isEnding,
		func(account bulk.AccountID, id bulk.ImportID) error { return s.finalize(ctx, importKey{account, id}) })...)
	for _, table := range []string{"sessions", "login_links"} {
		if err := s.forgetExpired(ctx, table); err != nil {
			failed = append(failed, err)
		}
	}
	return failed
}

// sweepImports calls do for each import that the query finds.
func (s *Store) sweepImports(ctx context.Context, op, query string, do func(bulk.AccountID, bulk.ImportID) error) (failed []error) {
	for after := bulk.ImportID(""); ctx.Err() == nil; {
		var page []struct {
			Account bulk.AccountID `db:"account_id"`
			ID      bulk.ImportID  `db:"id"`
		}
		if err := s.read.SelectContext(ctx, &page, fmt.Sprintf(`%s AND i.id > ? ORDER BY i.id LIMIT %d`, query, sweepPage), after); err != nil {
			return append(failed, s.error("find imports to "+op, err))
		}
		for _, i := range page {
			after = i.ID
			if err := do(i.Account, i.ID); err != nil && ctx.Err() == nil {
				failed = append(failed, fmt.Errorf("%s import %s: %w", op, i.ID, err))
			}
		}
		if len(page) < sweepPage {
			break
		}
	}
	return failed
}

// forgetExpired deletes what has expired, and writes nothing when nothing has.
func (s *Store) forgetExpired(ctx context.Context, table string) error {
	var n int
	if err := s.read.GetContext(ctx, &n, `SELECT COUNT(*) FROM `+table+` WHERE expires_at <= `+s.engine.now()); err != nil || n == 0 {
		return s.error("find expired "+table, err)
	}
	err := s.tx(ctx, "forget expired "+table, func(tx *txn) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE expires_at <= `+tx.now())
		return err
	})
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
