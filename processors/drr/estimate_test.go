package drr

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// Whatever is derived wrongly, half of the waits end before the median estimate
// and nine in ten before the upper one.
func TestEstimatesCalibrateThemselves(t *testing.T) {
	for _, tt := range []struct {
		name   string
		factor func(i int, rnd *rand.Rand) float64 // real over derived
	}{
		{"derived right, noisy", func(_ int, r *rand.Rand) float64 { return math.Exp(r.NormFloat64() * 0.7) }},
		{"ten times too little", func(_ int, r *rand.Rand) float64 { return 10 * math.Exp(r.NormFloat64()*0.3) }},
		{"ten times too much", func(_ int, r *rand.Rand) float64 { return 0.1 * r.ExpFloat64() }},
		{"worse and worse", func(i int, r *rand.Rand) float64 { return (1 + float64(i)/500) * r.ExpFloat64() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var e Estimator
			rnd := rand.New(rand.NewPCG(1, 2))
			for i := range 4000 {
				derived := time.Second + time.Duration(rnd.Int64N(int64(time.Minute)))
				median, upper := e.Estimate(derived)
				if median > upper || median <= 0 {
					t.Fatalf("after %d: estimates %v and %v", i, median, upper)
				}
				e.Observe(derived, median, upper, time.Duration(float64(derived)*tt.factor(i, rnd)))
			}
			c := e.Calibration()
			half, most := float64(c.Median)/float64(c.Waits), float64(c.Upper)/float64(c.Waits)
			if c.Waits != 4000 || half < 0.47 || half > 0.53 || most < 0.87 || most > 0.93 {
				t.Errorf("%d waits, %.3f within the median estimate, %.3f within the upper one; want 0.5 and 0.9", c.Waits, half, most)
			}
		})
	}
}

// A thousand imports that came at once were all told too little. The next is told what
// is right, not a thousand times as much.
func TestManyWaitsAtOnceDoNotMoveEstimatesTooFar(t *testing.T) {
	var e Estimator
	median, upper := e.Estimate(time.Second)
	for range 1000 {
		e.Observe(time.Second, median, upper, 20*time.Second)
	}
	if median, upper = e.Estimate(time.Second); median < 15*time.Second || upper > 30*time.Second {
		t.Errorf("estimates %v and %v, want about 20 s", median, upper)
	}
}
