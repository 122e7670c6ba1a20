package drr_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"bulkhead/processors/drr"
)

// picks takes n slots of 250 ms, each of which gets what it wants, and renders them.
func picks(p *drr.Picker[string], n int) string {
	var out []string
	for range n {
		key, ask, ok := p.Next(false)
		if !ok {
			return strings.Join(append(out, "-"), " ")
		}
		p.Got(key, ask.Lane == drr.Newcomer, 250*ms)
		out = append(out, fmt.Sprintf("%s:%.1s", key, ask.Lane))
	}
	return strings.Join(out, " ")
}

func TestPickerGoesWhereNewcomersAre(t *testing.T) {
	p := drr.NewPicker[string]()
	p.Set("a", drr.Demand{Round: 9}, 0)
	p.Set("b", drr.Demand{Round: 3, Ahead: 2, Fresh: 1}, 0)
	// A burst of 1.25 s, then every other slot; in the round, three to one.
	if got, want := picks(p, 13), "b:n b:n b:n b:n b:n a:r b:n b:r b:n a:r b:n a:r b:n"; got != want {
		t.Errorf("picked\n got %s\nwant %s", got, want)
	}
	p.Set("b", drr.Demand{Round: 3}, 0)
	if got, want := picks(p, 4), "a:r b:r a:r a:r"; got != want {
		t.Errorf("without newcomers\n got %s\nwant %s", got, want)
	}
}

func TestPickerSlotInVainServesTheRound(t *testing.T) {
	p := drr.NewPicker[string]()
	p.Set("a", drr.Demand{Round: 1}, 0)
	p.Set("b", drr.Demand{Ahead: 1, Fresh: 1}, 0)
	if key, ask, _ := p.Next(true); key != "a" || ask.Lane != drr.Round {
		t.Errorf("a slot that looked for a newcomer in vain went to %s for %q, want the round at a", key, ask.Lane)
	}
	p.Set("a", drr.Demand{}, 0)
	p.Set("c", drr.Demand{Ahead: 1, Fresh: 1}, 0)
	if _, ask, ok := p.Next(true); !ok || ask.Lane != drr.Newcomer {
		t.Errorf("it is for %q where only newcomers wait, want them", ask.Lane)
	}
}

// A dispatcher that has everything decides itself.
func TestPickerLeavesItToTheOnlyOne(t *testing.T) {
	p := drr.NewPicker[string]()
	if key, _, ok := p.Next(false); ok {
		t.Errorf("picked %s where nothing is due", key)
	}
	p.Set("a", drr.Demand{Round: 1, Ahead: 1}, 0)
	p.Set("b", drr.Demand{}, 0)
	if key, ask, ok := p.Next(false); !ok || key != "a" || ask.Lane != drr.Anyone {
		t.Errorf("picked %s for %q, want a for anyone", key, ask.Lane)
	}
	p.Remove("a")
	if due := p.Demand("a"); due != (drr.Demand{}) {
		t.Errorf("a removed one has %+v due", due)
	}
}

// Where everybody is in debt, who has come least far is next.
func TestPickerServesDebtorsWhereNobodyElseWaits(t *testing.T) {
	p := drr.NewPicker[string]()
	p.Set("b", drr.Demand{Owing: 1, Virtual: 20}, 0)
	p.Set("a", drr.Demand{Owing: 1, Virtual: 30}, 0)
	if key, _, ok := p.Next(false); !ok || key != "b" {
		t.Errorf("picked %q, want b", key)
	}
	if p.Mean() != 20 {
		t.Errorf("nobody else has work, and the mean is %v, want 20: they owe nobody", p.Mean())
	}
	p.Set("c", drr.Demand{Round: 1, Virtual: 10}, 0)
	if key, ask, _ := p.Next(false); key != "c" || ask.Lane != drr.Round {
		t.Errorf("picked %s for %q, want c for the round", key, ask.Lane)
	}
}

// shared gives 4,000 slots of 10 ms and returns the share of each dispatcher.
func shared(p *drr.Picker[string], cost func(key string) time.Duration) map[string]float64 {
	got, sum := map[string]float64{}, 0.0
	for range 4000 {
		key, _, _ := p.Next(false)
		took := cost(key)
		p.Got(key, false, 10*ms)
		p.Took(key, false, took-10*ms)
		got[key] += took.Seconds()
		sum += took.Seconds()
	}
	for key := range got {
		got[key] /= sum
	}
	return got
}

// Slots are shared by slot time, whatever was predicted, and by what is due.
func TestPickerSharesSlotTime(t *testing.T) {
	p := drr.NewPicker[string]()
	p.Set("a", drr.Demand{Round: 1, Virtual: 50}, 0.3)
	p.Set("b", drr.Demand{Round: 2, Virtual: 50}, 0.3)
	got := shared(p, func(key string) time.Duration { return map[string]time.Duration{"a": 40 * ms, "b": 5 * ms}[key] })
	if math.Abs(got["a"]-1.0/3) > 0.01 {
		t.Errorf("a dispatcher with a third of what is due got %.3f of the slot time", got["a"])
	}
}

// A dispatcher whose accounts are ahead of the mean gets less, one that is θ ahead next
// to nothing: θ is 0.35 s where two slots serve a weight of ten.
func TestPickerDrawsDispatchersToTheMean(t *testing.T) {
	for _, tt := range []struct{ ahead, want float64 }{{0, 0.5}, {0.35, 0.25}, {-0.35, 0.75}, {0.7, 0}, {60, 0}} {
		p := drr.NewPicker[string]()
		p.Set("a", drr.Demand{Round: 5, Virtual: drr.Virtual(50 + tt.ahead), InFlight: 1}, 0)
		p.Set("b", drr.Demand{Round: 5, Virtual: 50, InFlight: 1}, 0)
		got := shared(p, func(string) time.Duration { return 10 * ms })
		if math.Abs(got["a"]-tt.want) > 0.01 {
			t.Errorf("%.2f s ahead, it got %.3f of the slots, want %.2f", tt.ahead, got["a"], tt.want)
		}
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
		{drr.Demand{Owing: 1}, drr.Demand{Virtual: 5}, true},
		{drr.Demand{Owing: 2}, drr.Demand{Owing: 1}, false},
	} {
		if got := tt.due.Exceeds(tt.known); got != tt.want {
			t.Errorf("%+v exceeds %+v: %v", tt.due, tt.known, got)
		}
	}
}

// Earlier versions tell batches of a round in hundredths, where a batch takes a quantum: what
// they tell and what they are told means about the same in both.
func TestDemandOfEarlierVersions(t *testing.T) {
	var got drr.Demand
	if err := json.Unmarshal([]byte(`{"round":1250,"ahead":3}`), &got); err != nil || got != (drr.Demand{Round: 13, Ahead: 1}) {
		t.Errorf("read %+v, %v", got, err)
	}
	told, err := json.Marshal(drr.Demand{Round: 2, Ahead: 1, Fresh: 1, Owing: 4, Virtual: 2.5})
	if want := `{"round":200,"ahead":100,"fresh":100,"owing":4,"virtual":2.5}`; err != nil || string(told) != want {
		t.Errorf("told %s, %v; want %s", told, err, want)
	}
	if err := json.Unmarshal([]byte(`{"round":"a"}`), &got); err == nil {
		t.Error("read what is no number")
	}
}
