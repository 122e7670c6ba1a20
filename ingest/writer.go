package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"

	"bulkhead/ingest/csvscan"
	"bulkhead/internal/bulk"
)

// utf8 is the encoding that needs no decoding.
const utf8 = "utf-8"

// writer is one request's work on an upload.
type writer struct {
	u     *Uploads
	up    *bulk.Upload
	whole bool // a clean end of the body ends the file
	turn  *turn
	in    *intake
	stage *stage
	batch *batcher     // of a plain file, once its header is read
	fresh *bulk.Layout // not in the ledger yet
	// pausing says that the request ends here, but the file does not.
	pausing bool
	// spooled says that every part of the file is queued, for a decoder to read.
	spooled bool
}

func (u *Uploads) newWriter(ctx context.Context, up *bulk.Upload, body io.Reader, whole bool) (*writer, error) {
	turn := u.turns.of(up.Import.AccountID)
	tail := func(from int64) ([]byte, error) { return u.Ledger.Tail(ctx, up.Import.AccountID, up.Import.ID, from) }
	in, err := newIntake(up, turn, tail, body, u.room())
	if err != nil {
		return nil, err
	}
	return &writer{u: u, up: up, whole: whole, turn: turn, in: in, stage: newStage(ctx, u, up)}, nil
}

// run takes in the body. It returns an *bulk.Error when the file is refused; what
// the ledger said is the stage's error.
func (w *writer) run() error {
	w.turn.take()
	defer w.turn.give()
	err := w.takeIn()
	if err == nil && w.in.ended == errExcess {
		err = lengthExceeded(w.up.Length)
	}
	return err
}

func (w *writer) takeIn() error {
	w.in.fill(w.u.TailBytes)
	switch {
	case w.in.end() > w.u.Limits.FileBytes:
		return tooLarge(w.u.Limits.FileBytes)
	case w.in.ended != nil && !w.complete() && w.in.held() <= w.u.TailBytes:
		return w.keep(w.up.Boundary)
	}
	if err := w.in.load(); err != nil {
		return err
	}
	switch {
	case w.up.Spooled, w.unproven() && !w.complete():
		return w.spool()
	case w.unproven():
		if err := w.in.prove(w.up.Import); err != nil {
			return err
		}
	}
	d, spool, err := w.dialect()
	if err != nil {
		return err
	}
	if spool {
		return w.spool()
	}
	return w.read(d)
}

// unproven reports whether no row may land before all bytes are there and their digest
// is the one that the sender said.
func (w *writer) unproven() bool {
	return announced(w.up.Import.Options) && w.up.Import.Layout == nil
}

// complete reports whether every byte of the file is there, and none more came.
func (w *writer) complete() bool {
	if w.up.Length < 0 && w.whole && w.in.ended == io.EOF {
		w.up.Length = w.in.end()
	}
	return w.in.ended != nil && w.in.ended != errExcess && w.in.end() == w.up.Length
}

// dialect returns how the file is read, or that it must be spooled.
func (w *writer) dialect() (d bulk.Dialect, spool bool, err error) {
	if layout := w.up.Import.Layout; layout != nil {
		return layout.Dialect, false, nil
	}
	sample := w.in.buf[:min(len(w.in.buf), w.u.Limits.PreviewBytes)]
	if csvscan.Magic(sample) != "" {
		return d, true, nil
	}
	d, err = csvscan.Sniff(sample, len(w.in.buf) <= w.u.Limits.PreviewBytes && w.complete(), w.up.Import.Options.Dialect)
	return d, err == nil && d.Encoding != utf8, err
}

// read stages a plain file's records.
func (w *writer) read(d bulk.Dialect) error {
	if err := w.open(d); err != nil {
		return err
	}
	for {
		switch err := w.batch.run(); {
		case errors.Is(err, errRoom):
			if err := w.skip(d); err != nil {
				return err
			}
		case errors.Is(err, csvscan.ErrMore):
			if w.in.end() > w.u.Limits.FileBytes {
				return tooLarge(w.u.Limits.FileBytes)
			}
			if !w.complete() {
				return w.pause()
			}
			w.batch.scan.EndOfFile()
		case errors.Is(err, io.EOF):
			return w.batch.end()
		default:
			return err
		}
	}
}

// open begins a batcher at the upload's boundary.
func (w *writer) open(d bulk.Dialect) error {
	b, layout, err := w.u.newBatcher(w.up, w.in, d, !w.complete())
	if errors.Is(err, errHeaderCut) || errors.Is(err, errRoom) {
		return headerTooFar(w.u.TailBytes)
	}
	if err != nil {
		return err
	}
	if w.up.Import.Layout == nil {
		w.fresh = layout
	}
	b.closed = w.closed
	w.batch = b
	return nil
}

// skip makes a boundary amid megabytes of blank lines and reads on behind it.
func (w *writer) skip(d bulk.Dialect) error {
	if w.batch.at.Offset == w.batch.last.Offset {
		return fmt.Errorf("byte %d: %w", w.batch.at.Offset, errRoom)
	}
	if err := w.batch.close(false); err != nil {
		return err
	}
	w.in.pos = w.batch.at.Offset
	w.batch.rescan(w.in, w.u.scanConfig(d, w.batch.at, w.batch.scan.Columns(), true))
	return nil
}

// pause ends a request that does not end the file.
func (w *writer) pause() error {
	if w.in.held() <= w.u.TailBytes || w.batch.at.Offset == w.batch.last.Offset {
		return w.keep(w.batch.last)
	}
	w.pausing = true
	return w.batch.close(false)
}

// keep adds what the request brought since the boundary to the upload's tail.
func (w *writer) keep(at bulk.Boundary) error {
	tail, err := w.in.piece()
	if err != nil {
		return err
	}
	p, err := w.progress(w.in.end())
	if err != nil {
		return err
	}
	p.Boundary, p.Layout, p.Tail, p.Append = at, w.fresh, tail, true
	return w.put(step{Progress: p})
}

// closed stages a batch, or ends the file.
func (w *writer) closed(rec arrow.Record, from, to bulk.Boundary, final bool) error {
	if !final {
		return w.putBatch(rec, from, to, nil)
	}
	if to.Offset != w.up.Length {
		release(rec)
		return fmt.Errorf("the reader ended at byte %d of %d", to.Offset, w.up.Length)
	}
	sum, err := w.digest()
	if err != nil {
		release(rec)
		return err
	}
	return w.putBatch(rec, from, to, &bulk.Seal{SHA256: sum})
}

// digest returns the file's SHA-256 in hex, and refuses a file that has another digest
// than its sender said.
func (w *writer) digest() (string, error) {
	if _, err := w.in.digest(w.up.Length); err != nil {
		return "", err
	}
	return w.in.sum.sha256(), w.in.sum.check(w.up.Import.Options)
}

// putBatch queues the step to a boundary. It acknowledges the bytes up to there, never
// less than before, and at the end of a request all that it brought.
func (w *writer) putBatch(rec arrow.Record, from, to bulk.Boundary, seal *bulk.Seal) error {
	offset := max(to.Offset, w.in.known)
	if w.pausing {
		offset = w.in.end()
	}
	p, err := w.progress(offset)
	if err != nil {
		release(rec)
		return err
	}
	p.Boundary, p.Seal, p.Layout = to, seal, w.fresh
	p.Tail = slices.Clone(w.in.since(to.Offset)[:offset-to.Offset])
	w.fresh = nil
	w.in.boundary(to.Offset)
	return w.put(step{Progress: p, rec: rec, from: from})
}

// put queues a step. The store may be slow, so it is waited for without the turn.
func (w *writer) put(next step) (err error) {
	w.turn.without(func() { err = w.stage.put(next) })
	return err
}

func (w *writer) progress(offset int64) (bulk.Progress, error) {
	digest, err := w.in.digest(offset)
	return bulk.Progress{
		Account: w.up.Import.AccountID, Import: w.up.Import.ID, Epoch: w.up.Epoch,
		Offset: offset, Length: w.up.Length, Digest: digest, Boundary: w.up.Boundary,
	}, err
}
