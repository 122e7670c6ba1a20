package app

import (
	"context"
	"io"
	"path/filepath"

	"github.com/gofrs/flock"
	"golang.org/x/sync/errgroup"

	"bulkhead/columnar/mirror"
	"bulkhead/internal/broker"
	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
)

// mirroring is the mirror with what feeds it:
//
//	ledger's outbox of commits ─relay─▶ topic of commits ─▶ mirror ─▶ ClickHouse or chDB
//	ledger (not mirrored yet) ──────────────sweep─────────▶
type mirroring struct {
	relay    *broker.Relay
	consumer *broker.Consumer
	mirror   *mirror.Mirror
	engine   mirror.Engine
}

// newMirroring: topic of commits → rows → analytics. The engine is the mirroring's to close.
func (p *parts) newMirroring(engine mirror.Engine) (*mirroring, error) {
	topic := p.broker
	topic.Topic = broker.TopicCommits
	m := &mirroring{engine: engine}
	var err error
	if m.relay, err = broker.NewRelay(topic, p.store.Commits()); err != nil {
		return nil, err
	}
	if m.consumer, err = broker.NewConsumer(topic); err != nil {
		return nil, err
	}
	m.mirror, err = mirror.New(mirror.Config{
		Engine: engine, Ledger: p.store, Rows: &landed{store: p.store, objects: p.objects}, Feed: m.consumer, Log: p.log,
	})
	if err == nil {
		p.metrics.Registry.MustRegister(mirrorCollector{p.store, m.mirror, p.log})
	}
	return m, err
}

// run works until ctx ends. What is cut off then is repeated at the next start.
func (m *mirroring) run(ctx context.Context) error {
	defer m.engine.Close() //nolint:errcheck // what it acknowledged it has
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return m.relay.Run(ctx) })
	g.Go(func() error { return m.consumer.Run(ctx) })
	g.Go(func() error { return m.mirror.Run(ctx) })
	return g.Wait()
}

// RunMirror is the mirror as a process of its own.
func RunMirror(logs io.Writer) func(context.Context, config.RoleConfig) error {
	return func(ctx context.Context, cfg config.RoleConfig) error {
		p, err := newProcess(ctx, "mirror", cfg, logs)
		if err != nil {
			return err
		}
		engine, err := mirror.Server(cfg.Analytics, analyticsDatabase)
		if err != nil {
			return err
		}
		m, err := p.parts.newMirroring(engine)
		if err != nil {
			return err
		}
		if err := broker.EnsureTopics(ctx, p.parts.broker); err != nil {
			return err
		}
		p.serveHealth()
		p.front = append(p.front, m.run)
		return p.run(ctx)
	}
}

// copyToAnalytics mirrors until ctx ends, once there is something to mirror to. Nothing
// else waits for it.
func (p *parts) copyToAnalytics(ctx context.Context, a analytics) error {
	if !a.there() {
		return nil
	}
	if err := a.fetch(ctx); err != nil {
		return err
	}
	engine, err := a.open()
	if err != nil {
		return err
	}
	m, err := p.newMirroring(engine)
	if err != nil {
		return err
	}
	if err := broker.EnsureTopics(ctx, p.broker); err != nil {
		return err
	}
	return m.run(ctx)
}

// RunReconcile compares analytics with the store and repairs what differs, see
// [mirror.Reconcile]. Without a store in the settings it is that of the data directory.
func RunReconcile(ctx context.Context, cfg config.ReconcileConfig, found func(bulk.Difference) error) (cost bulk.Reconciliation, err error) {
	if cfg.Store == "" {
		cfg.Store = "sqlite:" + filepath.Join(cfg.DataDir, "store.db")
	}
	a := findAnalytics(cfg.Analytics, cfg.DataDir)
	if a.embedded() {
		lock := flock.New(filepath.Join(cfg.DataDir, "lock"))
		if !takeLock(ctx, lock) {
			return cost, bulk.Errorf(bulk.KindConflict, "in_use", "A bulkhead runs in %s and has its analytics open. Stop it first.", cfg.DataDir)
		}
		defer lock.Unlock() //nolint:errcheck // the process ends now
	}
	engine, err := a.open()
	if err != nil {
		return cost, err
	}
	defer engine.Close() //nolint:errcheck // what it acknowledged it has
	st, err := openStore(config.RoleConfig{Store: cfg.Store})
	if err != nil {
		return cost, err
	}
	defer st.Close()
	return mirror.Reconcile(ctx, engine, st, found)
}
