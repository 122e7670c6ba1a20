package dispatch_test

import (
	"context"
	"fmt"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/dispatch"
)

// oneReference is one partition with one reference.
type oneReference struct{ read bool }

func (t *oneReference) Poll(ctx context.Context) (bulk.Fetch, error) {
	if t.read {
		<-ctx.Done()
		return bulk.Fetch{}, ctx.Err()
	}
	t.read = true
	ref := bulk.BatchRef{Account: "a", Import: "i", No: 1, Rows: 1000}
	return bulk.Fetch{Assigned: []int32{0}, Messages: []bulk.Message{{Ref: ref}}}, nil
}
func (*oneReference) Done(bulk.Offset)                 {}
func (*oneReference) PartitionOf(bulk.AccountID) int32 { return 0 }

// waiting is a ledger in which every batch still waits.
type waiting struct{}

func (waiting) StillStaged(_ context.Context, refs []bulk.BatchRef) ([]bulk.BatchRef, error) {
	return refs, nil
}

func (waiting) StagedFor(context.Context, time.Duration, bulk.BatchID, int) ([]bulk.BatchRef, error) {
	return nil, nil
}

func (waiting) Steered(context.Context, time.Duration) ([]bulk.AccountID, []bulk.ImportID, error) {
	return nil, nil, nil
}

func (waiting) Controls(context.Context, []bulk.AccountID, []bulk.ImportID) (bulk.Controls, error) {
	return bulk.Controls{}, nil
}

// A slot waits until a batch is due and returns the lease with the time that it took.
func Example() {
	d, err := dispatch.New(dispatch.Config{Ledger: waiting{}, References: &oneReference{}})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()

	lease, err := d.Lease(ctx, "node")
	fmt.Println(lease.Ref.Import, lease.Ref.No, err)
	held, err := d.Return(ctx, lease, bulk.Outcome{Result: bulk.ResultFinished, Service: 20 * time.Millisecond})
	fmt.Println(held, err)
	stop()
	<-ended
	// Output:
	// i 1 <nil>
	// true <nil>
}
