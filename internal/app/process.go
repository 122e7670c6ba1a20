package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
	"bulkhead/internal/httpserver"
	"bulkhead/internal/peer"
	"bulkhead/internal/telemetry"
)

// lameDuck is how long a process that is to stop goes on as before, not ready any more.
const lameDuck = 3 * time.Second

// process is one role that runs apart: it serves health, metrics and its role's own
// routes, announces itself, and drains when it is to stop.
type process struct {
	*resources
	drain drain

	cfg      config.RoleConfig
	node     bulk.Node
	listener net.Listener
	mux      *http.ServeMux
	onClose  func() // ends what would hold up a shutdown of HTTP
}

// newProcess opens what every role needs.
func newProcess(ctx context.Context, role bulk.Role, cfg config.RoleConfig, logs io.Writer) (*process, error) {
	if err := cfg.Check(role); err != nil {
		return nil, err
	}
	log := telemetry.NewLogger(logs, slog.LevelInfo, cfg.JSONLogs).With("role", role)
	r, err := openCluster(cfg, log)
	if err != nil {
		return nil, err
	}
	p := &process{resources: r, drain: drain{lameDuck: lameDuck, log: log}, cfg: cfg, mux: http.NewServeMux()}
	if p.listener, err = httpserver.Listen(ctx, cfg.Listen); err != nil {
		return nil, errors.Join(err, r.close())
	}
	if err := p.serveProfiles(ctx); err != nil {
		return nil, errors.Join(err, p.listener.Close(), r.close())
	}
	p.node = bulk.Node{ID: bulk.NewNodeID(role), Role: role, URL: cfg.URL(p.listener.Addr()), Slots: cfg.Slots, Version: Version(), StartedAt: time.Now().UTC()}
	return p, nil
}

// serveHealth adds the routes that a role without a console has.
func (p *process) serveHealth() {
	p.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	p.mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := p.Ready(r.Context()); err != nil {
			http.Error(w, "not ready: "+p.unready(r.Context(), err), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	p.mux.Handle("GET /metrics", telemetry.Handler(p.registry))
}

// Ready reports whether work should be sent to this process.
func (p *process) Ready(ctx context.Context) error {
	if p.drain.draining() {
		return bulk.Errorf(bulk.KindUnavailable, "draining", "This process is stopping. Try again in a few seconds.")
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	return p.resources.Ready(ctx)
}

// run works until ctx ends or a part fails, then drains.
func (p *process) run(ctx context.Context) error {
	defer p.close() //nolint:errcheck // the process ends now
	p.drain.take(func(taking context.Context) error { return p.serve(taking, p.listener, p.mux, p.onClose) })
	p.drain.lean(peer.Announcer{Registry: p.store, Node: p.node, Draining: p.drain.draining, Log: p.log}.Run)
	p.log.Info("started", "node", p.node.ID, "listen", p.listener.Addr().String(), "url", p.node.URL)
	return p.drain.run(ctx)
}
