package simulate

import (
	"testing"
	"time"
)

// An account with batches of 5 s has the cluster alone for half a minute, in debt after each
// of them; then another one comes to another dispatcher. From then on they share.
func TestWhoWasAloneOwesNothing(t *testing.T) {
	const alone, until = 30 * time.Second, 90 * time.Second
	for seed := range uint64(5) {
		s := scene{nodes: 2, slots: 2, dispatchers: 4, span: span{0, until}, window: 10 * time.Second, cut: true}
		s.play([]strategy{
			{took: always(5 * time.Second)},
			{took: always(200 * time.Millisecond), batches: 10_000, every: time.Hour, after: alone, together: true},
		}, seed)
		first, second := &s.accounts[0], s.actors[0].account
		first.partition, second.partition = 0, 1
		second.windows = make([]time.Duration, until/s.window)
		if _, err := runScene(s, Designs[0], seed); err != nil {
			t.Fatal(err)
		}
		var of [2]time.Duration
		for i := int(alone/s.window) + 1; i < len(first.windows); i++ {
			of[0] += first.windows[i]
			of[1] += second.windows[i]
		}
		if share := ratio(of[0], of[0]+of[1]); share < 0.4 || share > 0.6 {
			t.Errorf("seed %d: the first has %.2f of the slots after the second came: %v", seed, share, of)
		}
	}
}
