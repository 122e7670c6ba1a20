package app

import (
	"context"
	"io"

	"bulkhead/internal/broker"
	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
	"bulkhead/internal/peer"
	"bulkhead/processors/lease"
)

// RunDispatcher is a dispatcher as a process of its own:
//
//	topic of batches ─▶ fair queue ─▶ leases ─▶ processors, over HTTP
//	what processors hold ──▶ at a takeover
//	ledger's outbox ─▶ relay ─▶ topic;  housekeeper
func RunDispatcher(logs io.Writer) func(context.Context, config.RoleConfig) error {
	return func(ctx context.Context, cfg config.RoleConfig) error {
		p, err := newProcess(ctx, bulk.RoleDispatcher, cfg, logs)
		if err != nil {
			return err
		}
		if err := broker.EnsureTopics(ctx, p.broker); err != nil {
			return err
		}
		holders := lease.NewHolders(lease.Config{Secret: cfg.ClusterSecret, Processors: peer.NewDirectory(p.store, bulk.RoleProcessor).Live, Log: p.log})
		relay, err := p.newRelay()
		if err != nil {
			return err
		}
		d, consumer, err := p.newDispatcher(holders, cfg.Order == config.OrderFIFO)
		if err != nil {
			return err
		}
		p.serveHealth()
		p.mux.Handle("/cluster/", peer.Guard(cfg.ClusterSecret, lease.Handler(p.node.ID, d)))
		p.drain.take(p.newHousekeeper().Run)
		p.drain.lean(relay.Run, d.Run, consumer.Run)
		return p.run(ctx)
	}
}
