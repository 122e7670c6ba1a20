package mirror

import (
	"context"
	"time"

	"bulkhead/internal/bulk"
)

// Ledger is the truth about what was committed and what analytics have of it.
type Ledger interface {
	// Unmirrored lists batches that were committed so long ago and are not marked, oldest
	// first, after the given one (zero: from the beginning).
	Unmirrored(ctx context.Context, after bulk.Committed, ago time.Duration, limit int) ([]bulk.Committed, error)
	// CommittedTask reads a committed batch that is not marked, its spec as it was when the
	// import was created; bulk.ErrSkip says that there is no such batch.
	CommittedTask(ctx context.Context, id bulk.BatchID) (bulk.BatchTask, error)
	// MarkMirrored marks batches as mirrored, and in the same transaction each of the
	// imports that ended, is unchanged since it was read, and has no other batch to mirror.
	MarkMirrored(ctx context.Context, batches []bulk.BatchID, imports []bulk.Import) error
	// ForgetMirrored says that analytics lost everything: no batch or import is mirrored.
	ForgetMirrored(ctx context.Context) (batches int64, err error)
	// Unreported lists imports that ended, are not marked and have no batch to mirror.
	Unreported(ctx context.Context, limit int) ([]bulk.Import, error)

	Import(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Import, error)
	// InFlight lists every import that has not ended.
	InFlight(ctx context.Context) ([]bulk.ImportVersion, error)
	// Batches lists the batches of an import by number, after the given one of it (No -1 for all).
	Batches(ctx context.Context, account bulk.AccountID, after bulk.BatchID, limit int) ([]bulk.Batch, error)
	// Rejects groups the rejects of imports by cause; those of a dry run are none.
	Rejects(ctx context.Context, imports []bulk.ImportID) (map[bulk.ImportID][]bulk.RejectGroup, error)
	ListAccounts(ctx context.Context) ([]bulk.Account, error)
	// Now is the ledger's time, which every process shares.
	Now(ctx context.Context) (time.Time, error)
}

// Applied gives the records that a committed batch put into the store.
type Applied interface {
	// Read calls use once with the batch's records, complete in every column that the
	// import's spec has and Columns names; a column that is not named is null. Records
	// that a later row displaced may be among them, rejected ones are not. They are
	// valid until use returns. An error of use is returned as it is.
	Read(ctx context.Context, task bulk.BatchTask, use func(bulk.Records) error) error
}

// Feed brings references of newly committed batches. It is a hint: what it loses, the
// ledger has.
type Feed interface {
	Poll(ctx context.Context) (bulk.Fetch, error)
	// Done says that a reference needs no redelivery.
	Done(offset bulk.Offset)
}

// Records are what the store has, for comparing: everything that analytics should hold.
type Records interface {
	ListDatasets(ctx context.Context) ([]bulk.Dataset, error)
	// NewestOp is the op_seq of a dataset's newest import.
	NewestOp(ctx context.Context, dataset bulk.DatasetName) (int64, error)
	// RecordsBetween calls use for the live records of the range, ascending, until it returns false.
	RecordsBetween(ctx context.Context, in bulk.RecordRange, use func(bulk.Record) bool) error
	// ImportsAfter lists an account's imports in any state, by id, after one.
	ImportsAfter(ctx context.Context, account bulk.AccountID, after bulk.ImportID, limit int) ([]bulk.Import, error)
	// EndedBatches lists an account's batches that need no work any more, by import and
	// number, after one.
	EndedBatches(ctx context.Context, account bulk.AccountID, after bulk.BatchID, limit int) ([]bulk.EndedBatch, error)
	Rejects(ctx context.Context, imports []bulk.ImportID) (map[bulk.ImportID][]bulk.RejectGroup, error)
	ListAccounts(ctx context.Context) ([]bulk.Account, error)
	Account(ctx context.Context, id bulk.AccountID) (bulk.Account, error)
	Now(ctx context.Context) (time.Time, error)
}
