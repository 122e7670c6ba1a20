package store

import (
	"context"
	"time"

	"bulkhead/internal/bulk"
)

// Undecoded lists spooled uploads that are complete but not sealed, oldest first.
func (s *Store) Undecoded(ctx context.Context, limit int) ([]bulk.Undecoded, error) {
	var list []struct {
		bulk.Undecoded
		IdleMS int64 `db:"idle_ms"`
	}
	if err := s.read.SelectContext(ctx, &list, `
		SELECT u.account_id, u.import_id, i.request_id, u.epoch, u.length, u.worked_at, `+s.engine.millis()+` - u.worked_at AS idle_ms
		FROM imports i JOIN uploads u ON u.import_id = i.id
		WHERE u.spooled AND u.byte_offset = u.length AND NOT i.sealed AND i.`+acceptsBytes+` ORDER BY i.id LIMIT ?`, limit); err != nil {
		return nil, s.error("list undecoded uploads", err)
	}
	out := make([]bulk.Undecoded, len(list))
	for i := range list {
		out[i] = list[i].Undecoded
		out[i].Idle = time.Duration(list[i].IdleMS) * time.Millisecond
	}
	return out, nil
}

// TakeDecoding makes the caller the one who decodes the upload, if nobody worked on it
// since it was listed, else it returns bulk.ErrSuperseded.
func (s *Store) TakeDecoding(ctx context.Context, seen bulk.Undecoded) (u bulk.Upload, err error) {
	err = s.tx(ctx, "take decoding", func(tx *txn) error {
		r, err := lockImport(ctx, tx, seen.Account, seen.Import)
		if err != nil {
			return err
		}
		if _, err := r.State.Next(bulk.TriggerReceive, r.facts(bulk.Options{})); err != nil {
			return err
		}
		n, err := changed(tx.ExecContext(ctx, `
			UPDATE uploads SET epoch = epoch + 1, worked_at = `+s.engine.millis()+`
			WHERE account_id = ? AND import_id = ? AND epoch = ? AND worked_at = ? AND spooled AND byte_offset = length`,
			seen.Account, seen.Import, seen.Epoch, seen.Worked))
		if err != nil {
			return err
		}
		if n == 0 {
			return bulk.ErrSuperseded
		}
		if u, err = s.upload(ctx, tx, seen.Account, seen.Import); err != nil {
			return err
		}
		return tx.SelectContext(ctx, &u.Parts, `
			SELECT object, byte_from AS "from", bytes AS size, sha256 FROM upload_parts WHERE account_id = ? AND import_id = ? ORDER BY byte_from`,
			seen.Account, seen.Import)
	})
	return u, err
}

// Worked shows that who took a decoding still works on it. It returns
// bulk.ErrSuperseded when another took it, or the import takes no bytes any more.
func (s *Store) Worked(ctx context.Context, account bulk.AccountID, id bulk.ImportID, epoch int64) error {
	return s.tx(ctx, "show work", func(tx *txn) error {
		n, err := changed(tx.ExecContext(ctx, `
			UPDATE uploads SET worked_at = `+s.engine.millis()+` WHERE account_id = ? AND import_id = ? AND epoch = ? AND EXISTS (
				SELECT 1 FROM imports WHERE account_id = ? AND id = ? AND NOT sealed AND `+acceptsBytes+`)`,
			account, id, epoch, account, id))
		if err == nil && n == 0 {
			return bulk.ErrSuperseded
		}
		return err
	})
}
