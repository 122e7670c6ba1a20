package app

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"bulkhead/internal/wait"
)

// drainFor bounds how long work in flight may take once a process takes nothing new.
const drainFor = 20 * time.Second

// drain runs the parts of a process, and stops them in the order of the data:
//
//	ctx ends, or a part fails
//	├─ lameDuck ─┤ all goes on, but the process says that it is draining
//	             ├─ takers take nothing new and finish what they have, drainFor at most ─┤
//	                                                    what they lean on ends after them ┤
type drain struct {
	lameDuck time.Duration // so that whoever sends work notices first
	log      *slog.Logger

	takers []func(taking, working context.Context) error
	others []func(ctx context.Context) error
	began  atomic.Bool
}

// take adds parts that need no time to finish.
func (d *drain) take(parts ...func(ctx context.Context) error) {
	for _, run := range parts {
		d.takers = append(d.takers, func(taking, _ context.Context) error { return run(taking) })
	}
}

// finish adds a part that goes on with what it has: with the first context it takes
// nothing new, with the second it stops.
func (d *drain) finish(run func(taking, working context.Context) error) {
	d.takers = append(d.takers, run)
}

// lean adds parts that others need until they have finished.
func (d *drain) lean(parts ...func(ctx context.Context) error) { d.others = append(d.others, parts...) }

// draining reports whether the process is about to stop.
func (d *drain) draining() bool { return d.began.Load() }

// run works until ctx ends or a part fails, then drains.
func (d *drain) run(ctx context.Context) error {
	ctx, fail := context.WithCancel(ctx)
	defer fail()
	behind, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	taking, endTaking := context.WithCancel(behind)
	working, endWorking := context.WithCancel(behind)
	var takers, others errgroup.Group
	watched := func(g *errgroup.Group, run func() error) {
		g.Go(func() error {
			err := run()
			if err != nil {
				d.log.Error("part failed", "error", err)
				fail()
			}
			return err
		})
	}
	for _, run := range d.others {
		watched(&others, func() error { return run(behind) })
	}
	for _, run := range d.takers {
		watched(&takers, func() error { return run(taking, working) })
	}
	takers.Go(func() error {
		<-ctx.Done()
		d.began.Store(true)
		_ = wait.For(behind, d.lameDuck)
		endTaking()
		time.AfterFunc(drainFor, endWorking)
		return nil
	})
	err := takers.Wait()
	endWorking()
	stop()
	return errors.Join(err, others.Wait())
}
