package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sync/errgroup"

	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
	"bulkhead/internal/telemetry"
)

// Dev is every role in one process:
//
//	HTTP ─▶ console ─▶ ingest ─▶ objects (folder), ledger (SQLite)
//	                     └─poke─▶ relay ─▶ kfake ─▶ dispatcher ◀─lease─ processor ─▶ store (SQLite)
//	console ─shares, waits─▶ dispatcher
//	sweeper: what processes that died left undone
//	mirror:  ledger ─▶ chDB (child process) or ClickHouse, where there is one
//
// Everything it keeps is below the data directory. It may be killed at any moment
// and started again.
type Dev struct {
	URL   string // of the console
	Login string // signs the operator in, once

	parts    *parts
	account  bulk.AccountID
	lock     *flock.Flock
	listener net.Listener
	roles    *roles
	demo     bool
	dataDir  string

	analytics analytics
}

// devMemory is the soft limit on memory that dev sets for itself unless GOMEMLIMIT
// says otherwise: more would only be garbage not yet collected.
const devMemory = 256 << 20

// devFiles is what files being read may take in dev. They reserve it for their worst,
// which is many times what they usually are, so it may be above devMemory.
const devFiles = 512 << 20

// RunDev returns the dev role; it reports to out and logs to logs.
func RunDev(out, logs io.Writer) func(context.Context, config.DevConfig) error {
	return func(ctx context.Context, c config.DevConfig) error {
		if os.Getenv("GOMEMLIMIT") == "" {
			debug.SetMemoryLimit(devMemory)
			debug.SetGCPercent(300) // the limit above bounds it
		}
		d, err := StartDev(ctx, c, telemetry.NewLogger(logs, slog.LevelWarn, false))
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "Bulkhead is ready at %s\nSign in once with   %s\n", d.URL, d.Login)
		fmt.Fprintf(out, "%s\nData is kept in %s. Press Ctrl-C to stop.\n", d.analytics.line(), c.DataDir)
		return d.Run(ctx)
	}
}

// StartDev opens everything and listens; [Dev.Run] must follow.
func StartDev(ctx context.Context, c config.DevConfig, log *slog.Logger) (d *Dev, err error) {
	c = c.WithDefaults()
	if err := config.CheckOrigins(c.AllowedOrigins); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	d = &Dev{lock: flock.New(filepath.Join(c.DataDir, "lock")), demo: c.Demo, dataDir: c.DataDir}
	if d.analytics, err = findAnalytics(c.Analytics, c.DataDir).checked(c.Analytics); err != nil {
		return nil, err
	}
	if !takeLock(ctx, d.lock) {
		return nil, bulk.Errorf(bulk.KindConflict, "in_use", "Another bulkhead runs in %s. Stop it, or choose another --data-dir.", c.DataDir)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.lock.Unlock())
		}
	}()
	if d.listener, err = listen(ctx, c.Listen); err != nil {
		return nil, err
	}
	d.URL = "http://" + d.listener.Addr().String()
	parts, cluster, err := openMachine(ctx, c, log)
	if err != nil {
		return nil, errors.Join(err, d.listener.Close())
	}
	d.parts = parts
	parts.limits.EventStreams = cmp.Or(c.EventStreams, parts.limits.EventStreams)
	if d.roles, err = newRoles(parts, cluster, runtime.GOMAXPROCS(0), config.RoleConfig{AllowedOrigins: c.AllowedOrigins}); err == nil {
		d.account, err = bootstrap(ctx, parts.store, c.DataDir, d.URL)
	}
	if err == nil {
		d.Login, err = loginLink(ctx, parts.store, d.URL)
	}
	if err != nil {
		cluster.Close()
		return nil, errors.Join(err, parts.close(), d.listener.Close())
	}
	return d, nil
}

// takeLock waits a little for the lock: a process that was just killed may still hold it.
func takeLock(ctx context.Context, lock *flock.Flock) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	held, err := lock.TryLockContext(ctx, 50*time.Millisecond)
	return held && err == nil
}

func listen(ctx context.Context, addr string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, bulk.Errorf(bulk.KindUnavailable, "cannot_listen", "Cannot listen on %s (%v). Choose another --listen.", addr, err)
	}
	return l, nil
}

// Run works until ctx ends, then stops in the order of the data: no new requests,
// no new leases, work in flight ends, the rest follows.
func (d *Dev) Run(ctx context.Context) error {
	if d.demo {
		go d.runDemo(ctx)
	}
	copying, stop := context.WithCancel(ctx)
	defer stop()
	var copier sync.WaitGroup
	copier.Go(func() {
		if err := d.parts.copyToAnalytics(copying, d.analytics); err != nil && copying.Err() == nil {
			d.parts.log.Warn("analytics are off, imports work without them", "error", err)
		}
	})
	err := d.roles.run(ctx, d.listener)
	stop()
	copier.Wait()
	return errors.Join(err, d.parts.close(), d.lock.Unlock())
}

// headerBytes bounds the header of a request, in bytes; a mapping of many columns fits.
const headerBytes = 256 << 10

// serve answers requests until ctx ends; those under way then have a few seconds. A client
// that takes nothing of its answer for Limits.IdleSeconds is cut.
func (p *parts) serve(ctx context.Context, l net.Listener, h http.Handler, onShutdown func()) error {
	srv := &http.Server{
		Handler: lingering(h), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: headerBytes,
		ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelWarn),
	}
	l = patientListener{l, time.Duration(p.limits.IdleSeconds) * time.Second}
	srv.RegisterOnShutdown(onShutdown)
	var g errgroup.Group
	g.Go(func() error {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if srv.Shutdown(grace) != nil {
			return srv.Close() // uploads that are cut here resume
		}
		return nil
	})
	g.Go(func() error {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return g.Wait()
}
