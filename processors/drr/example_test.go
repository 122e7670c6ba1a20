package drr_test

import (
	"fmt"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
)

// An account with much work has the queue to itself until another comes: that one's
// batches go ahead, and then the two take turns.
func Example() {
	q := drr.New(drr.Config{
		Quantum:   10 * time.Millisecond,
		Allowance: 1,
		Cost:      func(bulk.BatchRef) time.Duration { return 10 * time.Millisecond },
	})
	push := func(account bulk.AccountID, n int64) {
		for no := range n {
			q.Push(bulk.BatchRef{Account: account, Import: bulk.ImportID(account + "'s import"), No: no})
		}
	}
	pop := func(n int) {
		for range n {
			g, ok := q.Pop()
			if !ok {
				return
			}
			fmt.Print(g.Ref.Account, g.Ref.No, " ")
			q.Finish(g.Ref.ID())
		}
	}
	push("whale", 8)
	pop(3)
	push("minnow", 3)
	pop(8)
	// Output:
	// whale0 whale1 whale2 minnow0 whale3 minnow1 whale4 minnow2 whale5 whale6 whale7
}
