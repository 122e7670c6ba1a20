package app

import (
	"context"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"bulkhead/console"
	"bulkhead/ingest"
	"bulkhead/internal/broker"
	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
	"bulkhead/processors"
	"bulkhead/processors/dispatch"
)

// roles are the running parts of one process, in the order of the data.
type roles struct {
	parts      *parts
	console    *console.Server
	ingest     *ingest.Uploads
	relay      *broker.Relay
	consumer   *broker.Consumer
	dispatcher *dispatch.Dispatcher
	processor  *processors.Node
	cluster    *broker.Cluster
}

func newRoles(p *parts, cluster *broker.Cluster, slots int, cfg config.RoleConfig) (*roles, error) {
	r := &roles{parts: p, cluster: cluster}
	var err error
	if r.relay, err = p.newRelay(); err != nil {
		return nil, err
	}
	if r.ingest, err = p.newIngest(cfg, devFiles, r.relay, console.PrincipalFrom); err != nil {
		return nil, err
	}
	if r.dispatcher, r.consumer, err = p.newDispatcher(nil, false); err != nil {
		return nil, err
	}
	node := bulk.Node{ID: bulk.NewNodeID("dev"), Role: "dev", Slots: slots, Version: Version(), StartedAt: time.Now().UTC()}
	if r.console, err = p.newConsole(r.ingest, r.ingest.Content(), inside{node, r.dispatcher}, p, cfg); err != nil {
		return nil, err
	}
	r.processor, err = p.newProcessor(node.ID, r.dispatcher, slots)
	return r, err
}

// drainFor bounds how long work in flight may take once the process is to stop.
const drainFor = 20 * time.Second

// run works until ctx ends or a part fails, then drains.
func (r *roles) run(ctx context.Context, l net.Listener) error {
	defer r.cluster.Close()
	if err := broker.EnsureTopics(ctx, r.parts.broker); err != nil {
		return err
	}
	g, taking := errgroup.WithContext(ctx) // ends: take nothing new
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()

	g.Go(func() error { return r.parts.serve(taking, l, r.console, r.console.Close) })
	g.Go(func() error { return drainAfter(taking, r.processor.Run) })
	g.Go(func() error { return sweep(taking, r.parts) })

	var behind errgroup.Group // what others still lean on while they drain
	behind.Go(func() error { return r.console.Run(working) })
	behind.Go(func() error { return r.ingest.Run(working) })
	behind.Go(func() error { return r.relay.Run(working) })
	behind.Go(func() error { return r.dispatcher.Run(working) })
	behind.Go(func() error { return r.consumer.Run(working) })
	err := g.Wait()
	stop()
	if e := behind.Wait(); err == nil {
		err = e
	}
	return err
}
