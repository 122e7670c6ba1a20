package app

import (
	"cmp"
	"context"
	"io"
	"runtime"

	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
	"bulkhead/internal/peer"
	"bulkhead/processors/lease"
)

// RunProcessor is a processor as a process of its own:
//
//	dispatchers ─lease─▶ slot ─▶ object ─▶ validation ─▶ store
func RunProcessor(logs io.Writer) func(context.Context, config.RoleConfig) error {
	return func(ctx context.Context, cfg config.RoleConfig) error {
		cfg.Slots = cmp.Or(cfg.Slots, runtime.GOMAXPROCS(0))
		p, err := newProcess(ctx, bulk.RoleProcessor, cfg, logs)
		if err != nil {
			return err
		}
		leases := lease.NewClient(lease.Config{Secret: cfg.ClusterSecret, Dispatchers: peer.NewDirectory(p.store, bulk.RoleDispatcher).Live, Log: p.log})
		node, err := p.newProcessor(p.node.ID, leases, cfg.Slots)
		if err != nil {
			return err
		}
		p.serveHealth()
		p.mux.Handle("/cluster/", peer.Guard(cfg.ClusterSecret, lease.HeldHandler(leases.Held)))
		p.drain.finish(node.Run)
		p.drain.lean(leases.Run)
		return p.run(ctx)
	}
}
