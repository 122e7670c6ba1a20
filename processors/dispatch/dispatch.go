// Package dispatch leases staged batches to processors: the shell of
// [bulkhead/processors/schedule], which decides, with a lock, timers and ports.
//
//	topic ─References─▶ deliver ─▶ ┌───────────┐ ─Lease─▶ a processor's slot
//	ledger ──sweep───────────────▶ │ Scheduler │
//	ledger ──Controls─────────────▶└───────────┘ ◀─Return─
//
// A dispatcher owns the accounts whose partitions its consumer group gave it, so
// it knows them exactly: one queue, one count of what is in flight. Processors
// pull, so that which batch runs is decided at the last moment.
//
// What it guarantees beside what the scheduler does:
//   - References may come doubled, late or never: those whose batch ended are dropped,
//     and the sweep finds what the broker lost.
//   - An offset is marked only when its batch ended.
//   - A change of weight, a pause, a resume or a cancel acts within 250 ms.
//
// One mutex guards the scheduler; no I/O happens under it. Every method is safe for
// concurrent use.
package dispatch

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"bulkhead/internal/bulk"
	"bulkhead/internal/wait"
	"bulkhead/processors/schedule"
)

// Config is what a dispatcher needs. Zero values of the rest take the defaults.
type Config struct {
	Ledger     Ledger     // required
	References References // required
	Holders    Holders    // what processors hold. Default: nobody is asked, as where there is one dispatcher

	Quantum time.Duration // see [drr.Config]. Default 250 ms
	FIFO    bool          // see [drr.Config]
	Seed    uint64        // of the order in which rounds start. Default: random
	Log     *slog.Logger  // Default: discard
	Metrics *Metrics      // Default: not registered anywhere
}

// The rhythm of a dispatcher.
const (
	tickEvery    = 100 * time.Millisecond // leases, back-offs, slow batches
	refreshEvery = 250 * time.Millisecond // weights, caps, pauses and ends
	steerWindow  = 30 * time.Second       // in which a change that was made is committed and clocks agree
	sweepEvery   = 30 * time.Second
	sweepAge     = 30 * time.Second // of a staged batch that nobody delivered
	sweepPage    = 1000
	ledgerPause  = time.Second // before asking a ledger again that failed
)

// Dispatcher leases batches.
type Dispatcher struct {
	cfg Config

	mu       sync.Mutex
	schedule *schedule.Scheduler
	waiters  waiters // for something to become due
}

// New returns a dispatcher that works once Run is called.
func New(cfg Config) (*Dispatcher, error) {
	if cfg.Ledger == nil || cfg.References == nil {
		return nil, bulk.Errorf(bulk.KindInvalid, "bad_config", "A dispatcher needs a ledger and references.")
	}
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics(nil)
	}
	d := &Dispatcher{cfg: cfg}
	d.schedule = schedule.New(schedule.Config{
		Quantum: cfg.Quantum, FIFO: cfg.FIFO, Seed: cmp.Or(cfg.Seed, rand.Uint64()),
		FirstLease:  rand.Uint64() >> 16, // a lease of an earlier process is not one of ours
		PartitionOf: cfg.References.PartitionOf, Observer: observer{d},
	})
	return d, nil
}

// Run reads references, watches leases and sweeps until ctx ends. It returns the
// error that made references unreadable, or nil.
func (d *Dispatcher) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return d.read(ctx) })
	group.Go(func() error { return wait.Every(ctx, tickEvery, d.tick) })
	group.Go(func() error { return wait.Every(ctx, refreshEvery, d.refresh) })
	group.Go(func() error { return wait.Every(ctx, sweepEvery, d.sweep) })
	if err := group.Wait(); !isCancel(err) {
		return err
	}
	return nil
}

// tick does what time demands, and keeps the gauges up to date.
func (d *Dispatcher) tick(context.Context) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	d.schedule.Tick(now)
	waiting, oldest := d.schedule.Waiting(now)
	d.cfg.Metrics.Waiting.Set(float64(waiting))
	d.cfg.Metrics.Oldest.Set(oldest.Seconds())
	d.cfg.Metrics.apart(d.schedule.Latest())
}
