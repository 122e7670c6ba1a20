package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"bulkhead/internal/wait"
)

// failoverResult is what accounts noticed of a dead dispatcher and of processors that
// come and go.
type failoverResult struct {
	Accounts int `json:"accounts"`
	Orphans  int `json:"accounts_of_the_dead"`

	Before    float64 `json:"longest_gap_before_s"`      // between commits of an account, before the kill
	OrphanGap float64 `json:"longest_gap_of_the_dead_s"` // from the kill on
	OtherGap  float64 `json:"longest_gap_of_others_s"`   // from the kill on
	ScaleGap  float64 `json:"longest_gap_while_scaling_s"`

	Rates []scaled `json:"processors"`
	Rows  int64    `json:"rows"` // all exact
}

// scaled is the throughput with so many processors.
type scaled struct {
	Processors int     `json:"processors"`
	PerSec     float64 `json:"batches_per_second"`
}

// The timetable of a failover, from the release on.
const (
	killAfter = 5 * time.Second
	deadFor   = 15 * time.Second // more than the broker needs to notice
	stepFor   = 5 * time.Second  // with each number of processors
)

// failover kills a dispatcher, and scales the processors from one to four and back, while
// eight accounts import.
func (b *bench) failover(ctx context.Context, r *record) error {
	if err := b.order(ctx, "fair"); err != nil {
		return err
	}
	in, err := b.newDataset(ctx, "failover", 0)
	if err != nil {
		return err
	}
	w, err := b.stage(ctx, in, slices.Repeat([]share{{name: "failover", weight: 1, batches: b.many(7)}}, 8)...)
	if err != nil {
		return err
	}
	orphans, others, err := b.split(ctx, w)
	if err != nil {
		return err
	}
	begun, err := b.release(ctx)
	if err != nil {
		return err
	}
	b.serving = ""
	res := &failoverResult{Accounts: len(w), Orphans: len(orphans)}
	killed, steps, err := b.disturb(ctx, begun)
	if err := errors.Join(err, b.repair()); err != nil {
		return err
	}
	if err := settle(ctx, false, w...); err != nil {
		return err
	}
	back := killed.Add(deadFor)
	res.Before = longestGap(w, begun.Add(settling), killed)
	res.OrphanGap, res.OtherGap = longestGap(orphans, killed, back), longestGap(others, killed, back)
	last := steps[len(steps)-1]
	res.ScaleGap = longestGap(w, steps[0].from, last.to)
	for _, s := range steps {
		n := 0
		for _, a := range w {
			n += ended(a.batches(), s.from, s.to)
		}
		res.Rates = append(res.Rates, scaled{s.processors, round(float64(n) / s.to.Sub(s.from).Seconds())})
	}
	for _, a := range w {
		res.Rows += a.next - 1
	}
	if busy := w.allBusyUntil(); busy.Before(last.to) {
		b.say("an account had nothing waiting %.0f s before the end: use a greater -scale", last.to.Sub(busy).Seconds())
	}
	r.Failover = res
	return b.clear(ctx)
}

// split tells the accounts of dispatcher 1 from those of the other.
func (b *bench) split(ctx context.Context, w whales) (first, second whales, err error) {
	q, err := b.queueOf(ctx, 1)
	if err != nil {
		return nil, nil, err
	}
	owned := map[string]bool{}
	for _, a := range q.Accounts {
		owned[a.ID] = a.Waiting > 0
	}
	for _, a := range w {
		if owned[a.id] {
			first = append(first, a)
		} else {
			second = append(second, a)
		}
	}
	if len(first) == 0 || len(second) == 0 {
		return nil, nil, errors.New("chance gave one dispatcher all accounts; run it again")
	}
	return first, second, nil
}

// step is a time with so many processors.
type step struct {
	processors int
	from, to   time.Time
}

// disturb kills dispatcher 1 and starts it again, then scales the processors.
func (b *bench) disturb(ctx context.Context, begun time.Time) (killed time.Time, steps []step, err error) {
	if err := wait.For(ctx, time.Until(begun.Add(killAfter))); err != nil {
		return killed, nil, err
	}
	killed = time.Now()
	b.say("kills dispatcher1")
	if err := script(ctx, nil, "down", "--kill", "dispatcher1"); err != nil {
		return killed, nil, err
	}
	if err := wait.For(ctx, deadFor); err != nil {
		return killed, nil, err
	}
	b.say("starts dispatcher1 again")
	if err := script(ctx, nil, "up", "dispatcher1"); err != nil {
		return killed, nil, err
	}
	for _, s := range []struct {
		processors int
		command    []string
	}{
		{1, []string{"down", "processor2"}},
		{4, []string{"up", "processor2", "processor3", "processor4"}},
		{1, []string{"down", "processor2", "processor3", "processor4"}},
	} {
		b.say("%d processors", s.processors)
		if err := script(ctx, nil, s.command...); err != nil {
			return killed, nil, err
		}
		from := time.Now()
		if err := wait.For(ctx, stepFor); err != nil {
			return killed, nil, err
		}
		steps = append(steps, step{s.processors, from, time.Now()})
	}
	return killed, steps, nil
}

// repair brings the cluster back to what it was, whatever happened.
func (b *bench) repair() error {
	ctx := context.Background()
	return errors.Join(
		script(ctx, nil, "down", "processor3", "processor4"),
		script(ctx, nil, append([]string{"up", "dispatcher1"}, processors...)...),
	)
}

// longestGap is the longest time, in seconds, between two commits of the same account
// between two times, at whose ends an account with work left counts as having committed.
func longestGap(w whales, from, to time.Time) float64 {
	var longest time.Duration
	for _, a := range w {
		at := from
		for _, c := range commits(a, from, to) {
			longest = max(longest, c.Sub(at))
			at = c
		}
		if lastCommit(a.batches()).After(to) {
			longest = max(longest, to.Sub(at))
		}
	}
	return round(longest.Seconds())
}

// commits are the times of an account's commits between two times, in order.
func commits(a *account, from, to time.Time) (times []time.Time) {
	for _, b := range a.batches() {
		if b.Committed.After(from) && b.Committed.Before(to) {
			times = append(times, b.Committed)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	return times
}
