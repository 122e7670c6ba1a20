package dispatch

import (
	"context"
	"time"

	"bulkhead/internal/bulk"
)

// Ledger is the truth that the queue is a hint of.
type Ledger interface {
	// StillStaged returns those of the references whose batches still wait, in bulk.
	StillStaged(ctx context.Context, refs []bulk.BatchRef) ([]bulk.BatchRef, error)
	// StagedFor lists references of batches that have waited for at least the time, by the
	// ledger's clock, ordered by (import, no), starting after the given one; with it the
	// dispatcher finds what the broker lost.
	StagedFor(ctx context.Context, least time.Duration, after bulk.BatchID, limit int) ([]bulk.BatchRef, error)
	// Steered lists the accounts and imports whose controls people changed within the time,
	// by the ledger's clock.
	Steered(ctx context.Context, within time.Duration) (accounts []bulk.AccountID, imports []bulk.ImportID, err error)
	// Controls reads the weight of each account and the pause of each import.
	Controls(ctx context.Context, accounts []bulk.AccountID, imports []bulk.ImportID) (bulk.Controls, error)
}

// Holders are the processors of the cluster.
type Holders interface {
	// Held lists the leases that processors hold now, whoever granted them. Those that
	// do not answer within about a second are left out.
	Held(ctx context.Context) ([]bulk.Lease, error)
}

// References is the consumer group's view of the batches topic.
type References interface {
	// Poll waits for references or a change of assignment.
	Poll(ctx context.Context) (bulk.Fetch, error)
	// Done marks a reference as finished; the offset of its partition is committed at
	// the low watermark of finished references, never past an unfinished one.
	Done(offset bulk.Offset)
	// PartitionOf returns the partition that an account's references are in.
	PartitionOf(account bulk.AccountID) int32
}
