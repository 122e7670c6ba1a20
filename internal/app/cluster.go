package app

import (
	"context"
	"sync/atomic"
	"time"

	"bulkhead/console"
	"bulkhead/ingest"
	"bulkhead/internal/bulk"
	"bulkhead/internal/store"
	"bulkhead/internal/wait"
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
	return readers(min(most, c.node.Slots-1), c.processor.Busy() || c.uploads.Busy())
}

// readers is how many of so many may read: half while imports are at work.
func readers(most int, importing bool) int {
	if importing {
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
	cpus      int
	importing *atomic.Bool // whether batches waited or were worked on when it was last looked
}

// lookEvery is how often a console that runs apart looks whether imports are at work.
const lookEvery = time.Second

// Reads is one for each CPU, and half of that while imports are at work elsewhere: the
// store is theirs, too.
func (c remoteCluster) Reads(most int) int { return readers(min(most, c.cpus), c.importing.Load()) }

// look keeps knowing whether imports are at work, until ctx ends. While the store does not
// answer, it was right before.
func (c remoteCluster) look(ctx context.Context) error {
	return wait.Every(ctx, lookEvery, func(ctx context.Context) {
		if importing, err := c.Importing(ctx); err == nil {
			c.importing.Store(importing)
		}
	})
}
