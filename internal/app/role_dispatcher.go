package app

import (
	"context"
	"io"
	"time"

	"bulkhead/internal/broker"
	"bulkhead/internal/config"
	"bulkhead/internal/peer"
	"bulkhead/internal/wait"
	"bulkhead/processors/lease"
)

// Sessions of ours that hold a transaction open longer than this without working are
// ended: their process is paused or gone.
const (
	reapAfter = 30 * time.Second
	reapEvery = 10 * time.Second
)

// RunDispatcher is a dispatcher as a process of its own:
//
//	topic of batches ─▶ fair queue ─▶ leases ─▶ processors, over HTTP
//	what processors hold ──▶ at a takeover
//	ledger's outbox ─▶ relay ─▶ topic;  sweeper, reaper
func RunDispatcher(logs io.Writer) func(context.Context, config.RoleConfig) error {
	return func(ctx context.Context, cfg config.RoleConfig) error {
		p, err := newProcess(ctx, "dispatcher", cfg, logs)
		if err != nil {
			return err
		}
		if err := broker.EnsureTopics(ctx, p.parts.broker); err != nil {
			return err
		}
		holders := lease.NewHolders(lease.Config{Secret: cfg.ClusterSecret, Processors: peer.NewDirectory(p.parts.store, "processor").Live, Log: p.parts.log})
		relay, err := p.parts.newRelay()
		if err != nil {
			return err
		}
		d, consumer, err := p.parts.newDispatcher(holders, cfg.Order == config.OrderFIFO)
		if err != nil {
			return err
		}
		p.serveHealth()
		p.mux.Handle("/cluster/", peer.Guard(cfg.ClusterSecret, lease.Handler(p.node.ID, d)))
		p.front = append(p.front, func(ctx context.Context) error { return sweep(ctx, p.parts) }, func(ctx context.Context) error { return reap(ctx, p.parts) })
		p.back = append(p.back, relay.Run, d.Run, consumer.Run)
		return p.run(ctx)
	}
}

// reap ends stuck sessions of ours until ctx ends.
func reap(ctx context.Context, p *parts) error {
	return wait.Every(ctx, reapEvery, func(ctx context.Context) {
		n, err := p.store.Reap(ctx, reapAfter)
		switch {
		case err != nil && ctx.Err() == nil:
			p.log.Warn("looking for stuck sessions failed", "error", err)
		case n > 0:
			p.log.Warn("stuck sessions ended", "sessions", n)
		}
	})
}
