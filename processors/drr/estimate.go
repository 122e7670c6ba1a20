package drr

import (
	"math"
	"time"

	"bulkhead/internal/bulk"
)

// Estimator turns waits that were derived from queue lengths into two estimates that
// hold: half of the waits are to end before the first, nine in ten before the second.
// It compares each wait with what it said and moves its factors a little each time, up
// by much where it said too little, down by little where it said too much; whatever
// is derived wrongly, the shares of waits within the estimates approach one half
// and nine tenths (Gibbs and Candès 2021, adaptive conformal inference).
//
// The zero Estimator has seen nothing. It is not safe for concurrent use.
type Estimator struct {
	median, spread float64 // logarithms of the factors: of the median, and of the upper one over it
	seen           bulk.Calibration
}

// How an estimator begins and moves.
const (
	firstSpread   = 1.1  // the upper estimate is three times the median at first
	estimatorStep = 0.05 // about 5 % an observation
	warmupStep    = 0.25 // is added to it at first; after 40 observations a fifth of it is left
	leastWait     = time.Millisecond
)

// Estimate returns the two estimates for a derived wait; zero stays zero.
func (e *Estimator) Estimate(derived time.Duration) (median, upper time.Duration) {
	m := float64(derived) * math.Exp(e.median)
	return time.Duration(m), time.Duration(m * math.Exp(firstSpread+e.spread))
}

// Observe takes in how long a wait really was that was derived so and for which the
// estimates were these, and learns from it. What it learns is compared with what it
// would say now, so that a thousand waits that were estimated at once, before anything
// was known of any, do not move it a thousand times too far.
func (e *Estimator) Observe(derived, median, upper, took time.Duration) {
	took = max(took, leastWait) // shorter is as good as none
	step := estimatorStep + warmupStep/(1+float64(e.seen.Waits)/10)
	e.seen.Waits++
	if took <= median {
		e.seen.Median++
	}
	if took <= upper {
		e.seen.Upper++
	}
	median, upper = e.Estimate(derived)
	m := step * moved(took, median, 0.5)
	e.median += m
	e.spread = max(e.spread-m+step*moved(took, upper, 0.9), -firstSpread) // the upper is never below the median
}

// moved is the subgradient of the quantile loss: its mean is zero where the estimate
// is the quantile p.
func moved(took, estimate time.Duration, p float64) float64 {
	if took > estimate {
		return p
	}
	return p - 1
}

// Calibration counts the waits that were observed.
func (e *Estimator) Calibration() bulk.Calibration { return e.seen }
