package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
	"bulkhead/internal/httpserver"
)

// StartDev opens everything and listens; [Dev.Run] must follow.
func StartDev(ctx context.Context, c config.DevConfig, log *slog.Logger) (started *Dev, err error) {
	c = c.WithDefaults()
	if err := config.CheckOrigins(c.AllowedOrigins); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	d := &Dev{lock: flock.New(filepath.Join(c.DataDir, "lock")), dataDir: c.DataDir, drain: drain{log: log}}
	if d.analytics, err = findAnalytics(c.Analytics, c.DataDir).checked(c.Analytics); err != nil {
		return nil, err
	}
	if !takeLock(ctx, d.lock) {
		return nil, bulk.Errorf(bulk.KindConflict, "in_use", "Another bulkhead runs in %s. Stop it, or choose another --data-dir.", c.DataDir)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	if d.listener, err = httpserver.Listen(ctx, c.Listen); err != nil {
		return nil, err
	}
	d.URL = "http://" + d.listener.Addr().String()
	if d.resources, d.embedded, err = openMachine(ctx, c, log); err != nil {
		return nil, err
	}
	if err := d.wire(c); err != nil {
		return nil, err
	}
	if d.account, err = bootstrap(ctx, d.store, c.DataDir, d.URL); err != nil {
		return nil, err
	}
	d.Login, err = loginLink(ctx, d.store, d.URL)
	return d, err
}

// close closes what is open.
func (d *Dev) close() error {
	if d.listener != nil {
		_ = d.listener.Close() // whoever served it has closed it
	}
	if d.embedded != nil {
		d.embedded.Close()
	}
	var err error
	if d.resources != nil {
		err = d.resources.close()
	}
	return errors.Join(err, d.lock.Unlock())
}

// takeLock waits a little for the lock: a process that was just killed may still hold it.
func takeLock(ctx context.Context, lock *flock.Flock) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	held, err := lock.TryLockContext(ctx, 50*time.Millisecond)
	return held && err == nil
}
