package dispatch

import (
	"time"

	"bulkhead/internal/bulk"
)

// pace is a moving average of the slot time of one row, in nanoseconds.
type pace float64

// startPace is what a dispatcher assumes before it has seen a batch.
const startPace pace = 20_000

// smoothing is the weight of the newest batch.
const smoothing = 0.2

// add takes a batch in. One stray measurement moves the average by a bounded factor.
func (p pace) add(took time.Duration, rows int64) pace {
	got := pace(took) / pace(max(rows, 1))
	return p + smoothing*(min(max(got, p/4), 4*p)-p)
}

// predict estimates a batch's slot time by its import's average, or by that of
// all imports for one that has none yet.
func (d *Dispatcher) predict(ref bulk.BatchRef) time.Duration {
	p := d.pace
	if imp := d.imports[ref.Import]; imp != nil && imp.pace > 0 {
		p = imp.pace
	}
	return time.Duration(p * pace(max(ref.Rows, 1)))
}

// learn takes in what a finished batch took.
func (d *Dispatcher) learn(j *job, took time.Duration) {
	if took <= 0 {
		return
	}
	imp := d.imports[j.ref.Import]
	if imp.pace == 0 {
		imp.pace = d.pace
	}
	imp.pace = imp.pace.add(took, j.ref.Rows)
	d.pace = d.pace.add(took, j.ref.Rows)
}
