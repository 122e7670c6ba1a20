package bulk

import (
	"slices"
	"time"
)

// Span is a stretch of time.
type Span struct{ From, To time.Time }

// Working is when the batch was read, checked and committed, as its processor timed it; ok is
// false for one that is not committed. It is at least a millisecond long.
func (b Batch) Working() (s Span, ok bool) {
	if b.CommittedAt == nil {
		return s, false
	}
	took := max(time.Millisecond, time.Duration(b.ReadMS+b.ValidateMS+b.CommitMS)*time.Millisecond)
	return Span{From: b.CommittedAt.Add(-took), To: *b.CommittedAt}, true
}

// Covered is how long at least one of the spans lasts; it sorts them by their beginning.
func Covered(spans []Span) (total time.Duration) {
	slices.SortFunc(spans, func(a, b Span) int { return a.From.Compare(b.From) })
	var end time.Time
	for _, s := range spans {
		if s.From.After(end) {
			end = s.From
		}
		if s.To.After(end) {
			total += s.To.Sub(end)
			end = s.To
		}
	}
	return total
}

// PerSecond is rows over time, 0 where there is no time.
func PerSecond(rows int64, in time.Duration) float64 {
	if in <= 0 {
		return 0
	}
	return float64(rows) / in.Seconds()
}
