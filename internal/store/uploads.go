package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"bulkhead/internal/bulk"
)

type uploadRow struct {
	Epoch    int64     `db:"epoch"`
	Offset   int64     `db:"byte_offset"`
	Length   int64     `db:"length"`
	Tail     []byte    `db:"tail"`
	Digest   []byte    `db:"digest"`
	Spooled  bool      `db:"spooled"`
	BOffset  int64     `db:"boundary_offset"`
	BLine    int64     `db:"boundary_line"`
	BRow     int64     `db:"boundary_row"`
	BBlank   int64     `db:"boundary_blank"`
	BBatchNo int64     `db:"boundary_batch_no"`
	Expires  time.Time `db:"expires_at"`
}

// Upload reads an upload's position without taking it over.
func (s *Store) Upload(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Upload, error) {
	u, _, err := s.upload(ctx, s.read, account, id)
	return u, s.error("read upload", err)
}

func (s *Store) upload(ctx context.Context, q querier, account bulk.AccountID, id bulk.ImportID) (u bulk.Upload, r importRow, err error) {
	if r, err = getImport(ctx, q, account, id); err != nil {
		return u, r, err
	}
	if u.Import, err = r.public(); err != nil {
		return u, r, err
	}
	if u.Spec, err = s.spec(ctx, q, r.Dataset, r.SpecVersion); err != nil {
		return u, r, err
	}
	var p uploadRow
	if err = q.GetContext(ctx, &p, `
		SELECT `+columnsOf[uploadRow]()+`
		FROM uploads WHERE account_id = ? AND import_id = ?`, account, id); err != nil {
		return u, r, err
	}
	u.Epoch, u.Offset, u.Length, u.Tail, u.Digest, u.Spooled, u.Expires = p.Epoch, p.Offset, p.Length, p.Tail, p.Digest, p.Spooled, p.Expires
	u.Boundary = bulk.Boundary{Offset: p.BOffset, Line: p.BLine, Row: p.BRow, Blank: p.BBlank, BatchNo: p.BBatchNo}
	if u.Spooled {
		err = q.SelectContext(ctx, &u.Parts, `
			SELECT object, byte_from AS "from", bytes AS size, sha256 FROM upload_parts WHERE account_id = ? AND import_id = ? ORDER BY byte_from`, account, id)
	}
	return u, r, err
}

// TakeUpload makes the caller the upload's one writer by raising its epoch.
func (s *Store) TakeUpload(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (u bulk.Upload, err error) {
	err = s.tx(ctx, "take upload", func(tx *txn) error {
		r, err := lockImport(ctx, tx, account, id)
		if err != nil {
			return err
		}
		if r.Sealed || !acceptsBytes(r.State) {
			return bulk.Errorf(bulk.KindConflict, "upload_closed", "The import is %s and takes no more bytes.", r.State)
		}
		if r.State == bulk.StateOpen {
			if _, err := tx.ExecContext(ctx, `
				UPDATE imports SET state = 'receiving', started_at = `+tx.clock+`, version = version + 1 WHERE account_id = ? AND id = ?`, now(), account, id); err != nil {
				return err
			}
			if err := event(ctx, tx, account, id, "state", "Receiving the file."); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `UPDATE uploads SET epoch = epoch + 1 WHERE account_id = ? AND import_id = ?`, account, id); err != nil {
			return err
		}
		u, _, err = s.upload(ctx, tx, account, id)
		return err
	})
	return u, err
}

func acceptsBytes(s bulk.State) bool {
	return s == bulk.StateOpen || s == bulk.StateReceiving || s == bulk.StatePaused
}

// Advance applies one durable step of an upload: compare-and-set on (epoch, offset).
func (s *Store) Advance(ctx context.Context, p bulk.Progress) error {
	ending := false
	err := s.tx(ctx, "advance upload", func(tx *txn) error {
		if p.Batch != nil {
			if err := stage(ctx, tx, p); err != nil {
				return err
			}
		}
		r, err := advanceImport(ctx, tx, p)
		if err != nil {
			return err
		}
		n, err := changed(tx.ExecContext(ctx, `
			UPDATE uploads SET byte_offset = ?, length = ?, tail = ?, digest = ?, boundary_offset = ?, boundary_line = ?, boundary_row = ?,
				boundary_blank = ?, boundary_batch_no = ?, spooled = (spooled OR ?), expires_at = ?
			WHERE account_id = ? AND import_id = ? AND epoch = ? AND byte_offset = ?`,
			p.Offset, p.Length, p.Tail, p.Digest, p.Boundary.Offset, p.Boundary.Line, p.Boundary.Row,
			p.Boundary.Blank, p.Boundary.BatchNo, p.Part != nil, now().Add(uploadLife), p.Account, p.Import, p.Epoch, p.From))
		if err != nil {
			return err
		}
		if n == 0 {
			return bulk.ErrSuperseded
		}
		if p.Part != nil {
			if _, err := tx.ExecContext(ctx, `INSERT INTO upload_parts (account_id, import_id, byte_from, object, bytes, sha256) VALUES (?, ?, ?, ?, ?, ?)`,
				p.Account, p.Import, p.Part.From, p.Part.Object, p.Part.Size, p.Part.SHA256); err != nil {
				return err
			}
		}
		if p.Seal == nil {
			return nil
		}
		ending, err = finish(ctx, tx, &r)
		return err
	})
	if err == nil && ending {
		return s.windUp(ctx, p.Account, p.Import)
	}
	return err
}

// stage inserts the batch's manifest; unpublished, it waits for the relay.
func stage(ctx context.Context, tx *txn, p bulk.Progress) error {
	b := p.Batch
	n, err := changed(tx.ExecContext(ctx, `
		INSERT INTO batches (account_id, import_id, no, state, priority, object, object_bytes, sha256, first_row, byte_from, byte_to, rows_read, staged_at)
		SELECT account_id, id, ?, 'staged', priority, ?, ?, ?, ?, ?, ?, ?, `+tx.clock+` FROM imports WHERE account_id = ? AND id = ?
		ON CONFLICT DO NOTHING`,
		b.No, b.Object, b.Size, b.SHA256, b.FirstRow, b.ByteFrom, b.ByteTo, b.Rows.Read, now(), p.Account, p.Import))
	if err == nil && n == 0 {
		return bulk.ErrSuperseded // someone staged this number before
	}
	return err
}

// advanceImport carries the step to what people see of the import, locks and returns it.
func advanceImport(ctx context.Context, tx *txn, p bulk.Progress) (r importRow, err error) {
	r, err = lockImport(ctx, tx, p.Account, p.Import)
	if err != nil {
		return r, err
	}
	if r.Sealed || !acceptsBytes(r.State) {
		return r, bulk.Errorf(bulk.KindConflict, "upload_closed", "The import is %s and takes no more bytes.", r.State)
	}
	r.ByteCounts = bulk.ByteCounts{Total: p.Length, Received: p.Offset}
	r.BlankLines = p.Boundary.Blank
	if p.Batch != nil {
		r.Read += p.Batch.Rows.Read
		r.Staged++
		r.BatchCounts.Total++
	}
	if p.Layout != nil && r.Layout == nil {
		if err := describe(ctx, tx, &r, p); err != nil {
			return r, err
		}
	}
	if p.Seal != nil {
		r.Sealed, r.SHA256 = true, &p.Seal.SHA256
		if r.State != bulk.StatePaused {
			r.State = r.running()
		}
		if err := event(ctx, tx, p.Account, p.Import, "sealed", fmt.Sprintf("The file is complete: %d rows in %d bytes.", r.Read, p.Offset)); err != nil {
			return r, err
		}
	}
	_, err = tx.NamedExecContext(ctx, `
		UPDATE imports SET state = :state, layout = :layout, sealed = :sealed, sha256 = :sha256, bytes_total = :bytes_total, bytes_received = :bytes_received,
			blank_lines = :blank_lines, rows_read = :rows_read, batches_staged = :batches_staged, batches_total = :batches_total, version = version + 1
		WHERE account_id = :account_id AND id = :id`, r)
	return r, err
}

func describe(ctx context.Context, tx *txn, r *importRow, p bulk.Progress) error {
	b, err := json.Marshal(p.Layout)
	if err != nil {
		return err
	}
	text := string(b)
	r.Layout = &text
	return event(ctx, tx, p.Account, p.Import, "layout", fmt.Sprintf("Header read: %d columns, delimiter %q, encoding %s.",
		len(p.Layout.Header), string(rune(p.Layout.Dialect.Delimiter)), p.Layout.Dialect.Encoding))
}

// Undecoded lists spooled uploads that are complete but not sealed, oldest first.
func (s *Store) Undecoded(ctx context.Context, limit int) ([]bulk.Upload, error) {
	var ids []struct {
		Account bulk.AccountID `db:"account_id"`
		ID      bulk.ImportID  `db:"id"`
	}
	if err := s.read.SelectContext(ctx, &ids, `
		SELECT i.account_id, i.id FROM imports i JOIN uploads u ON u.import_id = i.id
		WHERE u.spooled AND u.byte_offset = u.length AND NOT i.sealed AND i.state IN ('receiving', 'paused') ORDER BY i.id LIMIT ?`, limit); err != nil {
		return nil, s.error("list undecoded uploads", err)
	}
	out := make([]bulk.Upload, len(ids))
	for i, id := range ids {
		var err error
		if out[i], err = s.Upload(ctx, id.Account, id.ID); err != nil {
			return nil, err
		}
	}
	return out, nil
}
