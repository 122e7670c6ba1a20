package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
	"bulkhead/internal/peer"
	"bulkhead/internal/telemetry"
	"bulkhead/internal/wait"
)

// goneUnnoticed is how long a process that is to stop goes on as before, not ready
// any more, so that whoever sends it work notices first.
const goneUnnoticed = 3 * time.Second

// process is one role that runs apart: it serves health, metrics and its role's own
// routes, announces itself, and stops in the order of the data.
type process struct {
	cfg      config.RoleConfig
	parts    *parts
	node     bulk.Node
	listener net.Listener
	mux      *http.ServeMux
	draining atomic.Bool
	onClose  func() // ends what would hold up a shutdown of HTTP

	front []func(ctx context.Context) error // takes work in; ends first
	back  []func(ctx context.Context) error // others still lean on it while they drain
}

// newProcess opens what every role needs.
func newProcess(ctx context.Context, role string, cfg config.RoleConfig, logs io.Writer) (*process, error) {
	if err := cfg.Check(role); err != nil {
		return nil, err
	}
	log := telemetry.NewLogger(logs, slog.LevelInfo, cfg.JSONLogs).With("role", role)
	parts, err := openCluster(cfg, log)
	if err != nil {
		return nil, err
	}
	p := &process{cfg: cfg, parts: parts, mux: http.NewServeMux(), onClose: func() {}}
	if p.listener, err = listen(ctx, cfg.Listen); err != nil {
		return nil, errors.Join(err, parts.close())
	}
	if err := p.serveProfiles(ctx); err != nil {
		return nil, errors.Join(err, p.listener.Close(), parts.close())
	}
	p.node = bulk.Node{ID: bulk.NewNodeID(role), Role: role, URL: cfg.URL(p.listener.Addr()), Slots: cfg.Slots, Version: Version(), StartedAt: time.Now().UTC()}
	return p, nil
}

// serveHealth adds the routes that a role without a console has.
func (p *process) serveHealth() {
	p.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	p.mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := p.Ready(r.Context()); err != nil {
			http.Error(w, "not ready: "+p.parts.unready(r.Context(), err), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	p.mux.Handle("GET /metrics", promhttp.HandlerFor(p.parts.metrics.Registry, promhttp.HandlerOpts{}))
}

// Ready reports whether work should be sent to this process.
func (p *process) Ready(ctx context.Context) error {
	if p.draining.Load() {
		return bulk.Errorf(bulk.KindUnavailable, "draining", "This process is stopping. Try again in a few seconds.")
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	return p.parts.Ready(ctx)
}

// run works until ctx ends or a part fails, then drains.
func (p *process) run(ctx context.Context) error {
	defer p.parts.close()
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g, failed := errgroup.WithContext(ctx)
	taking, take := context.WithCancel(working) // ends a little after ctx does
	defer take()
	g.Go(func() error {
		<-failed.Done()
		p.draining.Store(true)
		p.parts.log.Info("stopping", "node", p.node.ID)
		_ = wait.For(working, goneUnnoticed)
		take()
		return nil
	})
	g.Go(func() error { return p.parts.serve(taking, p.listener, p.mux, p.onClose) })
	for _, f := range p.front {
		g.Go(func() error { return f(taking) })
	}
	var behind errgroup.Group
	behind.Go(func() error {
		return peer.Announce(working, p.parts.store, p.node, p.draining.Load, p.parts.log)
	})
	for _, f := range p.back {
		behind.Go(func() error {
			err := f(working)
			if err != nil {
				p.parts.log.Error("part failed", "error", err)
			}
			return err
		})
	}
	p.parts.log.Info("started", "node", p.node.ID, "listen", p.listener.Addr().String(), "url", p.node.URL)
	err := g.Wait()
	stop()
	return errors.Join(err, behind.Wait())
}
