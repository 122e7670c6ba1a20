package app

import (
	"context"
	"net/http"
	"net/http/pprof"

	"bulkhead/internal/bulk"
	"bulkhead/internal/httpserver"
)

// serveProfiles makes the process also serve Go's profiles, below /debug/pprof/ of an
// address of its own: never one that others reach, since a profile tells what the
// process works on, and making one slows it down.
func (p *process) serveProfiles(ctx context.Context) error {
	if p.cfg.Pprof == "" {
		return nil
	}
	l, err := httpserver.Listen(ctx, p.cfg.Pprof)
	if err != nil {
		return bulk.Errorf(bulk.KindUnavailable, "cannot_listen", "Cannot serve profiles on %s. Choose another BULKHEAD_PPROF, or none.", p.cfg.Pprof)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	p.log.Info("serving profiles", "address", l.Addr().String())
	p.drain.take(func(ctx context.Context) error { return p.serve(ctx, l, mux, nil) })
	return nil
}
