package dispatch_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/dispatch"
)

// BenchmarkLease is one lease and its return, at 1,000 accounts with 100 batches each.
func BenchmarkLease(b *testing.B) {
	truth, refs := &ledger{staged: map[bulk.BatchID]bulk.BatchRef{}}, newTopic()
	d, err := dispatch.New(dispatch.Config{Ledger: truth, References: refs})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error)
	go func() { ended <- d.Run(ctx) }()
	all := []int32{0, 1, 2, 3}
	refs.fetches <- bulk.Fetch{Assigned: all}
	fetch := bulk.Fetch{}
	for i := range 100_000 {
		id := fmt.Sprintf("%d", i%1000)
		ref := bulk.BatchRef{Account: bulk.AccountID(id), Import: bulk.ImportID("i" + id), No: int64(i), Rows: 5000, StagedAt: time.Now()}
		truth.stage(ref)
		fetch.Messages = append(fetch.Messages, bulk.Message{Ref: ref, Offset: refs.next(ref)})
	}
	refs.fetches <- fetch
	refs.fetches <- bulk.Fetch{} // taken once the first is queued
	b.ReportAllocs()
	left := len(fetch.Messages)
	for b.Loop() {
		if left--; left == 0 { // all is finished: deliver it again
			b.StopTimer()
			refs.fetches <- fetch
			refs.fetches <- bulk.Fetch{}
			left = len(fetch.Messages) - 1
			b.StartTimer()
		}
		l, err := d.Lease(ctx, node)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := d.Return(ctx, l, bulk.Outcome{Result: bulk.ResultFinished, Service: time.Millisecond}); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	stop()
	<-ended
}
