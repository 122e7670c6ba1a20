package processors_test

import (
	"context"
	"fmt"

	"bulkhead/internal/bulk"
	"bulkhead/processors"
	"bulkhead/processors/replay"
)

// desk hands out one batch, and says that there is no more once it is returned.
type desk struct {
	leases chan bulk.Lease
	done   context.CancelFunc
}

func (d desk) Lease(ctx context.Context, _ bulk.NodeID) (bulk.Lease, error) {
	select {
	case l := <-d.leases:
		return l, nil
	case <-ctx.Done():
		return bulk.Lease{}, ctx.Err()
	}
}

func (desk) Extend(context.Context, bulk.Lease) (bool, error) { return true, nil }

func (d desk) Return(_ context.Context, l bulk.Lease, o bulk.Outcome) (bool, error) {
	fmt.Println("batch", l.Ref.No, "of", l.Ref.Import, "is", o.Result)
	d.done()
	return true, nil
}

// ended is a ledger in which the import of every batch has ended.
type ended struct{ processors.Ledger }

func (ended) BatchTask(context.Context, bulk.BatchID) (bulk.BatchTask, error) {
	return bulk.BatchTask{}, bulk.ErrSkip
}

// A node leases batches until its first context ends, and stops working when its
// second one does. What others did meanwhile is finished, too.
func ExampleNode() {
	take, stop := context.WithCancel(context.Background())
	d := desk{make(chan bulk.Lease, 1), stop}
	d.leases <- bulk.Lease{Ref: bulk.BatchRef{Import: "i", No: 1}}
	node, err := processors.New(processors.Config{Dispatcher: d, Ledger: ended{}, Batches: replay.NewReader(nil), Slots: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(node.Run(take, context.Background()))
	// Output:
	// batch 1 of i is finished
	// <nil>
}
