package main

import (
	"context"
	"slices"
	"time"
)

// play is small imports beside whales, for a time.
type play struct {
	whales whales
	others []*account // that have no work of their own all the time
	small  []*account
	times  []time.Duration // after a head start, when small imports arrive
	cut    bool            // what is left of whales is cancelled when all small imports have ended

	// beside, if it is there, is done from the release on, until its context ends.
	beside func(context.Context) error

	begun       time.Time
	sent        []*importing // by the small ones
	over        time.Time    // all small imports have ended
	cpus        map[string]float64
	calibration calibration
}

// play lets the whales go, whose batches are staged, sends the small imports at their times, and
// wants all to be exact.
func (b *bench) play(ctx context.Context, p *play) (err error) {
	if p.begun, err = b.release(ctx); err != nil {
		return err
	}
	told := b.estimates(ctx)
	before, err := b.look(ctx)
	if err != nil {
		return err
	}
	beside, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() {
		if p.beside == nil {
			done <- nil
			return
		}
		done <- p.beside(beside)
	}()
	if p.sent, err = b.sendAt(ctx, p.small, p.begun.Add(headStart), p.times); err != nil {
		return err
	}
	if err := settle(ctx, false, p.small...); err != nil {
		return err
	}
	p.over = time.Now()
	stop()
	after, err := b.look(ctx)
	if err != nil {
		return err
	}
	p.cpus = after.since(before)
	if err := <-done; err != nil {
		return err
	}
	p.calibration = b.estimates(ctx).since(told)
	return settle(ctx, p.cut, append(slices.Clone(p.whales), p.others...)...)
}

// until is when the first whale had nothing waiting any more, or it was over.
func (p play) until() time.Time {
	busy := p.whales.allBusyUntil()
	if len(p.whales) == 0 || p.cut && p.over.Before(busy) {
		return p.over
	}
	return busy
}

// estimates counts how all dispatchers' estimates of waits turned out.
func (b *bench) estimates(ctx context.Context) (c calibration) {
	for _, q := range b.queues(ctx) {
		c.Waits += q.Waits
		c.Median += q.Median
		c.Upper += q.Upper
	}
	return c
}

func (c calibration) since(o calibration) calibration {
	return calibration{c.Waits - o.Waits, c.Median - o.Median, c.Upper - o.Upper}
}
