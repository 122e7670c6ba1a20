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
	// Reads is how many may read the store at once now, of those that it has connections for.
	Reads(most int) int
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

// Reads leaves a CPU to what does not read, and half of the others while a file is being
// taken in or a batch worked on.
func (c localCluster) Reads(most int) int {
	most = min(most, c.node.Slots-1)
	if c.processor.Busy() || c.uploads.Busy() {
		most /= 2
	}
	return max(1, most)
}

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

// Reads is all of them: imports are at work elsewhere.
func (remoteCluster) Reads(most int) int { return most }
