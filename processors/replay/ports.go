package replay

import (
	"context"

	"bulkhead/internal/bulk"
)

// Ledger knows what the staged objects do not tell.
type Ledger interface {
	// ImportSpec reads the spec that an import was created with.
	ImportSpec(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Spec, error)
	// Batches lists the batches of an import by number, after the given one of it (No -1 for all).
	Batches(ctx context.Context, account bulk.AccountID, after bulk.BatchID, limit int) ([]bulk.Batch, error)
	// BatchRejects reads the rows of a batch that only its transaction could reject.
	BatchRejects(ctx context.Context, account bulk.AccountID, id bulk.BatchID) (map[bulk.Code]bulk.RowSet, error)
	// AppliedRecords reads those of the keys whose records are still as the batch left
	// them, in every column, in no order and without Keys.
	AppliedRecords(ctx context.Context, w bulk.BatchTask, keys [][]bulk.Value) (bulk.Records, error)
}
