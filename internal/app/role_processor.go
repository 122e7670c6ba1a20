package app

import (
	"cmp"
	"context"
	"io"
	"runtime"
	"time"

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
		p, err := newProcess(ctx, "processor", cfg, logs)
		if err != nil {
			return err
		}
		leases := lease.NewClient(lease.Config{Secret: cfg.ClusterSecret, Dispatchers: peer.NewDirectory(p.parts.store, "dispatcher").Live, Log: p.parts.log})
		node, err := p.parts.newProcessor(p.node.ID, leases, cfg.Slots)
		if err != nil {
			return err
		}
		p.serveHealth()
		p.mux.Handle("/cluster/", peer.Guard(cfg.ClusterSecret, lease.HeldHandler(leases.Held)))
		p.front = append(p.front, func(taking context.Context) error { return drainAfter(taking, node.Run) })
		p.back = append(p.back, leases.Run)
		return p.run(ctx)
	}
}

// drainAfter runs with a second context that ends drainFor after the first.
func drainAfter(taking context.Context, run func(taking, working context.Context) error) error {
	working, cancel := context.WithCancel(context.WithoutCancel(taking))
	defer cancel()
	defer context.AfterFunc(taking, func() { time.AfterFunc(drainFor, cancel) })()
	return run(taking, working)
}
