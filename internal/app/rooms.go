package app

import (
	"context"
	"io"
	"net/http"

	"bulkhead/console"
	"bulkhead/ingest"
	"bulkhead/ingest/csvscan"
	"bulkhead/internal/broker"
	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
	"bulkhead/internal/housekeeping"
	"bulkhead/internal/telemetry"
	"bulkhead/processors"
	"bulkhead/processors/dispatch"
	"bulkhead/processors/replay"
	"bulkhead/processors/validate"
)

// Rooms are made here, on the resources, the same way whatever runs beside them.

// newIngest: HTTP body → ledger and objects; the relay learns of staged batches. Files
// may take memory as they are read, 0 for ingest's own default.
func (r *resources) newIngest(cfg config.RoleConfig, memory int64, relay ingest.Notifier, principal func(context.Context) (bulk.Principal, bool)) (*ingest.Uploads, error) {
	return ingest.New(ingest.Config{
		Ledger: r.store, Objects: r.objects, Notifier: relay, Principal: principal, Infer: validate.Columns,
		Limits: r.limits, Logger: r.log, Metrics: ingest.NewMetrics(r.registry), Memory: memory, BatchRows: cfg.BatchRows,
	})
}

// newHousekeeper: what processes that died left undone.
func (r *resources) newHousekeeper() *housekeeping.Housekeeper {
	return housekeeping.New(housekeeping.Config{Ledger: r.store, Objects: r.objects, Metrics: housekeeping.NewMetrics(r.registry), Log: r.log})
}

// newRelay: ledger's outbox → topic of batches.
func (r *resources) newRelay() (*broker.Relay, error) { return broker.NewRelay(r.broker, r.store) }

// newDispatcher: topic of batches → fair queue → leases.
// holders are the processors of other processes, nil where there are none.
func (r *resources) newDispatcher(holders dispatch.Holders, fifo bool) (*dispatch.Dispatcher, *broker.Consumer, error) {
	consumer, err := broker.NewConsumer(r.broker)
	if err != nil {
		return nil, nil, err
	}
	d, err := dispatch.New(dispatch.Config{
		Ledger: r.store, References: consumer, Holders: holders, FIFO: fifo, Log: r.log, Metrics: dispatch.NewMetrics(r.registry),
	})
	return d, consumer, err
}

// newProcessor: lease → object → validation → commit.
func (r *resources) newProcessor(node bulk.NodeID, d processors.Dispatcher, slots int) (*processors.Node, error) {
	return processors.New(processors.Config{
		Node: node, Slots: slots, Dispatcher: d, Ledger: r.store, Batches: r.batches,
		Log: r.log, Metrics: processors.NewMetrics(r.registry),
	})
}

// files is where a console sends what is uploaded.
type files interface {
	console.Uploads
	Content() http.Handler
}

// newConsole: pages and API over the store; files go to ingest unread.
func (r *resources) newConsole(files files, seen cluster, health console.Health, cfg config.RoleConfig) (*console.Server, error) {
	half := r.store.ReadersAtOnce() / 2
	return console.New(console.Config{
		Accounts: r.store, Imports: r.store, Datasets: r.store, Uploads: files, Rejects: replay.Rejects{Reader: replay.NewReader(awaited{r.objects}), Ledger: r.store},
		Dispatchers: seen, Nodes: seen,
		Reads: func() int { return seen.Reads(half) }, // who looks up credentials finds a connection
		RejectsCSV: func(w io.Writer, layout bulk.Layout, raw bool) (console.RejectWriter, error) {
			return csvscan.NewRejectWriter(w, layout, raw), nil
		},
		Content: files.Content(), Health: health, Limits: r.limits, CheckSpec: validate.CheckSpec,
		Metrics: console.NewMetrics(r.registry), Measurements: telemetry.Handler(r.registry), Logger: r.log, Version: Version(), SecureCookies: cfg.SecureCookies, AllowedOrigins: cfg.AllowedOrigins,
	})
}

// awaited is an object store that requests of a console wait for without their permits.
type awaited struct{ replay.Objects }

// Get implements replay.Objects.
func (a awaited) Get(ctx context.Context, key string) (data []byte, err error) {
	console.Await(ctx, func() { data, err = a.Objects.Get(ctx, key) })
	return data, err
}
