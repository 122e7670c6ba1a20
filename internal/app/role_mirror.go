package app

import (
	"context"
	"io"

	"golang.org/x/sync/errgroup"

	"bulkhead/columnar/mirror"
	"bulkhead/internal/broker"
	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
	"bulkhead/internal/telemetry"
	"bulkhead/processors/replay"
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
func (r *resources) newMirroring(engine mirror.Engine) (*mirroring, error) {
	topic := r.broker
	topic.Topic = broker.TopicCommits
	m := &mirroring{engine: engine}
	var err error
	if m.relay, err = broker.NewRelay(topic, r.store.Commits()); err != nil {
		return nil, err
	}
	if m.consumer, err = broker.NewConsumer(topic); err != nil {
		return nil, err
	}
	m.mirror, err = mirror.New(mirror.Config{
		Engine: engine, Ledger: r.store, Applied: replay.Applied{Reader: r.batches, Ledger: r.store}, Feed: m.consumer, Log: r.log,
	})
	if err == nil {
		telemetry.CollectMirror(r.registry, r.store, m.mirror.EngineUp, r.log)
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
		p, err := newProcess(ctx, bulk.RoleMirror, cfg, logs)
		if err != nil {
			return err
		}
		engine, err := mirror.Server(cfg.Analytics, analyticsDatabase)
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
		p.serveHealth()
		p.drain.take(m.run)
		return p.run(ctx)
	}
}

// copyToAnalytics mirrors until ctx ends, once there is something to mirror to. Nothing
// else waits for it.
func (r *resources) copyToAnalytics(ctx context.Context, a analytics) error {
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
	m, err := r.newMirroring(engine)
	if err != nil {
		return err
	}
	if err := broker.EnsureTopics(ctx, r.broker); err != nil {
		return err
	}
	return m.run(ctx)
}
