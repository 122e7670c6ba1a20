// Package httpserver serves HTTP to clients that may be slow, rude or gone, in bounded
// time and memory:
//
//   - a client that takes nothing of its answer for a while is cut, one that reads slowly
//     is not;
//   - a client that is refused while it still sends its body gets to see the answer
//     (lingering close);
//   - once the server is to stop, requests under way have a few seconds.
package httpserver

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"bulkhead/internal/bulk"
)

const (
	headerBytes = 256 << 10 // of a request's header, at most; a mapping of many columns fits
	headerTime  = 10 * time.Second
	keepAlive   = 2 * time.Minute
	grace       = 5 * time.Second // for requests under way
)

// Config is what is served. Fields without a stated default are required.
type Config struct {
	Handler    http.Handler
	Stall      time.Duration // after which a client that takes nothing of its answer is cut
	OnShutdown func()        // ends what would hold up a shutdown; default: nothing
	Log        *slog.Logger
}

// Listen takes an address, HOST:PORT; a KindUnavailable error says that it cannot be had.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, bulk.Errorf(bulk.KindUnavailable, "cannot_listen", "Cannot listen on %s (%v). Choose another --listen.", addr, err)
	}
	return l, nil
}

// Serve answers requests until ctx ends. It closes the listener.
func Serve(ctx context.Context, l net.Listener, cfg Config) error {
	srv := &http.Server{
		Handler: lingering(cfg.Handler), ReadHeaderTimeout: headerTime, IdleTimeout: keepAlive, MaxHeaderBytes: headerBytes,
		ErrorLog: slog.NewLogLogger(cfg.Log.Handler(), slog.LevelWarn),
	}
	if cfg.OnShutdown != nil {
		srv.RegisterOnShutdown(cfg.OnShutdown)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		<-ctx.Done()
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		if srv.Shutdown(ending) != nil {
			return srv.Close() // uploads that are cut here resume
		}
		return nil
	})
	g.Go(func() error {
		if err := srv.Serve(stallListener{l, cfg.Stall}); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return g.Wait()
}
