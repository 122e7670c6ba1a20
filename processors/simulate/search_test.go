package simulate

import (
	"reflect"
	"testing"
)

// The search finds within a few plays what clamps let through, at any number of dispatchers, and the same
// seed finds the same.
func TestSearchFindsWhatClampsLetThrough(t *testing.T) {
	a := Attack{Plays: 30, Dispatchers: []int{1, 4}, Seed: 1, design: Designs[1]}
	found, err := Search(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if f.Apart < 2 || f.Decisions < 10_000 {
			t.Errorf("%d dispatchers: %.2f of the bound in %d decisions, want far more than it", f.Dispatchers, f.Apart, f.Decisions)
		}
	}
	if again, err := Search(t.Context(), a); err != nil || !reflect.DeepEqual(found, again) {
		t.Errorf("the same seed found %v and then %v (%v)", found, again, err)
	}
}
