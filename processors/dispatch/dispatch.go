// Package dispatch queues batch references and leases them to processors, fairly.
//
//	topic ─References─▶ deliver ─▶ drr.Queue ─▶ Lease ─▶ a processor's slot
//	ledger ──sweep────────┘           ▲            │
//	ledger ──Standing── weights, holds┤            ▼
//	                       back-off ──┴──Retry── Return ──Finished─▶ Done (offset)
//
// A dispatcher owns the accounts whose partitions its consumer group gave it, so
// it knows them exactly: one queue, one count of what is in flight. Processors
// pull, so that which batch runs is decided at the last moment.
//
// What it guarantees:
//   - A batch is leased to one node at a time until its lease ends, unless a
//     partition moved to another dispatcher meanwhile; commits are guarded anyway.
//   - References may come doubled, late or never: duplicates are merged, those
//     whose batch ended are dropped, and the sweep finds what the broker lost.
//   - A batch that takes much longer than its like gets a second copy on another node,
//     within a budget of one in twenty; whichever ends first ends the batch.
//   - What nodes hold when its partition comes here stays theirs and counts as in flight.
//   - An offset is marked only when its batch ended.
//   - Failing batches come again after a back-off that doubles from 0.5 s to 30 s.
//   - A change of weight, a pause, a resume or a cancel acts within 250 ms.
//
// One mutex guards the queue; no I/O happens under it. Every method is safe for
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
	"bulkhead/processors/drr"
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
	refreshEvery = 250 * time.Millisecond // weights, caps, holds and ends
	steerWindow  = 30 * time.Second       // in which a change that was made is committed and clocks agree
	sweepEvery   = 30 * time.Second
	sweepAge     = 30 * time.Second // of a staged batch that nobody delivered
	sweepPage    = 1000
	leaseLeast   = 30 * time.Second
	backoffMin   = 500 * time.Millisecond
	backoffMax   = 30 * time.Second
	ledgerPause  = time.Second // before asking a ledger again that failed
)

// Dispatcher leases batches.
type Dispatcher struct {
	cfg  Config
	work chan struct{} // holds a token when something may have become due

	mu        sync.Mutex
	queue     *drr.Queue
	jobs      map[bulk.BatchID]*job
	accounts  map[bulk.AccountID]*tenant
	imports   map[bulk.ImportID]*standing
	leases    map[uint64]*lease
	slow      []*job // in flight for so long that a second copy pays
	inherited map[bulk.BatchID]inheritance
	backoff   delays
	assigned  map[int32]int32 // partition to generation
	lastLease uint64
	pace      drr.Pace // of all imports
	tail      drr.Stragglers
	nodes     map[bulk.NodeID]drr.Slowness
	estimator drr.Estimator
}

// job is a batch from its first reference to its end.
type job struct {
	ref       bulk.BatchRef
	partition int32
	marks     []bulk.Mark // of every reference to it
	attempts  int         // leases so far
	failures  int         // of these, in a row
	leases    []*lease    // none: it waits; two: the second is a copy
	due       time.Time   // end of its back-off
	delay     int         // its place in the back-off heap, -1: none
}

// lease is what the dispatcher remembers of a granted right.
type lease struct {
	id        uint64
	node      bulk.NodeID
	job       *job          // nil: another copy ended the batch
	predicted time.Duration // slot time
	cost      time.Duration // that was charged, at most a quantum
	granted   time.Time
	expires   time.Time
}

// standing is an import with batches here.
type standing struct {
	account bulk.AccountID
	jobs    int
	delayed int   // of its jobs, those in a back-off
	last    int64 // greatest batch number seen: how large the import is
	held    bool
	pace    drr.Pace
	wait    *expectation // of its first lease, until then
}

// New returns a dispatcher that works once Run is called.
func New(cfg Config) (*Dispatcher, error) {
	if cfg.Ledger == nil || cfg.References == nil {
		return nil, bulk.Errorf(bulk.KindInvalid, "bad_config", "A dispatcher needs a ledger and references.")
	}
	cfg.Seed = cmp.Or(cfg.Seed, rand.Uint64())
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics(nil)
	}
	d := &Dispatcher{
		cfg:       cfg,
		work:      make(chan struct{}, 1),
		jobs:      make(map[bulk.BatchID]*job),
		accounts:  make(map[bulk.AccountID]*tenant),
		imports:   make(map[bulk.ImportID]*standing),
		leases:    make(map[uint64]*lease),
		inherited: make(map[bulk.BatchID]inheritance),
		nodes:     make(map[bulk.NodeID]drr.Slowness),
		assigned:  make(map[int32]int32),
		lastLease: rand.Uint64() >> 16, // a lease of an earlier process is not one of ours
		pace:      drr.StartPace,
	}
	d.queue = drr.New(drr.Config{Quantum: cfg.Quantum, FIFO: cfg.FIFO, Seed: cfg.Seed, Cost: d.predict})
	return d, nil
}

// Run reads references, watches leases and sweeps until ctx ends. It returns the
// error that made references unreadable, or nil.
func (d *Dispatcher) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return d.read(ctx) })
	group.Go(func() error { return every(ctx, tickEvery, d.tick) })
	group.Go(func() error { return every(ctx, refreshEvery, d.refresh) })
	group.Go(func() error { return every(ctx, sweepEvery, d.sweep) })
	if err := group.Wait(); !isCancel(err) {
		return err
	}
	return nil
}

// signal wakes one waiting Lease, which passes the word on while there is work.
func (d *Dispatcher) signal() {
	select {
	case d.work <- struct{}{}:
	default:
	}
}

// tick does what time demands.
func (d *Dispatcher) tick(context.Context) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	d.expire(now)
	d.retryDue(now)
	d.findSlow(now)
	d.disinherit(now)
	d.retire(now)
	d.measure(now)
}

func every(ctx context.Context, period time.Duration, do func(context.Context)) error {
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

// pause waits; false says that ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
