// Package wait is how everything here lets time pass: for a while, again and again, and
// for longer and longer while something fails. Waiting ends with its context, so that
// nothing holds up a process that stops.
//
// [Backoff] is pure: chance is an argument, and what is decided by a clock of one's own
// can use it as well.
package wait

import (
	"context"
	"time"
)

// Backoff says how long to wait after failures: First, and twice as long after each
// further one, up to Longest.
type Backoff struct {
	First, Longest time.Duration
	Jitter         float64 // the share of each wait that is left to chance, 0 to 1, so that many do not come again at once
}

// After returns the wait after so many failures in a row, at least one. chance is from
// [0, 1); the more of it, the shorter the wait.
func (b Backoff) After(failures int, chance float64) time.Duration {
	d := min(b.First, b.Longest)
	for ; failures > 1 && d < b.Longest; failures-- {
		d = min(2*d, b.Longest)
	}
	return d - time.Duration(float64(d)*b.Jitter*chance)
}

// For waits, or returns why ctx ended.
func For(ctx context.Context, d time.Duration) error { return UntilWoken(ctx, d, nil) }

// UntilWoken waits until woken brings something or is closed, at most for a time, or
// returns why ctx ended.
func UntilWoken(ctx context.Context, most time.Duration, woken <-chan struct{}) error {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-woken:
	case <-timer.C:
	}
	return ctx.Err()
}

// Every calls do once in each period until ctx ends, first after one. It returns nil, so
// that it can be one of a group's functions. What takes longer than a period is not
// made up for.
func Every(ctx context.Context, period time.Duration, do func(context.Context)) error {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			do(ctx)
		}
	}
}
