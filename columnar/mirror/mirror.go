package mirror

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"

	"bulkhead/internal/bulk"
)

// Config says what the mirror copies and to where.
type Config struct {
	Engine Engine
	Ledger Ledger
	Rows   Rows
	Feed   Feed         // nil: the ledger alone is asked
	Lag    Gauge        // seconds since the commit of the oldest batch not mirrored; nil: not measured
	Log    *slog.Logger // default: discard

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
	logs     bool                            // the tables of imports are there
	tables   map[bulk.DatasetName]int        // columns of the dataset tables that are there
	accounts map[bulk.AccountID]bulk.Account // as last written
	failing  bool                            // since the last round
	complain map[bulk.BatchID]struct{}       // batches whose failure was logged
	hints    chan []bulk.Reference           // from the feed
}

// New returns a mirror that works once Run is called.
func New(cfg Config) (*Mirror, error) {
	if cfg.Engine == nil || cfg.Ledger == nil || cfg.Rows == nil {
		return nil, errors.New("mirror: Engine, Ledger and Rows are required")
	}
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	cfg.Linger = cmp.Or(cfg.Linger, 300*time.Millisecond)
	cfg.Sweep = cmp.Or(cfg.Sweep, 2*time.Second)
	if cfg.Feed != nil {
		cfg.Grace = cmp.Or(cfg.Grace, 3*time.Second)
	}
	return &Mirror{
		cfg: cfg, tables: map[bulk.DatasetName]int{}, accounts: map[bulk.AccountID]bulk.Account{},
		complain: map[bulk.BatchID]struct{}{}, hints: make(chan []bulk.Reference),
	}, nil
}

// Run copies until ctx ends. While ClickHouse or the store is down it tries less and
// less often, and says so once.
func (m *Mirror) Run(ctx context.Context) error {
	var feed sync.WaitGroup
	defer feed.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if m.cfg.Feed != nil {
		feed.Go(func() { m.poll(ctx) })
	}
	pause, due := m.cfg.Sweep, time.Now()
	for ctx.Err() == nil {
		var err error
		if wait := time.Until(due); wait > 0 {
			err = m.follow(ctx, wait)
		} else {
			err = m.sweep(ctx)
			due = time.Now().Add(m.cfg.Sweep)
		}
		if err == nil {
			pause = m.cfg.Sweep
			m.recovered(ctx)
			continue
		}
		m.failed(ctx, err)
		pause = min(2*pause, longestPause)
		m.rest(ctx, pause)
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
		case m.hints <- d.References:
		case <-ctx.Done():
			return
		}
	}
}

// follow loads what the feed brings within the time.
func (m *Mirror) follow(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	var refs []bulk.Reference
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
	return m.take(ctx, refs)
}

// take loads the batches of references. What fails is the sweep's, so the references
// are done either way.
func (m *Mirror) take(ctx context.Context, refs []bulk.Reference) error {
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
		m.cfg.Feed.Done(r.Mark)
	}
	return err
}

// sweep loads what the ledger says is missing, however it came to be.
func (m *Mirror) sweep(ctx context.Context) error {
	if err := m.measure(ctx); err != nil {
		return err
	}
	before := time.Now().Add(-m.cfg.Grace)
	for after := (bulk.Committed{}); ; {
		page, err := m.cfg.Ledger.Unmirrored(ctx, after, before, groupBatches)
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
	if err := m.report(ctx); err != nil {
		return err
	}
	return m.measure(ctx)
}

// measure sets the lag.
func (m *Mirror) measure(ctx context.Context) error {
	if m.cfg.Lag == nil {
		return nil
	}
	oldest, err := m.cfg.Ledger.Unmirrored(ctx, bulk.Committed{}, time.Now().Add(time.Minute), 1)
	if err != nil {
		return err
	}
	lag := 0.0
	if len(oldest) > 0 {
		lag = max(0, time.Since(oldest[0].At).Seconds())
	}
	m.cfg.Lag.Set(lag)
	return nil
}

func (m *Mirror) failed(ctx context.Context, err error) {
	m.logs, m.tables, m.accounts = false, map[bulk.DatasetName]int{}, map[bulk.AccountID]bulk.Account{} // perhaps another engine answers next
	if !m.failing && ctx.Err() == nil {
		m.cfg.Log.WarnContext(ctx, "analytics are not reached, imports go on and the mirror tries on", "error", err)
	}
	m.failing = true
}

func (m *Mirror) recovered(ctx context.Context) {
	if m.failing {
		m.cfg.Log.InfoContext(ctx, "analytics are reached again")
	}
	m.failing = false
}

// rest waits, measuring on.
func (m *Mirror) rest(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	tick := time.NewTicker(m.cfg.Sweep)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			return
		case <-tick.C:
			if err := m.measure(ctx); err != nil {
				continue // the attempt that follows says it
			}
		}
	}
}
