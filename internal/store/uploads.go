package store

import (
	"bytes"
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
	Digest   []byte    `db:"digest"`
	Spooled  bool      `db:"spooled"`
	BOffset  int64     `db:"boundary_offset"`
	BLine    int64     `db:"boundary_line"`
	BRow     int64     `db:"boundary_row"`
	BBlank   int64     `db:"boundary_blank"`
	BBatchNo int64     `db:"boundary_batch_no"`
	Checks   int       `db:"checks"`
	Expires  time.Time `db:"expires_at"`
	Metadata string    `db:"metadata"`
}

// Upload reads an upload's position without taking it over.
func (s *Store) Upload(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Upload, error) {
	u, err := s.upload(ctx, s.read, account, id)
	return u, s.error("read upload", err)
}

func (s *Store) upload(ctx context.Context, q querier, account bulk.AccountID, id bulk.ImportID) (u bulk.Upload, err error) {
	r, err := getImport(ctx, q, account, id)
	if err != nil {
		return u, err
	}
	if u.Import, err = r.public(); err != nil {
		return u, err
	}
	if u.Spec, err = s.spec(ctx, q, r.Dataset, r.SpecVersion); err != nil {
		return u, err
	}
	var p uploadRow
	if err = q.GetContext(ctx, &p, `
		SELECT `+columnsOf[uploadRow]()+`
		FROM uploads WHERE account_id = ? AND import_id = ?`, account, id); err != nil {
		return u, err
	}
	u.Epoch, u.Offset, u.Length, u.Spooled, u.Checks, u.Expires, u.Metadata = p.Epoch, p.Offset, p.Length, p.Spooled, p.Checks, p.Expires, p.Metadata
	u.Digest = bytes.TrimPrefix(p.Digest, tailMark)
	u.Boundary = bulk.Boundary{Offset: p.BOffset, Line: p.BLine, Row: p.BRow, Blank: p.BBlank, BatchNo: p.BBatchNo}
	err = q.SelectContext(ctx, &u.Tail, `SELECT byte_from FROM upload_tails WHERE account_id = ? AND import_id = ? ORDER BY byte_from`, account, id)
	return u, err
}

// tailMark stands before the digest of an upload that has a tail in pieces. A program
// that looks for the tail in the upload's own row cannot resume from such a digest, so
// it fails instead of going on without the tail.
var tailMark = []byte("t")

// Tail reads an upload's tail from one of its pieces on.
func (s *Store) Tail(ctx context.Context, account bulk.AccountID, id bulk.ImportID, from int64) ([]byte, error) {
	var pieces [][]byte
	err := s.read.SelectContext(ctx, &pieces, `
		SELECT data FROM upload_tails WHERE account_id = ? AND import_id = ? AND byte_from >= ? ORDER BY byte_from`, account, id, from)
	return bytes.Join(pieces, nil), s.error("read tail", err)
}

// BeginUpload is TakeUpload for a file that comes whole: it is for who takes it first,
// so that a repeated request cannot take it from one that is still sending.
func (s *Store) BeginUpload(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Upload, error) {
	return s.takeUpload(ctx, account, id, bulk.TriggerBegin)
}

// TakeUpload makes the caller the upload's one writer by raising its epoch.
func (s *Store) TakeUpload(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Upload, error) {
	return s.takeUpload(ctx, account, id, bulk.TriggerReceive)
}

func (s *Store) takeUpload(ctx context.Context, account bulk.AccountID, id bulk.ImportID, t bulk.Trigger) (u bulk.Upload, err error) {
	err = s.tx(ctx, "take upload", func(tx *txn) error {
		r, err := lockImport(ctx, tx, account, id)
		if err != nil {
			return err
		}
		next, err := r.State.Next(t, r.facts(bulk.Options{}))
		if err != nil {
			return err
		}
		if next != r.State {
			if _, err := tx.ExecContext(ctx, `
				UPDATE imports SET state = ?, started_at = `+tx.clock+`, version = version + 1 WHERE account_id = ? AND id = ?`, next, now(), account, id); err != nil {
				return err
			}
			if err := tx.milestone(ctx, r.key(), "state", "Receiving the file."); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO upload_tails (account_id, import_id, byte_from, data)
			SELECT account_id, import_id, byte_offset - length(tail), tail FROM uploads WHERE account_id = ? AND import_id = ? AND length(tail) > 0`, account, id); err != nil {
			return err
		}
		// Whoever decodes a complete file is not to be disturbed.
		n, err := changed(tx.ExecContext(ctx, `
			UPDATE uploads SET epoch = epoch + 1, tail = NULL, worked_at = `+s.engine.millis()+` WHERE account_id = ? AND import_id = ? AND NOT (spooled AND byte_offset = length)`, account, id))
		if err != nil {
			return err
		}
		if n == 0 {
			return bulk.Errorf(bulk.KindConflict, bulk.ErrUploadClosed, "The file is complete already; nothing more is to be sent.")
		}
		u, err = s.upload(ctx, tx, account, id)
		return err
	})
	return u, err
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
			UPDATE uploads SET byte_offset = ?, length = ?, digest = ?, boundary_offset = ?, boundary_line = ?, boundary_row = ?,
				boundary_blank = ?, boundary_batch_no = ?, spooled = (spooled OR ?), expires_at = `+tx.ahead()+`, checks = checks + CASE WHEN ? THEN 1 ELSE 0 END, worked_at = `+s.engine.millis()+`
			WHERE account_id = ? AND import_id = ? AND epoch = ? AND byte_offset = ?`,
			p.Offset, p.Length, markedDigest(p), p.Boundary.Offset, p.Boundary.Line, p.Boundary.Row,
			p.Boundary.Blank, p.Boundary.BatchNo, p.Part != nil, uploadLife.Seconds(), p.Check, p.Account, p.Import, p.Epoch, p.From))
		if err != nil {
			return err
		}
		if n == 0 {
			return bulk.ErrSuperseded
		}
		if err := keepTail(ctx, tx, p); err != nil {
			return err
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
		o, err := r.options()
		if err != nil {
			return err
		}
		ending, err = completeIfDone(ctx, tx, &r, r.facts(o))
		return err
	})
	if err == nil && ending {
		return s.finalize(ctx, importKey{p.Account, p.Import})
	}
	return err
}

// keepTail replaces the tail, or the pieces at its end, by one piece.
func keepTail(ctx context.Context, tx *txn, p bulk.Progress) error {
	from, stays := p.Offset-int64(len(p.Tail)), int64(0)
	if p.Append {
		stays = from
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM upload_tails WHERE account_id = ? AND import_id = ? AND byte_from >= ?`, p.Account, p.Import, stays); err != nil {
		return err
	}
	if len(p.Tail) == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO upload_tails (account_id, import_id, byte_from, data) VALUES (?, ?, ?, ?)`, p.Account, p.Import, from, p.Tail)
	return err
}

func markedDigest(p bulk.Progress) []byte {
	if p.Append || len(p.Tail) > 0 {
		return append(bytes.Clone(tailMark), p.Digest...)
	}
	return p.Digest
}

// stage inserts the batch's manifest; unpublished, it waits for the relay.
func stage(ctx context.Context, tx *txn, p bulk.Progress) error {
	b := p.Batch
	n, err := changed(tx.ExecContext(ctx, `
		INSERT INTO batches (account_id, import_id, no, state, priority, object, object_bytes, sha256, first_row, byte_from, byte_to, rows_read, staged_at)
		SELECT account_id, id, ?, ?, priority, ?, ?, ?, ?, ?, ?, ?, `+tx.clock+` FROM imports WHERE account_id = ? AND id = ?
		ON CONFLICT DO NOTHING`,
		b.No, bulk.BatchStaged, b.Object, b.Size, b.SHA256, b.FirstRow, b.ByteFrom, b.ByteTo, b.Rows.Read, now(), p.Account, p.Import))
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
	o, t := bulk.Options{}, bulk.TriggerReceive
	if p.Seal != nil {
		t = bulk.TriggerSeal
		if o, err = r.options(); err != nil {
			return r, err
		}
	}
	if r.State, err = r.State.Next(t, r.facts(o)); err != nil {
		return r, err
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
		if _, err := tx.ExecContext(ctx, `UPDATE imports SET layout = ? WHERE account_id = ? AND id = ?`, r.Layout, p.Account, p.Import); err != nil {
			return r, err // apart, since it may be long and a step is short
		}
	}
	if p.Seal != nil {
		r.Sealed, r.SHA256 = true, &p.Seal.SHA256
		if err := tx.milestone(ctx, r.key(), "sealed", fmt.Sprintf("The file is complete: %d rows in %d bytes.", r.Read, p.Offset)); err != nil {
			return r, err
		}
	}
	_, err = tx.NamedExecContext(ctx, `
		UPDATE imports SET state = :state, sealed = :sealed, sha256 = :sha256, bytes_total = :bytes_total, bytes_received = :bytes_received,
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
	return tx.milestone(ctx, r.key(), "layout", fmt.Sprintf("Header read: %d columns, delimiter %q, encoding %s.",
		len(p.Layout.Header), string(rune(p.Layout.Dialect.Delimiter)), p.Layout.Dialect.Encoding))
}

// Silences tells for how long nothing has come of the account's unfinished uploads, by the
// database's clock. A file that is complete and being read is not among them.
func (s *Store) Silences(ctx context.Context, account bulk.AccountID) (map[bulk.ImportID]time.Duration, error) {
	var rows []struct {
		Import bulk.ImportID `db:"import_id"`
		MS     int64         `db:"ms"`
	}
	err := s.asAccount(ctx, "read silences", account, func(q reader) error {
		return q.SelectContext(ctx, &rows, `
			SELECT u.import_id, `+s.engine.millis()+` - u.worked_at AS ms FROM imports i JOIN uploads u ON u.account_id = i.account_id AND u.import_id = i.id
			WHERE i.account_id = ? AND NOT i.sealed AND i.finished_at IS NULL AND NOT (u.spooled AND u.byte_offset = u.length)`, account)
	})
	out := make(map[bulk.ImportID]time.Duration, len(rows))
	for _, r := range rows {
		out[r.Import] = time.Duration(r.MS) * time.Millisecond
	}
	return out, err
}
