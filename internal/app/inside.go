package app

import (
	"context"
	"time"

	"bulkhead/console"
	"bulkhead/internal/bulk"
	"bulkhead/internal/store"
	"bulkhead/processors/dispatch"
	"bulkhead/processors/lease"
)

// insight is what a console can see of the cluster.
type insight interface {
	console.Dispatchers
	console.Nodes
}

// inside is a cluster of one process, which has every role.
type inside struct {
	node       bulk.Node
	dispatcher *dispatch.Dispatcher
}

// Queues implements console.Dispatchers.
func (i inside) Queues(context.Context) ([]bulk.Queue, error) {
	q := i.dispatcher.Queue()
	q.Dispatcher = i.node.ID
	return []bulk.Queue{q}, nil
}

// Waits implements console.Dispatchers.
func (i inside) Waits(_ context.Context, account bulk.AccountID) ([]bulk.Wait, error) {
	return i.dispatcher.Waits(account), nil
}

// Nodes implements console.Nodes: whoever asks finds it alive.
func (i inside) Nodes(_ context.Context, role string, _ time.Duration) ([]bulk.Node, error) {
	if role != "" && role != i.node.Role {
		return nil, nil
	}
	n := i.node
	n.SeenAt = time.Now().UTC()
	return []bulk.Node{n}, nil
}

// outside is a cluster of many processes: the store lists them, and dispatchers are
// asked over HTTP.
type outside struct {
	*lease.View
	*store.Store
}
