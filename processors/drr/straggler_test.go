package drr_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"bulkhead/processors/drr"
)

// nodes lets a Stragglers see batches that are predicted to take 200 ms and do so but
// for some noise; of every hundred the slow ones are on a node that takes four times that.
func nodes(s *drr.Stragglers, batches, slow int) (fast, slowNode drr.Slowness) {
	rnd := rand.New(rand.NewPCG(1, 1))
	const predicted = 200 * ms
	for i := range batches {
		took := time.Duration(200 * math.Exp(0.25*rnd.NormFloat64()) * float64(ms))
		if i%100 < slow {
			took *= 4
			slowNode = slowNode.Add(took, predicted)
		} else {
			fast = fast.Add(took, predicted)
		}
		s.Add(took, predicted)
	}
	return fast, slowNode
}

func TestStragglersGiveUp(t *testing.T) {
	for _, tt := range []struct {
		name          string
		batches, slow int
		least, most   time.Duration // age at which a second copy is worth it; 0: never
	}{
		{"too little is known", 99, 1, 0, 0},
		{"one batch in a hundred is slow: soon after the others", 5000, 1, 300 * ms, 450 * ms},
		{"all are alike: only what twice outlasts nearly all", 5000, 0, 600 * ms, 900 * ms},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s drr.Stragglers
			fast, _ := nodes(&s, tt.batches, tt.slow)
			after, pays := s.After(200*ms, fast)
			if pays != (tt.most > 0) || after < tt.least || after > tt.most {
				t.Errorf("after %v, %v; want %v to %v", after, pays, tt.least, tt.most)
			}
			if _, pays := s.After(drr.StragglerLeast-1, fast); pays {
				t.Error("a copy of a batch that short costs more than it saves")
			}
		})
	}
}

func TestSlowNodeIsKnown(t *testing.T) {
	var s drr.Stragglers
	fast, slow := nodes(&s, 5000, 2)
	if s.Slow(fast) || s.Slow(0) || !s.Slow(slow) {
		t.Errorf("slow: %v of a usual node, %v of an unknown one, %v of a slow one; want only the last", s.Slow(fast), s.Slow(0), s.Slow(slow))
	}
	if after, pays := s.After(200*ms, slow); !pays || after != 0 {
		t.Errorf("a batch there gets a copy after %v, %v; want at once", after, pays)
	}
	var once drr.Slowness
	if s.Slow(once.Add(time.Hour, 200*ms)) != s.Slow(once.Add(2*time.Second, 200*ms)) {
		t.Error("one measurement counts for more than ten times the predicted time")
	}
}

func TestSecondCopiesHaveABudget(t *testing.T) {
	var s drr.Stragglers
	if s.Afford() {
		t.Error("the first batch may not be worked on twice")
	}
	nodes(&s, 100, 0)
	copies := 0
	for s.Afford() {
		s.Spend()
		copies++
	}
	if copies != 4 && copies != 5 {
		t.Errorf("%d copies for 100 batches, want one for every 20", copies)
	}
	nodes(&s, 100_000, 0)
	for copies = 0; s.Afford(); copies++ {
		s.Spend()
	}
	if copies > 16 {
		t.Errorf("%d copies at once after a long time without, want at most 16", copies)
	}
}
