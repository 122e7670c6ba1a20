package drr

import (
	"math"
	"time"
)

// Stragglers says when a batch that is in flight is worth a second copy on another
// node. It learns how long batches take in comparison with what was predicted, and
// gives a batch up once what the first attempt may be expected to take still
// exceeds what a fresh one takes, start to end. Where nodes are alike that is
// never; where some are slower it is soon after all others would have been done.
//
// Like the hedged requests of Dean and Barroso, "The Tail at Scale" (2013), second
// copies have a budget: one for every 20 batches that were granted, so that a
// cluster that is slow as a whole does not work on everything twice.
//
// The zero Stragglers has learnt nothing. It is not safe for concurrent use.
type Stragglers struct {
	took   [ratios]float64 // batches by actual ÷ predicted
	total  float64
	fresh  int     // batches since the threshold was computed
	after  float64 // the threshold, actual ÷ predicted; 0: none pays
	budget float64 // second copies that may be granted now
}

const (
	ratios     = 96   // buckets of actual ÷ predicted
	perOctave  = 8    // of these, so that one is 9 % wide
	belowOne   = 32   // of these, under 1
	enough     = 100  // batches before anything is said
	telling    = 3    // batches that make a tail
	memory     = 8192 // batches, after which the past counts half
	recompute  = 50   // batches
	copyBudget = 0.05 // of the batches
	maxBudget  = 16
)

// StragglerLeast is the least age of a batch that gets a second copy: under it, the
// round trips cost more than they save.
const StragglerLeast = 100 * time.Millisecond

// Add takes in what an attempt took, the slower one of two included: if the copy's
// were the only ones, nothing would be known of slow nodes.
func (s *Stragglers) Add(took, predicted time.Duration) {
	s.took[bucketOf(float64(took)/float64(max(predicted, 1)))]++
	s.total++
	s.budget = min(s.budget+copyBudget, maxBudget)
	if s.total >= memory {
		s.total = 0
		for i := range s.took {
			s.took[i] /= 2
			s.total += s.took[i]
		}
	}
	if s.fresh++; s.fresh >= recompute && s.total >= enough {
		s.fresh = 0
		s.after = s.threshold()
	}
}

// After returns the age at which a batch with this predicted slot time is worth a
// second copy; false: none is, or too little is known.
func (s *Stragglers) After(predicted time.Duration) (time.Duration, bool) {
	if s.after == 0 {
		return 0, false
	}
	return max(time.Duration(s.after*float64(predicted)), StragglerLeast), true
}

// Afford reports whether the budget has room for a second copy.
func (s *Stragglers) Afford() bool { return s.budget >= 1 }

// Spend takes a second copy out of the budget.
func (s *Stragglers) Spend() { s.budget-- }

// threshold returns the least actual ÷ predicted from which the mean time that is
// left exceeds the mean of a fresh attempt; 0: there is none.
func (s *Stragglers) threshold() float64 {
	mean := 0.0
	for i, n := range s.took {
		mean += n * middle(i)
	}
	mean /= s.total
	after, count, sum := 0.0, 0.0, 0.0
	for i := ratios - 1; i >= belowOne; i-- {
		count += s.took[i]
		sum += s.took[i] * middle(i)
		if count >= telling && sum/count-edgeOf(i) > mean {
			after = edgeOf(i)
		}
	}
	return after
}

func bucketOf(ratio float64) int {
	i := belowOne + int(math.Floor(perOctave*math.Log2(max(ratio, 1e-9))))
	return min(max(i, 0), ratios-1)
}

// edgeOf is the least ratio in a bucket, middle a typical one.
func edgeOf(bucket int) float64 { return math.Exp2(float64(bucket-belowOne) / perOctave) }
func middle(bucket int) float64 { return math.Exp2((float64(bucket-belowOne) + 0.5) / perOctave) }
