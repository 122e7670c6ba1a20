package mirror

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/wait"
)

// Config says what the mirror copies and to where.
type Config struct {
	Engine  Engine
	Ledger  Ledger
	Applied Applied
	Feed    Feed         // nil: the ledger alone is asked
	Log     *slog.Logger // default: discard

	Linger time.Duration // how long the first reference waits for others; default 300 ms
	Sweep  time.Duration // between looks at the ledger; default 2 s
	Grace  time.Duration // before the sweep takes a batch that the feed may still bring; default 3 s with a feed
}

// The bounds of one round.
const (
	groupBatches = 32 // batches of one round: few large inserts instead of many small ones
	groupImports = 200
	longestPause = 15 * time.Second // between attempts while something is down
)

// Mirror copies. One goroutine does all the work, so rounds never overlap.
type Mirror struct {
	cfg      Config
	prepared bool                            // the tables of imports are there
	tables   map[bulk.DatasetName]int        // columns of the dataset tables that are there
	accounts map[bulk.AccountID]bulk.Account // as last written
	written  map[bulk.ImportID]int64         // versions of imports in flight, as last written
	failures int                             // in a row
	logged   map[bulk.BatchID]struct{}       // batches whose failure was logged
	hints    chan []bulk.Message             // from the feed
	answered atomic.Pointer[time.Time]       // when the engine did last; nil: never
}

// New returns a mirror that works once Run is called.
func New(cfg Config) (*Mirror, error) {
	if cfg.Engine == nil || cfg.Ledger == nil || cfg.Applied == nil {
		return nil, errors.New("mirror: Engine, Ledger and Applied are required")
	}
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	cfg.Linger = cmp.Or(cfg.Linger, 300*time.Millisecond)
	cfg.Sweep = cmp.Or(cfg.Sweep, 2*time.Second)
	if cfg.Feed != nil {
		cfg.Grace = cmp.Or(cfg.Grace, 3*time.Second)
	}
	return &Mirror{
		cfg: cfg, tables: map[bulk.DatasetName]int{}, accounts: map[bulk.AccountID]bulk.Account{},
		logged: map[bulk.BatchID]struct{}{}, hints: make(chan []bulk.Message),
	}, nil
}

// Run copies until ctx ends. While ClickHouse or the store is down it tries less and
// less often, and says so once.
func (m *Mirror) Run(ctx context.Context) error {
	var beside sync.WaitGroup
	defer beside.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	beside.Go(func() { m.probe(ctx) })
	if m.cfg.Feed != nil {
		beside.Go(func() { m.poll(ctx) })
	}
	backoff := wait.Backoff{First: 2 * m.cfg.Sweep, Longest: longestPause, Jitter: 0.25}
	due := time.Now()
	for ctx.Err() == nil {
		var err error
		if wait := time.Until(due); wait > 0 {
			err = m.loadHints(ctx, wait)
		} else {
			err = m.sweep(ctx)
			due = time.Now().Add(m.cfg.Sweep)
		}
		if err == nil {
			m.recovered(ctx)
			continue
		}
		m.failed(ctx, err)
		_ = wait.For(ctx, backoff.After(m.failures, rand.Float64()))
		due = time.Now()
	}
	return nil
}

// poll hands what the feed brings to Run. It waits while Run does not listen.
func (m *Mirror) poll(ctx context.Context) {
	for {
		d, err := m.cfg.Feed.Poll(ctx)
		if err != nil {
			if ctx.Err() == nil {
				m.cfg.Log.WarnContext(ctx, "the feed of commits ended, the ledger is asked instead", "error", err)
			}
			return
		}
		select {
		case m.hints <- d.Messages:
		case <-ctx.Done():
			return
		}
	}
}

// loadHints loads what the feed brings within the time.
func (m *Mirror) loadHints(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	var refs []bulk.Message
	select {
	case <-ctx.Done():
		return nil
	case <-timer.C:
		return nil
	case refs = <-m.hints:
	}
	timer.Reset(m.cfg.Linger)
	for open := true; open && len(refs) < groupBatches; {
		select {
		case more := <-m.hints:
			refs = append(refs, more...)
		case <-timer.C:
			open = false
		case <-ctx.Done():
			return nil
		}
	}
	return m.loadMessages(ctx, refs)
}

// loadMessages loads the batches of references. What fails is the sweep's, so the references
// are done either way.
func (m *Mirror) loadMessages(ctx context.Context, refs []bulk.Message) error {
	unique := map[bulk.BatchID]struct{}{}
	for _, r := range refs {
		unique[r.Ref.ID()] = struct{}{}
	}
	var err error
	var group []bulk.BatchID
	for id := range maps.Keys(unique) {
		if group = append(group, id); len(group) == groupBatches {
			err = errors.Join(err, m.load(ctx, group))
			group = nil
		}
	}
	err = errors.Join(err, m.load(ctx, group))
	for _, r := range refs {
		m.cfg.Feed.Done(r.Offset)
	}
	return err
}

// sweep loads what the ledger says is missing, however it came to be.
func (m *Mirror) sweep(ctx context.Context) error {
	if err := m.reportAccounts(ctx); err != nil { // before their last batch is marked: then all is there
		return err
	}
	for after := (bulk.Committed{}); ; {
		page, err := m.cfg.Ledger.Unmirrored(ctx, after, m.cfg.Grace, groupBatches)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		after = page[len(page)-1]
		group := make([]bulk.BatchID, len(page))
		for i, c := range page {
			group[i] = c.BatchID
		}
		if err := m.load(ctx, group); err != nil {
			return err
		}
	}
	return m.report(ctx)
}

// upFor is how long an answer of the engine counts as a sign of life.
const upFor = 10 * time.Second

// EngineUp reports whether the engine answered within the last 10 s.
func (m *Mirror) EngineUp() bool {
	at := m.answered.Load()
	return at != nil && time.Since(*at) < upFor
}

// probe asks the engine for a sign of life, beside all other work, which may hang.
func (m *Mirror) probe(ctx context.Context) {
	look := func(ctx context.Context) {
		within, cancel := context.WithTimeout(ctx, silence)
		defer cancel()
		if m.cfg.Engine.Alive(within) == nil {
			now := time.Now()
			m.answered.Store(&now)
		}
	}
	look(ctx)
	_ = wait.Every(ctx, m.cfg.Sweep, look)
}

func (m *Mirror) failed(ctx context.Context, err error) {
	m.prepared, m.tables, m.accounts, m.written = false, map[bulk.DatasetName]int{}, map[bulk.AccountID]bulk.Account{}, nil // perhaps another engine answers next
	if m.failures++; m.failures == 1 && ctx.Err() == nil {
		m.cfg.Log.WarnContext(ctx, "analytics are not reached, imports go on and the mirror tries on", "error", err)
	}
}

func (m *Mirror) recovered(ctx context.Context) {
	if m.failures > 0 {
		m.cfg.Log.InfoContext(ctx, "analytics are reached again")
	}
	m.failures = 0
}
