package processors

import (
	"context"

	"bulkhead/internal/bulk"
)

// Dispatcher hands out the right to work on batches. In one process it is a
// function call; across processes the same methods go over HTTP.
type Dispatcher interface {
	// Lease waits until a batch is due for this node, or ctx ends.
	Lease(ctx context.Context, node bulk.NodeID) (bulk.Lease, error)
	// Extend keeps a lease alive; false says that it is lost and work on it is in vain.
	Extend(ctx context.Context, lease bulk.Lease) (held bool, err error)
	// Return ends a lease with what became of the batch and the time it really took; false
	// says that nobody knows the lease any more, and has no use for it.
	Return(ctx context.Context, lease bulk.Lease, outcome bulk.Outcome) (held bool, err error)
}

// Ledger is the truth about batches and where their rows land.
type Ledger interface {
	// BatchTask reads what is needed to process a batch. It returns bulk.ErrSkip when the
	// batch is no longer staged or its import ended, and bulk.ErrPaused when it is paused.
	BatchTask(ctx context.Context, id bulk.BatchID) (bulk.BatchTask, error)
	// Commit applies a batch in one transaction, or nothing of it. It returns
	// bulk.ErrSkip when it was applied before or its import ended.
	Commit(ctx context.Context, c bulk.ValidatedBatch) (bulk.Counts, error)
	// Check records the outcome of a dry run's batch without committing a row.
	Check(ctx context.Context, c bulk.ValidatedBatch) error
	// Fail counts a deterministic failure; at bulk.MaxFailures the batch is
	// quarantined, reported by true, and its import ends failed once all others end.
	Fail(ctx context.Context, id bulk.BatchID, node bulk.NodeID, why string) (quarantined bool, err error)
}
