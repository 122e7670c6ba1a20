package app

import (
	"context"
	"io"
	"math"
	"runtime/debug"

	"bulkhead/ingest/remote"
	"bulkhead/internal/broker"
	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
	"bulkhead/internal/peer"
)

// RunIngest is ingest as a process of its own:
//
//	console ─▶ uploads ─▶ objects, ledger
//	              └─poke─▶ relay ─▶ topic of batches
func RunIngest(logs io.Writer) func(context.Context, config.RoleConfig) error {
	return func(ctx context.Context, cfg config.RoleConfig) error {
		p, err := newProcess(ctx, bulk.RoleIngest, cfg, logs)
		if err != nil {
			return err
		}
		if err := broker.EnsureTopics(ctx, p.broker); err != nil {
			return err
		}
		relay, err := p.newRelay()
		if err != nil {
			return err
		}
		uploads, err := p.newIngest(cfg, ingestMemory(), relay, remote.PrincipalFrom)
		if err != nil {
			return err
		}
		p.serveHealth()
		p.mux.Handle("/", peer.Guard(cfg.ClusterSecret, remote.Handler(uploads)))
		p.drain.lean(relay.Run, uploads.Run)
		return p.run(ctx)
	}
}

// ingestMemory is what files may take: three quarters of GOMEMLIMIT, since connections
// and what the collector has not found yet need some, and ingest's default without it.
func ingestMemory() int64 {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		return 0
	}
	return limit / 4 * 3
}
