package app

import (
	"context"
	"time"

	"bulkhead/console"
	"bulkhead/ingest"
	"bulkhead/internal/bulk"
	"bulkhead/internal/store"
	"bulkhead/processors"
	"bulkhead/processors/dispatch"
	"bulkhead/processors/lease"
	"bulkhead/processors/schedule"
)

// cluster is what a console can see of it.
type cluster interface {
	console.Dispatchers
	console.Nodes
	// Importing reports whether imports are at work in this process.
	Importing() bool
}

// compared is how both kinds of cluster compare accounts.
type compared struct{}

// Lag implements console.Dispatchers.
func (compared) Lag(of bulk.Measured) bulk.Lag { return schedule.Lag(time.Now(), of) }

// localCluster is one process, which has every role.
type localCluster struct {
	compared
	node       bulk.Node
	dispatcher *dispatch.Dispatcher
	processor  *processors.Node
	uploads    *ingest.Uploads
}

// Importing reports whether a file is being read or a batch worked on.
func (c localCluster) Importing() bool { return c.processor.Busy() || c.uploads.Busy() }

// Queues implements console.Dispatchers.
func (c localCluster) Queues(context.Context) ([]bulk.Queue, error) {
	q := c.dispatcher.Queue()
	q.Dispatcher = c.node.ID
	return []bulk.Queue{q}, nil
}

// Waits implements console.Dispatchers.
func (c localCluster) Waits(_ context.Context, account bulk.AccountID) ([]bulk.Wait, error) {
	return c.dispatcher.Waits(account), nil
}

// Nodes implements console.Nodes: whoever asks finds it alive.
func (c localCluster) Nodes(_ context.Context, role bulk.Role, _ time.Duration) ([]bulk.Node, error) {
	if role != "" && role != c.node.Role {
		return nil, nil
	}
	n := c.node
	n.SeenAt = time.Now().UTC()
	return []bulk.Node{n}, nil
}

// remoteCluster is many processes: the store lists them, and dispatchers are asked over
// HTTP.
type remoteCluster struct {
	compared
	*lease.View
	*store.Store
}

// Importing is false: imports are at work elsewhere.
func (remoteCluster) Importing() bool { return false }
