package app

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"

	"bulkhead/internal/broker"
	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
	"bulkhead/internal/httpserver"
	"bulkhead/internal/objects"
	"bulkhead/internal/store"
	"bulkhead/internal/telemetry"
	"bulkhead/processors/replay"
)

// resources are the engines that the roles stand on, and what every role is given.
type resources struct {
	store    *store.Store
	objects  objects.Store
	batches  *replay.Reader // of what is staged in objects
	broker   broker.Config
	registry *prometheus.Registry
	log      *slog.Logger
	limits   bulk.Limits
}

// openMachine opens the engines of one machine, below the data directory unless told otherwise.
func openMachine(ctx context.Context, c config.DevConfig, log *slog.Logger) (*resources, *broker.Cluster, error) {
	r := newResources(log)
	var err error
	if r.store, err = store.New(store.Config{URL: cmp.Or(c.Store, "sqlite:"+filepath.Join(c.DataDir, "store.db"))}); err != nil {
		return nil, nil, err
	}
	if err := r.store.Migrate(ctx); err != nil {
		return nil, nil, errors.Join(err, r.store.Close())
	}
	if r.objects, err = objects.OpenFolder(filepath.Join(c.DataDir, "objects")); err != nil {
		return nil, nil, errors.Join(err, r.store.Close())
	}
	r.batches = replay.NewReader(r.objects)
	embedded, err := broker.Embedded(filepath.Join(c.DataDir, "broker"))
	if err != nil {
		return nil, nil, errors.Join(err, r.close())
	}
	r.broker = broker.Config{Seeds: embedded.Seeds(), Log: log}
	r.limits.EventStreams = cmp.Or(c.EventStreams, r.limits.EventStreams)
	telemetry.CollectLedger(r.registry, r.store, log)
	return r, embedded, nil
}

// openCluster opens the engines that the settings name. It creates and migrates
// nothing: that is the role migrate.
func openCluster(cfg config.RoleConfig, log *slog.Logger) (*resources, error) {
	r := newResources(log)
	r.limits.EventStreams = cmp.Or(cfg.EventStreams, r.limits.EventStreams)
	var err error
	if r.store, err = openStore(cfg); err != nil {
		return nil, err
	}
	if cfg.Objects != "" {
		if r.objects, err = objects.Open(cfg.Objects); err != nil {
			return nil, errors.Join(err, r.store.Close())
		}
		r.batches = replay.NewReader(r.objects)
	}
	r.broker = broker.Config{
		Seeds: cfg.Brokers, Prefix: cfg.TopicPrefix, Security: broker.Security{TLS: cfg.BrokerTLS, SASL: cfg.BrokerSASL, User: cfg.BrokerUser, Password: cfg.BrokerPassword},
		Log: log,
	}
	telemetry.CollectLedger(r.registry, r.store, log)
	return r, nil
}

func openStore(cfg config.RoleConfig) (*store.Store, error) {
	return store.New(store.Config{URL: cfg.Store})
}

func newResources(log *slog.Logger) *resources {
	return &resources{registry: telemetry.NewRegistry(), log: log, limits: bulk.DefaultLimits()}
}

// Ready reports whether the engines can be read and written; it implements console.Health.
func (r *resources) Ready(ctx context.Context) error {
	if err := r.store.Ready(ctx); err != nil || r.objects == nil {
		return err
	}
	return r.objects.Ready(ctx)
}

// serve answers requests until ctx ends; onShutdown may be nil.
func (r *resources) serve(ctx context.Context, l net.Listener, h http.Handler, onShutdown func()) error {
	return httpserver.Serve(ctx, l, httpserver.Config{Handler: h, Stall: r.limits.Idle(), OnShutdown: onShutdown, Log: r.log})
}

// unready logs why a process is not ready and returns what may be said of it outside.
func (r *resources) unready(ctx context.Context, err error) string {
	r.log.WarnContext(ctx, "not ready", "error", err)
	if e, ok := errors.AsType[*bulk.Error](err); ok {
		return e.Message
	}
	return "the store does not answer"
}

func (r *resources) close() error {
	if r.objects == nil {
		return r.store.Close()
	}
	return errors.Join(r.objects.Close(), r.store.Close())
}
