package drr_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"bulkhead/processors/drr"
)

// However weights differ, an option is never more than two choices off its share.
func TestStrideSchedulerKeepsShares(t *testing.T) {
	var c drr.StrideScheduler[string]
	weights := map[string]int{"a": 100, "b": 500, "c": 37, "none": 0}
	for key, w := range weights {
		c.Set(key, w, rand.Float64())
	}
	got := map[string]float64{}
	for n := 1; n <= 10_000; n++ {
		key, ok := c.Next()
		if !ok {
			t.Fatal("nothing was chosen")
		}
		got[key]++
		for k, w := range weights {
			if due := float64(n*w) / float64(c.Total()); math.Abs(got[k]-due) > 2 {
				t.Fatalf("after %d choices %s had %v, due were %.1f", n, k, got[k], due)
			}
		}
	}
}

func TestStrideSchedulerFollowsChanges(t *testing.T) {
	var c drr.StrideScheduler[string]
	if key, ok := c.Next(); ok {
		t.Fatalf("%s was chosen of nothing", key)
	}
	next := func(want string) {
		t.Helper()
		if got, _ := c.Next(); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	c.Set("a", 1, 0)
	c.Set("b", 1, 0.5)
	for range 3 {
		next("a")
		next("b")
	}
	c.Set("b", 0, 0)
	next("a")
	next("a")
	c.Set("b", 3, 0.5) // it is due soon, and has saved nothing up
	counts := map[string]int{}
	for range 8 {
		k, _ := c.Next()
		counts[k]++
	}
	if counts["b"] < 5 || counts["b"] > 7 {
		t.Errorf("%v of 8 choices, want about 6 for b", counts)
	}
	c.Remove("a")
	next("b")
	if c.Weight("a") != 0 || c.Weight("b") != 3 || c.Total() != 3 {
		t.Errorf("weights %d and %d of %d, want 0 and 3 of 3", c.Weight("a"), c.Weight("b"), c.Total())
	}
}
