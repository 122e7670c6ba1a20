package drr

import "time"

// RowCost is a moving average of the slot time of one row, in nanoseconds. The zero
// RowCost knows nothing yet.
type RowCost float64

// FirstRowCost is what to assume before a batch was seen.
const FirstRowCost RowCost = 20_000

// smoothing is the weight of the newest batch.
const smoothing = 0.2

// Add takes in what a batch took. One stray measurement moves the average by a
// bounded factor.
func (p RowCost) Add(took time.Duration, rows int64) RowCost {
	got := RowCost(took) / RowCost(max(rows, 1))
	return p + smoothing*(min(max(got, p/4), 4*p)-p)
}

// Predict returns the slot time of a batch.
func (p RowCost) Predict(rows int64) time.Duration {
	return time.Duration(p * RowCost(max(rows, 1)))
}
