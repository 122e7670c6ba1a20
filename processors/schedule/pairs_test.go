package schedule

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
)

// If any pair has that much of its bound, one is found that has, of whatever dispatchers.
func TestNoPairBeyondALevelIsOverlooked(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	missed := 0
	for range 20_000 {
		c := bulk.Measured{Slots: 1 + r.IntN(200), Nodes: 1 + r.IntN(20)}
		var all, sent []bulk.LagWindow
		n := 0
		for range 1 + r.IntN(3) {
			w := bulk.LagWindow{Least: 1 + r.IntN(3), LongestMS: 1000, Length: time.Minute}
			for range 1 + r.IntN(6) {
				n++
				v := bulk.Served{Account: bulk.AccountID(fmt.Sprint(n)), Weight: 1 + r.IntN(16), SlotMS: 20_000 * r.Float64() * r.Float64(), InFlight: r.IntN(4), LongestMS: 1000 * r.Float64()}
				w.Furthest, w.Weight, w.Accounts = append(w.Furthest, v), w.Weight+v.Weight, w.Accounts+1
			}
			all = append(all, w)
			w.Furthest = furthest(w.Furthest)
			sent = append(sent, w)
		}
		found := worst(c, sent)
		worst := exhaust(c, all)
		if (worst == nil) != (found == nil) {
			t.Fatalf("found %+v, worst is %+v", found, worst)
		}
		if worst == nil {
			continue
		}
		for _, level := range []float64{0.25, 0.5, 1} {
			if worst.Ratio >= level && found.Ratio < level-1e-9 {
				t.Fatalf("found %.3f, but the worst is %.3f", found.Ratio, worst.Ratio)
			}
		}
		if found.Ratio < worst.Ratio {
			missed++
		}
	}
	t.Logf("of 20,000 windows a worse pair below the next level was overlooked in %d", missed)
}

// exhaust tries every pair.
func exhaust(c bulk.Measured, windows []bulk.LagWindow) (worst *bulk.Pair) {
	for i, from := range windows {
		for j, to := range windows {
			for _, a := range from.Furthest {
				for _, b := range to.Furthest {
					one, other := from, to
					one.Furthest, other.Furthest = []bulk.Served{a}, []bulk.Served{b}
					switch {
					case a.Account == b.Account || per(a) < per(b):
					case i == j:
						of := drr.Contention{Least: from.Least}
						worst = worse(worst, pair(a, b, of))
					default:
						of := drr.Contention{Slots: c.Slots, Nodes: c.Nodes, Least: min(from.Least, to.Least), At: [2]int{from.Weight, to.Weight}, Longest: time.Second}
						for _, w := range windows {
							of.Weight += w.Weight
						}
						worst = worse(worst, pair(a, b, of))
					}
				}
			}
		}
	}
	return worst
}

// A pair may be of two dispatchers, whose windows are the same.
func TestPairsOfTwoDispatchers(t *testing.T) {
	one, two := newHall(t, 3, Config{}), newHall(t, 1, Config{})
	one.join("much", 1, 200*time.Millisecond)
	two.join("little", 1, 200*time.Millisecond)
	one.run(65 * time.Second)
	two.run(65 * time.Second)
	lag := Lag(one.now, bulk.Measured{Queues: []bulk.Queue{one.s.View(one.now), told(t, two.s.View(two.now))}, Slots: 4, Nodes: 2})
	p := lag.Latest
	if p == nil || p.Ahead.Account != "much" || p.Behind.Account != "little" || p.DispatchersMS == 0 {
		t.Fatalf("the pair is %+v", p)
	}
	if sum := p.RoundsMS + p.DispatchersMS + p.Ahead.UnsettledMS + p.Behind.UnsettledMS; sum < p.BoundMS-1e-6 || sum > p.BoundMS+1e-6 {
		t.Errorf("the parts of the bound sum up to %v, not %v", sum, p.BoundMS)
	}
	silent := Lag(one.now, bulk.Measured{Queues: []bulk.Queue{one.s.View(one.now)}, Silent: true})
	for _, m := range silent.Minutes {
		if m.Complete {
			t.Fatal("a minute is complete although a dispatcher is silent")
		}
	}
}

// told is what another process hears of a queue.
func told(t *testing.T, q bulk.Queue) (heard bulk.Queue) {
	t.Helper()
	b, err := json.Marshal(q)
	if err == nil {
		err = json.Unmarshal(b, &heard)
	}
	if err != nil {
		t.Fatal(err)
	}
	return heard
}
