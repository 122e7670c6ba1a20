package dispatch_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

// A change of weight acts on what is queued already, within a second, however much that is:
// the account's turn comes at once, and one that is under way ends with what it may use now.
func TestChangeOfWeightActsOnTheBacklogWithinASecond(t *testing.T) {
	const slots, service = 8, 100 * time.Millisecond
	for name, tt := range map[string]struct {
		accounts      int
		before, after int // weight of the first; the others have 1
		least, most   float64
	}{
		"up, few accounts":    {9, 1, 8, 0.40, 0.60},         // due: 8 of 16
		"up, many accounts":   {99, 1, 8, 8. / 107, 1},       // its turn comes at once: a round lasts longer
		"down, few accounts":  {9, 8, 1, 1. / 9 / 2, 2. / 9}, // due: 1 of 9
		"down, many accounts": {99, 8, 1, 0, 0.06},           // due: 1 of 99, in turns of 3
	} {
		for moment := range 5 { // of its round
			t.Run(fmt.Sprint(name, moment), func(t *testing.T) {
				play(t, func(r *rig) {
					r.ledger.weigh("1", tt.before)
					var refs []bulk.BatchRef
					for no := range 4000 / tt.accounts {
						for a := range tt.accounts {
							refs = append(refs, r.ref(a+1, no))
						}
					}
					for no := range 1500 {
						refs = append(refs, r.ref(1, 4000+no))
					}
					r.deliver(refs...)
					changed := time.Now().Add(20*time.Second + time.Duration(moment)*700*time.Millisecond) // the allowances are used up
					time.AfterFunc(time.Until(changed), func() { r.ledger.weigh("1", tt.after) })
					began := r.serve(slots, service, time.Until(changed)+tick+time.Second)
					all, own := 0, 0
					for _, g := range began {
						if g.at.Before(changed) || tt.after < tt.before && g.at.Before(changed.Add(tick)) {
							continue // it may be known any time within a tick
						}
						if all++; g.account == "1" {
							own++
						}
					}
					if share := float64(own) / float64(all); all < slots*9 || share < tt.least || share > tt.most {
						t.Errorf("of the next %d batches it has %.1f %%, want %.1f to %.1f", all, 100*share, 100*tt.least, 100*tt.most)
					}
				})
			})
		}
	}
}

// grant is a batch that began.
type grant struct {
	at      time.Time
	account bulk.AccountID
}

// serve lets slots work for a time and returns what began.
func (r *rig) serve(slots int, service, within time.Duration) (began []grant) {
	ctx, stop := context.WithTimeout(r.Context(), within)
	defer stop()
	var mu sync.Mutex
	var working sync.WaitGroup
	for range slots {
		working.Go(func() {
			for ctx.Err() == nil {
				l, err := r.d.Lease(ctx, node)
				if err != nil {
					return
				}
				mu.Lock()
				began = append(began, grant{time.Now(), l.Ref.Account})
				mu.Unlock()
				<-time.After(service)
				r.took(l, service)
			}
		})
	}
	working.Wait()
	return began
}
