package drr

import "testing"

// Newcomers have at least what is due to them, whoever else waits: a burst by weight, and
// five times their weights in the end, or as much as the others.
func TestNewcomersGetMoreWhereFewOthersWait(t *testing.T) {
	for _, tt := range []struct {
		newcomers, round int // weights
		want             string
	}{
		{1, 1, "nnnnnrnnnnnr"},
		{2, 5, "nnnnnrnnrnnr"},
		{1, 9, "nnnnnrnrnrnr"},
		{2, 1, "nnnnnnnnnnrn"}, // a burst twice as long
		{1, 0, "nnnnnnnnnnnn"},
		{0, 1, "rrrrrrrrrrrr"},
	} {
		g := gate{burst: 50 * ms}
		d := Demand{Ahead: tt.newcomers, Fresh: tt.newcomers, Round: tt.round}
		got := ""
		for range len(tt.want) {
			n := g.admits(d)
			g.took(n, 10*ms, d)
			got += map[bool]string{true: "n", false: "r"}[n]
		}
		if got != tt.want {
			t.Errorf("newcomers of %d and a round of %d: %s, want %s", tt.newcomers, tt.round, got, tt.want)
		}
	}
}
