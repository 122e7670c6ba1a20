package drr_test

import (
	"strings"
	"testing"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
)

func TestPrioritiesShareTheAccount8To3To1(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.push("ah", 0, 30, 1, bulk.PriorityHigh)
	w.push("an", 0, 30, 1, bulk.PriorityNormal)
	w.push("al", 0, 30, 1, bulk.PriorityLow)
	got := w.pops(24)
	for imp, want := range map[string]int{"ah.": 16, "an.": 6, "al.": 2} {
		if n := strings.Count(got, imp); n != want {
			t.Errorf("%s %d times in 24 picks, want %d: %s", imp, n, want, got)
		}
	}
	if want := "ah.0 an.0 ah.1 ah.2 al.0 ah.3"; !strings.HasPrefix(got, want) {
		t.Errorf("not interleaved\n got %s\nwant %s …", got, want)
	}
}

func TestPriorityMovesNoAccountBeforeAnother(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.settled("a", "b")
	w.push("a", 0, 4, 10, bulk.PriorityLow)
	w.push("b", 0, 4, 10, bulk.PriorityHigh)
	w.want(4, "a.0 b.0 a.1 b.1")
}

func TestLeastRemainingWorkFirstAndEveryFourthTheOldest(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.push("aWhale", 0, 20, 1)
	w.push("aSmall", 0, 3, 1)
	w.push("aOther", 0, 6, 1)
	w.want(11, "aSmall.0 aSmall.1 aSmall.2 aWhale.0 aOther.0 aOther.1 aOther.2 aWhale.1 aOther.3 aOther.4 aOther.5")
}
