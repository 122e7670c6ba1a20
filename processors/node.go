// Package processors works on staged batches: it leases one a slot, reads and
// validates it, commits it in one transaction and returns the lease with the time
// that it took.
//
//	Dispatcher ─lease─▶ slot ─▶ Ledger.BatchTask ─▶ replay.Reader ─▶ object, hash checked
//	     ▲                                                             │
//	     └──Return── Ledger.Commit ◀── Batch.Validate ◀────────────────┘
//	               (Check for a dry run)
//
// What it guarantees:
//   - A slot holds one batch in memory, so memory is slots times the largest batch.
//   - A lease is extended while work goes on; work on a lost lease is stopped. If it
//     went on regardless, the ledger would still apply the batch once.
//   - What may pass (a busy store, an object store that is away, a shutdown) is
//     tried again for ever, and so is what the database says without speaking of the rows;
//     what will not (a damaged object, a panic) is counted, and the batch quarantined at bulk.MaxFailures.
//   - Draining first stops taking leases, then, when told, stops working.
package processors

import (
	"cmp"
	"context"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/wait"
	"bulkhead/processors/replay"
)

// Config is what a node needs. Zero values of the rest take the defaults.
type Config struct {
	Dispatcher Dispatcher     // required
	Ledger     Ledger         // required
	Batches    *replay.Reader // required

	Node    bulk.NodeID  // Default: a fresh one
	Slots   int          // batches worked on at once. Default: the number of CPUs
	Log     *slog.Logger // Default: discard
	Metrics *Metrics     // Default: not registered anywhere
}

const (
	leasePause   = time.Second     // before asking a dispatcher again that failed
	returnWithin = 5 * time.Second // the return of a lease, shutdown or not
)

// Node is one processor.
type Node struct {
	cfg  Config
	busy atomic.Int32 // slots with a batch
}

// New returns a node that works once Run is called.
func New(cfg Config) (*Node, error) {
	if cfg.Dispatcher == nil || cfg.Ledger == nil || cfg.Batches == nil {
		return nil, bulk.Errorf(bulk.KindInvalid, "bad_config", "A processor needs a dispatcher, a ledger and batches.")
	}
	if cfg.Node == "" {
		cfg.Node = bulk.NewNodeID("node")
	}
	cfg.Slots = cmp.Or(cfg.Slots, runtime.GOMAXPROCS(0))
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics(nil)
	}
	return &Node{cfg: cfg}, nil
}

// Run works in every slot until take ends and what was leased before is done. When
// work ends as well, batches at hand are given back unfinished.
func (n *Node) Run(take, work context.Context) error {
	var slots sync.WaitGroup
	for range n.cfg.Slots {
		slots.Go(func() { n.slot(take, work) })
	}
	slots.Wait()
	return nil
}

// slot works on one batch after the other.
func (n *Node) slot(take, work context.Context) {
	n.cfg.Metrics.idle(1)
	defer n.cfg.Metrics.idle(-1)
	for take.Err() == nil {
		lease, err := n.cfg.Dispatcher.Lease(take, n.cfg.Node)
		switch {
		case err == nil:
			n.setBusy(1)
			n.serve(work, lease)
			n.setBusy(-1)
		case take.Err() == nil:
			n.cfg.Log.WarnContext(take, "no lease from the dispatcher, asking again", "error", err)
			_ = wait.For(take, leasePause)
		}
	}
}

// Busy reports whether a batch is being worked on.
func (n *Node) Busy() bool { return n.busy.Load() > 0 }

func (n *Node) setBusy(by int32) {
	n.busy.Add(by)
	n.cfg.Metrics.busy(float64(by))
}

// serve works on a leased batch and returns the lease.
func (n *Node) serve(work context.Context, lease bulk.Lease) {
	began := time.Now()
	ctx, stop := context.WithCancel(work)
	var keeper sync.WaitGroup
	keeper.Go(func() { n.keep(ctx, stop, lease) })
	result := n.process(ctx, lease)
	outcome := bulk.Outcome{Result: result, Service: time.Since(began)}
	stop()
	keeper.Wait()

	ctx, cancel := context.WithTimeout(context.WithoutCancel(work), returnWithin)
	defer cancel()
	if _, err := n.cfg.Dispatcher.Return(ctx, lease, outcome); err != nil {
		n.cfg.Log.WarnContext(ctx, "lease not returned, it will expire", "batch", lease.Ref.ID().String(), "error", err)
	}
}

// keep extends the lease three times a term, and stops the work when it is lost. A
// dispatcher that does not answer has not taken it away.
func (n *Node) keep(ctx context.Context, stop context.CancelFunc, lease bulk.Lease) {
	_ = wait.Every(ctx, max(lease.Term/3, time.Second), func(ctx context.Context) {
		ok, err := n.cfg.Dispatcher.Extend(ctx, lease)
		if err == nil && !ok {
			n.cfg.Log.WarnContext(ctx, "lease lost, work stopped", "batch", lease.Ref.ID().String())
			stop()
		}
	})
}
