package app

import (
	"context"
	"io"

	"bulkhead/ingest/remote"
	"bulkhead/internal/broker"
	"bulkhead/internal/config"
	"bulkhead/internal/peer"
)

// RunIngest is ingest as a process of its own:
//
//	console ─▶ uploads ─▶ objects, ledger
//	              └─poke─▶ relay ─▶ topic of batches
func RunIngest(logs io.Writer) func(context.Context, config.RoleConfig) error {
	return func(ctx context.Context, cfg config.RoleConfig) error {
		p, err := newProcess(ctx, "ingest", cfg, logs)
		if err != nil {
			return err
		}
		if err := broker.EnsureTopics(ctx, p.parts.broker); err != nil {
			return err
		}
		relay, err := p.parts.newRelay()
		if err != nil {
			return err
		}
		uploads, err := p.parts.newIngest(cfg, relay, remote.PrincipalFrom)
		if err != nil {
			return err
		}
		p.serveHealth()
		p.mux.Handle("/", peer.Guard(cfg.ClusterSecret, remote.Handler(uploads)))
		p.back = append(p.back, relay.Run, uploads.Run)
		return p.run(ctx)
	}
}
