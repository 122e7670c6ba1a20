package app

import (
	"context"
	"path/filepath"

	"github.com/gofrs/flock"

	"bulkhead/columnar/mirror"
	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
)

// RunReconcile compares analytics with the store and repairs what differs, see
// [mirror.Reconcile]. Without a store in the settings it is that of the data directory.
func RunReconcile(ctx context.Context, cfg config.ReconcileConfig, found func(bulk.Difference) error) (cost bulk.Reconciliation, err error) {
	if cfg.Store == "" {
		cfg.Store = "sqlite:" + filepath.Join(cfg.DataDir, "store.db")
	}
	a := findAnalytics(cfg.Analytics, cfg.DataDir)
	if a.embedded() {
		lock := flock.New(filepath.Join(cfg.DataDir, "lock"))
		if !takeLock(ctx, lock) {
			return cost, bulk.Errorf(bulk.KindConflict, "in_use", "A bulkhead runs in %s and has its analytics open. Stop it first.", cfg.DataDir)
		}
		defer lock.Unlock() //nolint:errcheck // the process ends now
	}
	engine, err := a.open()
	if err != nil {
		return cost, err
	}
	defer engine.Close() //nolint:errcheck // what it acknowledged it has
	st, err := openStore(config.RoleConfig{Store: cfg.Store})
	if err != nil {
		return cost, err
	}
	defer st.Close()
	return mirror.Reconcile(ctx, engine, st, found)
}
