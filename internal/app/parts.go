package app

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"

	"bulkhead/console"
	"bulkhead/ingest"
	"bulkhead/ingest/csvscan"
	"bulkhead/internal/broker"
	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
	"bulkhead/internal/objects"
	"bulkhead/internal/store"
	"bulkhead/internal/telemetry"
	"bulkhead/processors"
	"bulkhead/processors/dispatch"
	"bulkhead/processors/validate"
)

// parts are the engines that the roles stand on, and what every role is given.
type parts struct {
	store   *store.Store
	objects objects.Store
	broker  broker.Config
	metrics *telemetry.Metrics
	log     *slog.Logger
	limits  bulk.Limits
}

// openMachine opens the engines of one machine, below the data directory unless told otherwise.
func openMachine(ctx context.Context, c config.DevConfig, log *slog.Logger) (*parts, *broker.Cluster, error) {
	p := newParts(log)
	var err error
	if p.store, err = store.New(store.Config{URL: cmp.Or(c.Store, "sqlite:"+filepath.Join(c.DataDir, "store.db"))}); err != nil {
		return nil, nil, err
	}
	if err := p.store.Migrate(ctx); err != nil {
		return nil, nil, errors.Join(err, p.store.Close())
	}
	if p.objects, err = objects.OpenFolder(filepath.Join(c.DataDir, "objects")); err != nil {
		return nil, nil, errors.Join(err, p.store.Close())
	}
	cluster, err := broker.Embedded(filepath.Join(c.DataDir, "broker"))
	if err != nil {
		return nil, nil, errors.Join(err, p.close())
	}
	p.broker = broker.Config{Seeds: cluster.Seeds(), Log: log}
	p.metrics.Registry.MustRegister(ledgerCollector{p.store, log})
	return p, cluster, nil
}

// openCluster opens the engines that the settings name. It creates and migrates
// nothing: that is the role migrate.
func openCluster(cfg config.RoleConfig, log *slog.Logger) (*parts, error) {
	p := newParts(log)
	p.limits.EventStreams = cmp.Or(cfg.EventStreams, p.limits.EventStreams)
	var err error
	if p.store, err = openStore(cfg); err != nil {
		return nil, err
	}
	if cfg.Objects != "" {
		if p.objects, err = objects.Open(cfg.Objects); err != nil {
			return nil, errors.Join(err, p.store.Close())
		}
	}
	p.broker = broker.Config{
		Seeds: cfg.Brokers, Prefix: cfg.TopicPrefix, Security: broker.Security{TLS: cfg.BrokerTLS, SASL: cfg.BrokerSASL, User: cfg.BrokerUser, Password: cfg.BrokerPassword},
		Log: log,
	}
	p.metrics.Registry.MustRegister(ledgerCollector{p.store, log})
	return p, nil
}

func openStore(cfg config.RoleConfig) (*store.Store, error) {
	return store.New(store.Config{URL: cfg.Store})
}

func newParts(log *slog.Logger) *parts {
	return &parts{metrics: telemetry.NewMetrics(), log: log, limits: bulk.DefaultLimits()}
}

// Ready reports whether the engines can be read and written; it implements console.Health.
func (p *parts) Ready(ctx context.Context) error {
	if err := p.store.Ready(ctx); err != nil || p.objects == nil {
		return err
	}
	return p.objects.Ready(ctx)
}

// unready logs why a process is not ready and returns what may be said of it outside.
func (p *parts) unready(ctx context.Context, err error) string {
	p.log.WarnContext(ctx, "not ready", "error", err)
	if e, ok := errors.AsType[*bulk.Error](err); ok {
		return e.Message
	}
	return "the store does not answer"
}

func (p *parts) close() error {
	if p.objects == nil {
		return p.store.Close()
	}
	return errors.Join(p.objects.Close(), p.store.Close())
}

// newIngest: HTTP body → ledger and objects; the relay learns of staged batches. Files
// may take memory as they are read, 0 for ingest's own default.
func (p *parts) newIngest(cfg config.RoleConfig, memory int64, relay ingest.Notifier, principal func(context.Context) (bulk.Principal, bool)) (*ingest.Uploads, error) {
	return ingest.New(ingest.Config{
		Ledger: p.store, Objects: p.objects, Notifier: relay, Principal: principal, Infer: validate.Columns,
		Limits: p.limits, Logger: p.log, Bytes: p.metrics.BytesIngested, Stage: p.metrics.BatchSeconds.WithLabelValues("stage"),
		Metrics: ingest.NewMetrics(p.metrics.Registry), Memory: memory, BatchRows: cfg.BatchRows,
	})
}

// newRelay: ledger's outbox → topic of batches.
func (p *parts) newRelay() (*broker.Relay, error) { return broker.NewRelay(p.broker, p.store) }

// newDispatcher: topic of batches → fair queue → leases.
// holders are the processors of other processes, nil where there are none.
func (p *parts) newDispatcher(holders dispatch.Holders, fifo bool) (*dispatch.Dispatcher, *broker.Consumer, error) {
	consumer, err := broker.NewConsumer(p.broker)
	if err != nil {
		return nil, nil, err
	}
	d, err := dispatch.New(dispatch.Config{
		Ledger: p.store, References: consumer, Holders: holders, FIFO: fifo, Log: p.log, Metrics: dispatch.NewMetrics(p.metrics.Registry),
	})
	return d, consumer, err
}

// newProcessor: lease → object → validation → commit.
func (p *parts) newProcessor(node bulk.NodeID, d processors.Dispatcher, slots int) (*processors.Node, error) {
	return processors.New(processors.Config{
		Node: node, Slots: slots, Dispatcher: d, Ledger: p.store, Batches: p.objects,
		Log: p.log, Metrics: processors.NewMetrics(p.metrics.Registry, p.metrics.BatchSeconds, p.metrics.Rows),
	})
}

// newConsole: pages and API over the store; files go to ingest unread.
func (p *parts) newConsole(uploads console.Uploads, content http.Handler, cluster insight, health console.Health, cfg config.RoleConfig) (*console.Server, error) {
	return console.New(console.Config{
		Accounts: p.store, Imports: p.store, Datasets: p.store, Uploads: uploads, Rejects: rejects{p.store, p.objects},
		Dispatchers: cluster, Nodes: cluster,
		RejectsCSV: func(w io.Writer, layout bulk.Layout, raw bool) (console.RejectWriter, error) {
			return csvscan.NewRejectWriter(w, layout, raw), nil
		},
		Content: content, Health: health, Limits: p.limits, CheckSpec: validate.CheckSpec,
		Registry: p.metrics.Registry, Logger: p.log, Version: Version(), SecureCookies: cfg.SecureCookies, AllowedOrigins: cfg.AllowedOrigins,
	})
}
