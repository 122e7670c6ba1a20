package drr

import (
	"testing"
	"time"
)

// Newcomers have at least what is due to them, whoever else waits: a burst by weight, and
// five times their weights in the end, or as much as the others.
func TestNewcomersGetMoreWhereFewOthersWait(t *testing.T) {
	for _, tt := range []struct {
		newcomers, round Hundredths // weights
		batch            time.Duration
		want             string
	}{
		{1, 1, 10 * ms, "nnnnnrnnnnnr"},
		{2, 5, 10 * ms, "nnnnnrnnrnnr"},
		{1, 9, 10 * ms, "nnnnnrnrnrnr"},
		{2, 1, 10 * ms, "nnnnnnnnnnrn"}, // a burst twice as long
		{1, 9, 60 * ms, "nnnnnrnnnnnn"}, // a long batch of the round is worth as much of theirs
		{1, 0, 10 * ms, "nnnnnnnnnnnn"},
		{0, 1, 10 * ms, "rrrrrrrrrrrr"},
	} {
		g := gate{burst: 50 * ms}
		d := Demand{Ahead: tt.newcomers, Fresh: tt.newcomers, Round: tt.round}
		got := ""
		for range len(tt.want) {
			n := g.admits(d)
			cost := 10 * ms
			if !n {
				cost = tt.batch
			}
			g.took(n, cost, d)
			got += map[bool]string{true: "n", false: "r"}[n]
		}
		if got != tt.want {
			t.Errorf("newcomers of %d and a round of %d: %s, want %s", tt.newcomers, tt.round, got, tt.want)
		}
		if g.spent < 0 {
			g.took(false, ms, Demand{Round: 1})
		}
		if g.spent < 0 {
			t.Errorf("newcomers of %d and a round of %d: %v are saved for those to come", tt.newcomers, tt.round, -g.spent)
		}
	}
}
