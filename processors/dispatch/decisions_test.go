package dispatch_test

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

// TestDecisions plays a morning: accounts with large and with small batches, a slow
// node, a node that goes silent, and second copies. The same morning is decided the
// same way again; what it comes to is logged, for those who compare.
func TestDecisions(t *testing.T) {
	first := morning(t)
	if again := morning(t); first != again {
		t.Errorf("decided %s, and then %s", first, again)
	}
	t.Logf("decided %s", first)
}

func morning(t *testing.T) string {
	digest := sha256.New()
	play(t, func(r *rig) {
		for no := range 120 {
			large, small, mixed := r.ref(1, no), r.ref(2, no), r.ref(3, no)
			large.Rows = 20_000 // two quanta
			mixed.Rows = int64(500 * (1 + no%8))
			r.ledger.stage(large)
			r.ledger.stage(mixed)
			r.deliver(large, small, mixed)
		}
		nodes := []bulk.NodeID{node, "other", "slow"}
		for i := range 700 {
			on := nodes[i%len(nodes)]
			l, ok := r.leaseFor(on, 40*time.Second)
			if !ok {
				return
			}
			fmt.Fprintln(digest, on, l.Ref.ID(), l.Attempt)
			if i%10 == 0 { // somebody new comes
				r.deliver(r.ref(40+i, 0))
			}
			if i == 100 { // it is never heard of again
				continue
			}
			took := time.Duration(l.Ref.Rows) * 25 * time.Microsecond
			if l.Ref.Account == "3" { // whose rows cost more
				took *= 6
			}
			if on == "slow" {
				took *= 8
			}
			r.pass(took)
			if held, _ := r.d.Extend(r.Context(), l); !held {
				fmt.Fprintln(digest, "lost", l.Ref.ID())
				continue
			}
			r.ledger.finish(l.Ref.ID())
			r.returns(on, l, took)
		}
	})
	return fmt.Sprintf("%x", digest.Sum(nil)[:8])
}
