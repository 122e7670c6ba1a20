package ingest

import (
	"context"

	"bulkhead/internal/bulk"
)

// Ledger is where an upload's durable position lives.
type Ledger interface {
	// Upload reads an upload's position without taking it over.
	// A foreign or unknown import is a KindNotFound error.
	Upload(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Upload, error)
	// Tail reads an upload's tail from one of its pieces on.
	Tail(ctx context.Context, account bulk.AccountID, id bulk.ImportID, from int64) ([]byte, error)
	// TakeUpload makes the caller the upload's one writer: it raises the epoch, so
	// that every earlier writer's Advance fails, moves an open import to receiving
	// and returns the position. An import that takes no bytes any more (complete,
	// terminal, cancelling) is a KindConflict error.
	TakeUpload(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Upload, error)
	// BeginUpload is TakeUpload for who takes the upload first: one that was taken before
	// is a KindConflict error.
	BeginUpload(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Upload, error)
	// Advance applies one durable step in one transaction: the batch's manifest, the
	// position and, with Seal, the end of the upload (which finishes the import when
	// every batch is terminal). It fails with bulk.ErrSuperseded when the epoch or
	// offset moved, and with a KindConflict error when the import takes no bytes.
	Advance(ctx context.Context, p bulk.Progress) error
	// Refuse fails the import because of its file: nothing of it is committed that
	// was not before, staged batches are dropped.
	Refuse(ctx context.Context, account bulk.AccountID, id bulk.ImportID, why *bulk.Error) error
	// Cancel ends the import: no further row of it lands. Repeating it is harmless; one
	// that has ended otherwise is a KindConflict error.
	Cancel(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Import, error)
	// Undecoded lists spooled uploads that are complete but not sealed, oldest first,
	// for a process that starts or sweeps.
	Undecoded(ctx context.Context, limit int) ([]bulk.Undecoded, error)
	// TakeDecoding makes the caller the one who decodes the upload, like TakeUpload, and
	// returns its parts too. It fails with bulk.ErrSuperseded when anybody worked on it
	// since it was listed.
	TakeDecoding(ctx context.Context, seen bulk.Undecoded) (bulk.Upload, error)
	// Worked shows that who took a decoding still works on it. It fails with
	// bulk.ErrSuperseded when another took it or the import takes no bytes any more.
	Worked(ctx context.Context, account bulk.AccountID, id bulk.ImportID, epoch int64) error
}

// Objects is where batch objects and spooled parts are kept. Put returns after the
// object is durable; objects are never overwritten.
type Objects interface {
	Put(ctx context.Context, key string, data []byte) error
	Get(ctx context.Context, key string) ([]byte, error)
}

// Notifier is told that a batch was staged, so that its reference is published
// soon; a lost call costs one sweep.
type Notifier interface{ Staged() }
