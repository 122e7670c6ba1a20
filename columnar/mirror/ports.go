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
	// Landed reads a committed batch that is not marked, its spec as it was when the
	// import was created; bulk.ErrSkip says that there is no such batch.
	Landed(ctx context.Context, id bulk.BatchID) (bulk.Work, error)
	// MarkMirrored marks batches as mirrored, and in the same transaction each of the
	// imports that ended, is unchanged since it was read, and has no other batch to mirror.
	MarkMirrored(ctx context.Context, batches []bulk.BatchID, imports []bulk.Import) error
	// Unreported lists imports that ended, are not marked and have no batch to mirror.
	Unreported(ctx context.Context, limit int) ([]bulk.Import, error)

	Import(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Import, error)
	// Batches lists an import's batches by number, after the given one (-1 for all).
	Batches(ctx context.Context, account bulk.AccountID, id bulk.ImportID, after int64, limit int) ([]bulk.Batch, error)
	Clusters(ctx context.Context, account bulk.AccountID, id bulk.ImportID) ([]bulk.Cluster, error)
	ListAccounts(ctx context.Context) ([]bulk.Account, error)
}

// Rows gives the records that a committed batch put into the store.
type Rows interface {
	// Of calls use once with the batch's records, complete in every column that the
	// import's spec has and Columns names; a column that is not named is null. Records
	// that a later row displaced may be among them, rejected ones are not. They are
	// valid until use returns. An error of use is returned as it is.
	Of(ctx context.Context, w bulk.Work, use func(bulk.Records) error) error
}

// Feed brings references of newly committed batches. It is a hint: what it loses, the
// ledger has.
type Feed interface {
	Poll(ctx context.Context) (bulk.Delivery, error)
	// Done says that a reference needs no redelivery.
	Done(mark bulk.Mark)
}

// Records are the store's live records, for comparing.
type Records interface {
	ListDatasets(ctx context.Context) ([]bulk.Dataset, error)
	// Digests sums up the records of every account that has some in the dataset.
	Digests(ctx context.Context, d bulk.Dataset) (map[bulk.AccountID]bulk.Digest, error)
	// Records pages through an account's live records in key order.
	Records(ctx context.Context, account bulk.AccountID, name bulk.DatasetName, cursor string, limit int) (bulk.RecordPage, error)
}
