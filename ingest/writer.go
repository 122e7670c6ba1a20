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
	"bulkhead/internal/permits"
)

// utf8 is the encoding that needs no decoding.
const utf8 = "utf-8"

// writer is one request's work on an upload.
type writer struct {
	u          *Uploads
	up         *bulk.Upload
	whole      bool // a clean end of the body ends the file
	permit     *permits.Permit
	readPermit *permits.Permit // among those who read records, which takes memory; see fold
	in         *resumeBuffer
	stager     *stager
	batch      *batcher     // of a plain file, while its records are read
	fresh      *bulk.Layout // not in the ledger yet
	// pausing says that the request ends here, but the file does not.
	pausing bool
	// spooled says that every part of the file is queued, for a decoder to read.
	spooled bool
}

func (u *Uploads) newWriter(ctx context.Context, up *bulk.Upload, sender *sender, r request) (*writer, error) {
	in, err := u.newResumeBuffer(ctx, up, sender, r.body)
	if err != nil {
		return nil, err
	}
	return &writer{u: u, up: up, whole: r.whole, permit: in.permit, readPermit: u.readPermits.Of(up.Import.AccountID), in: in, stager: newStager(ctx, u, up, sender.hold)}, nil
}

// run takes in the body. It returns an *bulk.Error when the file is refused; what
// the ledger said is the stager's error.
func (w *writer) run() error {
	w.permit.Acquire()
	defer w.permit.Release()
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
	case w.cutShort():
		return w.keep(w.up.Boundary)
	}
	all := w.complete()
	switch err := w.in.load(); {
	case err == nil:
	case errors.Is(err, w.in.ended) && !all && w.in.end() > w.in.known: // no memory for the tail, which what came can join all the same
		return w.keep(w.up.Boundary)
	default:
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

// cutShort reports whether the body ended before the file did, and so soon that what is
// there stays unread.
func (w *writer) cutShort() bool {
	return w.in.ended != nil && !w.complete() && w.in.held() <= w.u.TailBytes
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
	for {
		if w.cutShort() {
			return w.keep(w.up.Boundary)
		}
		var err error
		if w.batch == nil {
			err = w.open(d)
		}
		if err == nil {
			err = w.batch.run()
		}
		switch {
		case errors.Is(err, errYield):
			err = w.fold(0)
		case errors.Is(err, errSlow):
			err = w.fold(min(max(2*w.in.held(), w.u.TailBytes), w.in.room))
		case errors.Is(err, errBufferFull):
			err = w.skip(d)
		case errors.Is(err, csvscan.ErrMore):
			if w.in.end() > w.u.Limits.FileBytes {
				return tooLarge(w.u.Limits.FileBytes)
			}
			if !w.complete() {
				return w.pause()
			}
			w.batch.scan.EndOfFile()
			err = nil
		case errors.Is(err, io.EOF):
			return w.batch.end()
		}
		if err != nil {
			return err
		}
	}
}

// open begins a batcher at the upload's boundary, once it may read records.
func (w *writer) open(d bulk.Dialect) error {
	w.permit.Yield(w.startReading)
	b, layout, err := w.u.newBatcher(w.up, w.in, d, !w.complete())
	switch {
	case errors.Is(err, errBufferFull) && w.in.held() < w.in.room:
		return errSlow // for memory, too, it is waited elsewhere
	case errors.Is(err, errHeaderCut), errors.Is(err, errBufferFull):
		return headerTooFar(w.u.TailBytes)
	case err != nil:
		return err
	}
	if w.up.Import.Layout == nil {
		w.fresh, w.up.Import.Layout = layout, layout
	}
	b.closed = w.closed
	w.batch = b
	return nil
}

func (w *writer) startReading() {
	w.readPermit.Acquire()
	w.u.Metrics.Memory.WithLabelValues("reserved").Add(float64(w.u.readingBytes()))
	w.in.hurry = true
}

// stopReading ends the reading of records for now; what is being staged is waited for.
func (w *writer) stopReading() {
	if w.in.hurry {
		w.in.hurry = false
		w.u.Metrics.Memory.WithLabelValues("reserved").Sub(float64(w.u.readingBytes()))
		w.readPermit.Release()
	}
}

// errYield says that another is to read records.
var errYield = errors.New("others wait to read")

// fold forgets the batch being built and lets others read records, so that a client
// that is waited for takes no more memory than what it sent, which is read again from
// the last boundary once there are n bytes or no more come.
func (w *writer) fold(n int) error {
	w.batch = nil
	w.in.pos = w.in.start
	if err := w.put(write{}); err != nil { // the writes before it are then done
		return err
	}
	w.stopReading()
	w.in.fit()
	w.in.fill(n)
	return nil
}

// skip makes a boundary where there is no room behind it, amid megabytes of blank lines
// or for want of memory, and reads on behind it.
func (w *writer) skip(d bulk.Dialect) error {
	if w.batch.at.Offset == w.batch.last.Offset {
		if w.in.held() >= w.in.room {
			return fmt.Errorf("byte %d: %w", w.batch.at.Offset, errBufferFull)
		}
		return w.fold(min(w.in.held()+pullBytes, w.in.room)) // and wait for memory
	}
	if err := w.batch.close(false); errors.Is(err, errYield) {
		return w.fold(0)
	} else if err != nil {
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
	return w.put(write{Progress: p})
}

// closed stages a batch, or ends the file.
func (w *writer) closed(rec arrow.Record, from, to bulk.Boundary, final bool) error {
	if !final {
		if err := w.putBatch(rec, from, to, nil); err != nil || w.pausing || !w.readPermit.Contended() {
			return err
		}
		return errYield
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

// putBatch queues the write to a boundary. It acknowledges the bytes up to there, never
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
	w.fresh, w.up.Boundary = nil, to
	w.in.boundary(to.Offset)
	return w.put(write{Progress: p, rec: rec, from: from})
}

// put queues a write. The store may be slow, so it is waited for without the permit.
func (w *writer) put(next write) (err error) {
	w.permit.Yield(func() { err = w.stager.put(next) })
	return err
}

func (w *writer) progress(offset int64) (bulk.Progress, error) {
	digest, err := w.in.digest(offset)
	return bulk.Progress{
		Account: w.up.Import.AccountID, Import: w.up.Import.ID, Epoch: w.up.Epoch,
		Offset: offset, Length: w.up.Length, Digest: digest, Boundary: w.up.Boundary,
	}, err
}
