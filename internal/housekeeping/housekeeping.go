// Package housekeeping does, beside all other work, what nobody else is left to do:
//
//	every 2 s   the ledger's sweep: imports of processes that died are ended, uploads expire
//	            imports that ended are measured
//	every 10 s  database sessions of ours that are stuck are ended
//	every hour  objects that no ledger row names are deleted
//
// Any number of processes may do it at once. What fails is tried again at the next time.
package housekeeping

import (
	"cmp"
	"context"
	"iter"
	"log/slog"
	"sync"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/objects"
	"bulkhead/internal/wait"
)

// How often what is done.
const (
	sweepEvery   = 2 * time.Second
	reapEvery    = 10 * time.Second
	collectEvery = time.Hour
)

// Ledger knows what was left undone.
type Ledger interface {
	// Now is the time by the clock that processes share.
	Now(ctx context.Context) (time.Time, error)
	// Sweep ends what should have ended. Each failure is an error of its own.
	Sweep(ctx context.Context) (failed []error)
	// FinishedSince lists imports that ended after the time, oldest first.
	FinishedSince(ctx context.Context, since time.Time) ([]bulk.FinishedImport, error)
	// KnownObjects reports which of the keys a batch or part names.
	KnownObjects(ctx context.Context, keys []string) (map[string]bool, error)
	// Reap ends sessions of ours that have been stuck for so long; it returns how many.
	Reap(ctx context.Context, stuckFor time.Duration) (int64, error)
}

// Objects are the staged batches and the parts of spooled files.
type Objects interface {
	List(ctx context.Context, prefix string) iter.Seq2[objects.Info, error]
	Delete(ctx context.Context, key string) error
}

// Config is what a Housekeeper works on. Fields without a stated default are required.
type Config struct {
	Ledger  Ledger
	Objects Objects
	Metrics *Metrics     // default: registered nowhere
	Log     *slog.Logger // default: discard
}

// Housekeeper does it once Run is called.
type Housekeeper struct {
	cfg      Config
	said     map[string]bool // failures of the sweep before
	measured time.Time       // imports that ended by then
}

// New returns a Housekeeper; it does no I/O.
func New(cfg Config) *Housekeeper {
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics(nil)
	}
	return &Housekeeper{cfg: cfg}
}

// Run works until ctx ends. It returns nil.
func (h *Housekeeper) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, job := range []struct {
		every time.Duration
		do    func(context.Context)
	}{{sweepEvery, h.sweep}, {reapEvery, h.reap}, {collectEvery, h.collect}} {
		all.Go(func() {
			job.do(ctx)
			_ = wait.Every(ctx, job.every, job.do)
		})
	}
	all.Wait()
	return nil
}
