package drr

import (
	"math"
	"time"
)

// Stragglers says when a batch that is in flight is worth a second copy on another
// node. It learns how long batches take in comparison with what was predicted, and
// gives a batch up once what the first attempt may be expected to take still
// exceeds what a fresh one takes, start to end. Where some nodes are slower, that is
// soon after all others would have been done, and at once on a node of which it is
// known, see [Slowness]. Where nodes are alike it is never; what takes twice as long
// as 99 of 100 is given up then, since its node may be gone.
//
// Only a batch that its import waits for is worth it: one of which nothing else waits
// in a queue. So do the backup tasks of MapReduce (Dean and Ghemawat, 2004), which
// begin when a job is close to its end. And like the hedged requests of "The Tail at
// Scale" (Dean and Barroso, 2013), second copies have a budget, one for every 20
// batches that were granted, so that a cluster that is slow as a whole does not work
// on everything twice.
//
// The zero Stragglers has learnt nothing. It is not safe for concurrent use.
type Stragglers struct {
	took   [ratios]float64 // batches by actual ÷ predicted
	total  float64
	fresh  int     // batches since the threshold was computed
	after  float64 // the threshold, actual ÷ predicted; 0: too little is known
	mean   float64 // actual ÷ predicted; 0: too little is known
	budget float64 // second copies that may be granted now
}

const (
	ratios     = 96   // buckets of actual ÷ predicted
	perOctave  = 8    // of these, so that one is 9 % wide
	belowOne   = 32   // of these, under 1
	enough     = 100  // batches before anything is said
	minTail    = 3    // batches that make a tail
	decayAfter = 8192 // batches, after which the past counts half
	recompute  = 50   // batches
	copyBudget = 0.05 // of the batches
	maxBudget  = 16

	tooSlow     = 2   // times the mean
	maxSlowness = 10  // of one measurement, so that one alone says little
	smoothing   = 0.2 // weight of the newest batch in a node's average
)

// StragglerLeast is the least predicted slot time of a batch that gets a second copy:
// under it, the round trips cost more than they save.
const StragglerLeast = 50 * time.Millisecond

// Add takes in what an attempt took, the slower one of two included: if the copy's
// were the only ones, nothing would be known of slow nodes.
func (s *Stragglers) Add(took, predicted time.Duration) {
	s.took[bucketOf(float64(took)/float64(max(predicted, 1)))]++
	s.total++
	s.budget = min(s.budget+copyBudget, maxBudget)
	if s.total >= decayAfter {
		s.total = 0
		for i := range s.took {
			s.took[i] /= 2
			s.total += s.took[i]
		}
	}
	if s.fresh++; s.fresh >= recompute && s.total >= enough {
		s.fresh = 0
		s.after, s.mean = s.threshold()
	}
}

// After returns the age at which a batch with this predicted slot time is worth a
// second copy, when it is on a node like this; false: it is never, or too little is known.
func (s *Stragglers) After(predicted time.Duration, on Slowness) (time.Duration, bool) {
	switch {
	case predicted < StragglerLeast:
		return 0, false
	case s.Slow(on):
		return 0, true
	}
	return time.Duration(s.after * float64(predicted)), s.after > 0
}

// Slow reports whether a node takes so much longer than all do on average that a fresh
// attempt elsewhere is done before.
func (s *Stragglers) Slow(node Slowness) bool {
	return s.mean > 0 && float64(node) >= tooSlow*s.mean
}

// Slowness is how many times longer than predicted a node takes: a moving average. The
// zero Slowness is that of a node of which nothing is known.
type Slowness float64

// Add takes in what a batch took on the node.
func (n Slowness) Add(took, predicted time.Duration) Slowness {
	got := Slowness(float64(took) / float64(max(predicted, 1)))
	if n == 0 {
		return 1 + smoothing*(min(got, maxSlowness)-1)
	}
	return n + smoothing*(min(got, maxSlowness)-n)
}

// Afford reports whether the budget has room for a second copy.
func (s *Stragglers) Afford() bool { return s.budget >= 1 }

// Spend takes a second copy out of the budget.
func (s *Stragglers) Spend() { s.budget-- }

// threshold returns the least actual ÷ predicted from which the mean time that is left
// exceeds the mean of a fresh attempt, or if there is none twice what 99 of 100 batches
// stay under, and this mean. It looks from the longest to shorter ones.
func (s *Stragglers) threshold() (after, mean float64) {
	for i, n := range s.took {
		mean += n * middle(i)
	}
	mean /= s.total
	count, sum, p99 := 0.0, 0.0, 0.0
	for i := ratios - 1; i >= belowOne; i-- {
		count += s.took[i]
		sum += s.took[i] * middle(i)
		if count >= minTail && sum/count-edgeOf(i) > mean {
			after = edgeOf(i)
		}
		if p99 == 0 && count > s.total/100 {
			p99 = edgeOf(i + 1)
		}
	}
	if after == 0 {
		after = 2 * max(p99, 1)
	}
	return after, mean
}

func bucketOf(ratio float64) int {
	i := belowOne + int(math.Floor(perOctave*math.Log2(max(ratio, 1e-9))))
	return min(max(i, 0), ratios-1)
}

// edgeOf is the least ratio in a bucket, middle a typical one.
func edgeOf(bucket int) float64 { return math.Exp2(float64(bucket-belowOne) / perOctave) }
func middle(bucket int) float64 { return math.Exp2((float64(bucket-belowOne) + 0.5) / perOctave) }
