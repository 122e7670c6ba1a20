package drr

import "time"

// Pace is a moving average of the slot time of one row, in nanoseconds. The zero
// Pace knows nothing yet.
type Pace float64

// StartPace is what to assume before a batch was seen.
const StartPace Pace = 20_000

// smoothing is the weight of the newest batch.
const smoothing = 0.2

// Add takes in what a batch took. One stray measurement moves the average by a
// bounded factor.
func (p Pace) Add(took time.Duration, rows int64) Pace {
	got := Pace(took) / Pace(max(rows, 1))
	return p + smoothing*(min(max(got, p/4), 4*p)-p)
}

// Predict returns the slot time of a batch.
func (p Pace) Predict(rows int64) time.Duration {
	return time.Duration(p * Pace(max(rows, 1)))
}
