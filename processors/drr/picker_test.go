package drr_test

import (
	"fmt"
	"strings"
	"testing"

	"bulkhead/processors/drr"
)

// picks takes n slots, each of which gets what it wants, and renders them.
func picks(p *drr.Picker[string], n int) string {
	var out []string
	for range n {
		key, want, ok := p.Next(false)
		if !ok {
			return strings.Join(append(out, "-"), " ")
		}
		p.Got(want == drr.Newcomer)
		out = append(out, fmt.Sprintf("%s:%.1s", key, want))
	}
	return strings.Join(out, " ")
}

func TestPickerGoesWhereNewcomersAre(t *testing.T) {
	p := drr.NewPicker[string]()
	p.Set("a", drr.Demand{Round: 300}, 0)
	p.Set("b", drr.Demand{Round: 100, Ahead: 200}, 0)
	// A burst of five, then every other slot; in the round, three to one.
	if got, want := picks(p, 13), "b:n b:n b:n b:n b:n a:r b:n b:r b:n a:r b:n a:r b:n"; got != want {
		t.Errorf("picked\n got %s\nwant %s", got, want)
	}
	p.Set("b", drr.Demand{Round: 100}, 0)
	if got, want := picks(p, 4), "a:r b:r a:r a:r"; got != want {
		t.Errorf("without newcomers\n got %s\nwant %s", got, want)
	}
}

func TestPickerSlotInVainServesTheRound(t *testing.T) {
	p := drr.NewPicker[string]()
	p.Set("a", drr.Demand{Round: 100}, 0)
	p.Set("b", drr.Demand{Ahead: 100}, 0)
	if key, want, _ := p.Next(true); key != "a" || want != drr.Round {
		t.Errorf("a slot that looked for a newcomer in vain went to %s for %q, want the round at a", key, want)
	}
	p.Set("a", drr.Demand{}, 0)
	p.Set("c", drr.Demand{Ahead: 100}, 0)
	if _, want, ok := p.Next(true); !ok || want != drr.Newcomer {
		t.Errorf("it is for %q where only newcomers wait, want them", want)
	}
}

// A dispatcher that has everything decides itself.
func TestPickerLeavesItToTheOnlyOne(t *testing.T) {
	p := drr.NewPicker[string]()
	if key, _, ok := p.Next(false); ok {
		t.Errorf("picked %s where nothing is due", key)
	}
	p.Set("a", drr.Demand{Round: 100, Ahead: 100}, 0)
	p.Set("b", drr.Demand{}, 0)
	if key, want, ok := p.Next(false); !ok || key != "a" || want != drr.Anyone {
		t.Errorf("picked %s for %q, want a for anyone", key, want)
	}
	p.Remove("a")
	if due := p.Demand("a"); due != (drr.Demand{}) {
		t.Errorf("a removed one has %+v due", due)
	}
}

func TestDemandExceedsWhatIsKnown(t *testing.T) {
	for _, tt := range []struct {
		due, known drr.Demand
		want       bool
	}{
		{drr.Demand{}, drr.Demand{}, false},
		{drr.Demand{Round: 1}, drr.Demand{}, true},
		{drr.Demand{Ahead: 1}, drr.Demand{Round: 100}, true},
		{drr.Demand{Round: 90}, drr.Demand{Round: 80}, false}, // noise
		{drr.Demand{Round: 91}, drr.Demand{Round: 80}, true},
		{drr.Demand{Round: 70, Ahead: 8}, drr.Demand{Round: 80, Ahead: 8}, false},
	} {
		if got := tt.due.Exceeds(tt.known); got != tt.want {
			t.Errorf("%+v exceeds %+v: %v", tt.due, tt.known, got)
		}
	}
}
