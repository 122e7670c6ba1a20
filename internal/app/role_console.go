package app

import (
	"context"
	"io"
	"runtime"
	"sync/atomic"

	"bulkhead/console"
	"bulkhead/ingest/remote"
	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
	"bulkhead/internal/peer"
	"bulkhead/processors/lease"
)

// RunConsole is the console as a process of its own:
//
//	HTTP ─▶ pages, API ─▶ store
//	          ├─ files ─▶ an ingest process (remote)
//	          └─ shares, waits ─▶ every dispatcher (lease)
//
// It never reads a file.
func RunConsole(logs io.Writer) func(context.Context, config.RoleConfig) error {
	return func(ctx context.Context, cfg config.RoleConfig) error {
		p, err := newProcess(ctx, bulk.RoleConsole, cfg, logs)
		if err != nil {
			return err
		}
		client := &remote.Client{
			Secret: cfg.ClusterSecret, Ingests: peer.NewDirectory(p.store, bulk.RoleIngest).Live, Principal: console.PrincipalFrom,
		}
		queues := lease.NewView(lease.Config{Secret: cfg.ClusterSecret, Dispatchers: peer.NewDirectory(p.store, bulk.RoleDispatcher).All, Log: p.log})
		seen := remoteCluster{View: queues, Store: p.store, cpus: runtime.GOMAXPROCS(0), importing: &atomic.Bool{}}
		server, err := p.newConsole(awaitedFiles{client}, seen, p, cfg)
		if err != nil {
			return err
		}
		p.mux.Handle("/", server)
		p.onClose = server.Close
		p.drain.lean(server.Run, seen.look)
		return p.run(ctx)
	}
}

// awaitedFiles are ingest processes, for whose previews requests wait without their permits.
type awaitedFiles struct{ *remote.Client }

// Preview implements console.Uploads.
func (f awaitedFiles) Preview(ctx context.Context, sample bulk.Sample) (p bulk.Preview, err error) {
	console.Await(ctx, func() { p, err = f.Client.Preview(ctx, sample) })
	return p, err
}
