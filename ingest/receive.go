package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"

	"bulkhead/internal/bulk"
	"bulkhead/internal/digest"
)

// request is one request's bytes for an upload.
type request struct {
	account bulk.AccountID
	id      bulk.ImportID
	offset  int64 // in the file, of the body's first byte
	body    io.Reader
	length  int64      // of the file; -1: not known
	whole   bool       // a clean end of the body ends the file
	first   bool       // for who takes the upload first; a repeat is refused
	digests digest.Set // of the body, which is not acknowledged unless they are right; nil for none
}

// Receive takes in a whole file, whose length is -1 when only the body's end tells it. It
// returns once all is durable. A file that is refused fails the import, and the
// refusal is returned as an *bulk.Error. A body that breaks off, or brings no byte
// for Limits.IdleSeconds (os.ErrDeadlineExceeded), ends in the body's error; what came
// is kept, and the upload can be continued.
//
// A compressed file, or one that is not UTF-8, is stored when Receive returns, and
// read afterwards.
//
// While memory is short it waits for Config.RoomWait and then returns a KindUnavailable
// error instead, before it reads a byte or touches the upload. Later, too, it ends in
// such an error when others wait whose clients are faster; what came is kept. So does
// Write.
func (u *Uploads) Receive(ctx context.Context, account bulk.AccountID, id bulk.ImportID, body bulk.Body) error {
	_, err := u.write(ctx, request{account: account, id: id, body: body.Reader, length: body.Length, whole: true, first: true})
	return err
}

// Write continues an upload at the body's offset, which must be where it stands, and
// returns where it stands then. A body that ends
// before the file does is no error. Otherwise it is like Receive.
func (u *Uploads) Write(ctx context.Context, account bulk.AccountID, id bulk.ImportID, body bulk.Body) (int64, error) {
	return u.write(ctx, request{account: account, id: id, offset: body.Offset, body: body.Reader, length: body.Length})
}

func (u *Uploads) write(ctx context.Context, r request) (offset int64, err error) {
	hold, leave, err := u.admit(ctx, workUpload, r.account, requestBytes)
	if err != nil {
		return r.offset, err
	}
	defer leave()
	defer func() { u.noteRefusal(err) }()
	asked := ctx
	ctx, end := outlive(ctx, u.Grace)
	defer end()
	up, err := u.take(ctx, r)
	if err != nil {
		return r.offset, err
	}
	sender := newSender(asked, r.body, hold, u.idle()) // a client that waits to be asked is asked now
	defer sender.close()
	body, rest := u.noteBytes(ctx, &up, sender)
	defer rest()
	if r.body = u.bound(&up, body); r.digests != nil {
		if why := hold.grow(ctx, 5*int64(u.PartBytes)/2, u.RoomWait); why != "" {
			return r.offset, refused(why)
		}
		if r.body, err = u.hold(ctx, r); err != nil {
			return r.offset, err
		}
	}
	w, err := u.newWriter(ctx, &up, sender, r)
	if err != nil {
		return r.offset, err
	}
	defer w.stopReading()
	err = w.run()
	if err := w.stager.finish(); err != nil {
		return w.stager.acked, err
	}
	if err != nil {
		return w.stager.acked, u.refuse(ctx, &up, err)
	}
	if w.complete() {
		u.Logger.InfoContext(ctx, "file received", "import_id", up.Import.ID, "account_id", up.Import.AccountID, "bytes", up.Length)
	}
	if w.spooled {
		u.scheduler.announce(&up)
	}
	return w.stager.acked, w.cut()
}

// take makes the request the upload's writer and checks that it continues it.
func (u *Uploads) take(ctx context.Context, r request) (bulk.Upload, error) {
	take := u.Ledger.TakeUpload
	if r.first {
		take = u.Ledger.BeginUpload
	}
	up, err := take(ctx, r.account, r.id)
	switch {
	case bulk.KindOf(err) == bulk.KindConflict:
		return up, u.why(ctx, r, err)
	case err != nil:
		return up, fmt.Errorf("take upload: %w", err)
	case up.Offset != r.offset:
		return up, offsetMismatch(up.Offset, r.offset)
	case r.length >= 0 && up.Length >= 0 && r.length != up.Length, r.length >= 0 && r.length < up.Offset:
		return up, lengthMismatch(max(up.Length, up.Offset), r.length)
	case r.length >= 0:
		up.Length = r.length
	}
	if up.Length > u.Limits.FileBytes {
		return up, u.refuse(ctx, &up, tooLarge(u.Limits.FileBytes))
	}
	return up, nil
}

// why tells a client that goes on with a refused file what was wrong with the file,
// instead of the conflict that makes it try again.
func (u *Uploads) why(ctx context.Context, r request, conflict error) error {
	up, err := u.Ledger.Upload(ctx, r.account, r.id)
	if err != nil || up.Import.State != bulk.StateFailed || up.Import.Error == nil {
		return conflict
	}
	refusal := *up.Import.Error
	refusal.Kind = bulk.KindUnprocessed
	return &refusal
}

// refuse fails the import when err is about its file, and returns err.
func (u *Uploads) refuse(ctx context.Context, up *bulk.Upload, err error) error {
	refusal, ok := errors.AsType[*bulk.Error](err)
	if !ok || refusal.Kind == bulk.KindUnavailable {
		return err
	}
	if failed := u.Ledger.Refuse(ctx, up.Import.AccountID, up.Import.ID, refusal); failed != nil {
		return fmt.Errorf("refuse import: %w", failed)
	}
	u.Logger.InfoContext(ctx, "file refused", "import_id", up.Import.ID, "account_id", up.Import.AccountID, "code", refusal.Code)
	return err
}

// cut returns why the body ended before the file did, nil when it had a right to.
func (w *writer) cut() error {
	switch {
	case w.complete(), w.in.ended == io.EOF && !w.whole:
		return nil
	case w.in.ended == io.EOF:
		return &bodyError{io.ErrUnexpectedEOF}
	default:
		return &bodyError{w.in.ended}
	}
}

// bodyError is why a body ended before it should.
type bodyError struct{ cause error }

func (e *bodyError) Error() string { return "read body: " + e.cause.Error() }
func (e *bodyError) Unwrap() error { return e.cause }
