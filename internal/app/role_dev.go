package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/gofrs/flock"

	"bulkhead/console"
	"bulkhead/ingest"
	"bulkhead/internal/broker"
	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
	"bulkhead/internal/telemetry"
)

// Dev is every role in one process:
//
//	HTTP ─▶ console ─▶ ingest ─▶ objects (folder), ledger (SQLite)
//	                     └─poke─▶ relay ─▶ kfake ─▶ dispatcher ◀─lease─ processor ─▶ store (SQLite)
//	console ─shares, waits─▶ dispatcher
//	housekeeper: what processes that died left undone
//	mirror:  ledger ─▶ chDB (child process) or ClickHouse, where there is one
//
// Everything it keeps is below the data directory. It may be killed at any moment
// and started again.
type Dev struct {
	URL   string // of the console
	Login string // signs the operator in, once

	*resources
	drain     drain
	lock      *flock.Flock
	listener  net.Listener
	embedded  *broker.Cluster
	uploads   *ingest.Uploads
	account   bulk.AccountID // the operator's
	dataDir   string
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

// wire makes the roles and connects them.
func (d *Dev) wire(c config.DevConfig) error {
	cfg := config.RoleConfig{AllowedOrigins: c.AllowedOrigins}
	relay, err := d.newRelay()
	if err != nil {
		return err
	}
	if d.uploads, err = d.newIngest(cfg, devFiles, relay, console.PrincipalFrom); err != nil {
		return err
	}
	dispatcher, consumer, err := d.newDispatcher(nil, false)
	if err != nil {
		return err
	}
	node := bulk.Node{ID: bulk.NewNodeID(bulk.RoleDev), Role: bulk.RoleDev, Slots: runtime.GOMAXPROCS(0), Version: Version(), StartedAt: time.Now().UTC()}
	processor, err := d.newProcessor(node.ID, dispatcher, node.Slots)
	if err != nil {
		return err
	}
	server, err := d.newConsole(d.uploads, localCluster{node: node, dispatcher: dispatcher, processor: processor, uploads: d.uploads}, d, cfg)
	if err != nil {
		return err
	}
	d.drain.take(func(ctx context.Context) error { return d.serve(ctx, d.listener, server, server.Close) }, d.newHousekeeper().Run, d.mirror)
	if c.Demo {
		d.drain.take(d.runDemo)
	}
	d.drain.finish(processor.Run)
	d.drain.lean(server.Run, d.uploads.Run, relay.Run, dispatcher.Run, consumer.Run)
	return nil
}

// Run works until ctx ends or a part fails, then drains.
func (d *Dev) Run(ctx context.Context) error {
	err := broker.EnsureTopics(ctx, d.broker)
	if err == nil {
		err = d.drain.run(ctx)
	}
	return errors.Join(err, d.close())
}

// mirror copies to analytics until ctx ends, once there are some. Nothing else waits for
// them.
func (d *Dev) mirror(ctx context.Context) error {
	if err := d.copyToAnalytics(ctx, d.analytics); err != nil && ctx.Err() == nil {
		d.log.Warn("analytics are off, imports work without them", "error", err)
	}
	return nil
}
