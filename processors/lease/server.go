package lease

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors"
	"bulkhead/processors/drr"
	"bulkhead/processors/schedule"
)

// Bounds of the long polls.
const (
	maxWait  = 10 * time.Second
	idleWait = 5 * time.Second // for work where there was none
)

// Dispatcher is what the server offers to other processes.
type Dispatcher interface {
	processors.Dispatcher
	// LeaseFor is Lease for a slot that is for newcomers or for the round.
	LeaseFor(ctx context.Context, node bulk.NodeID, ask drr.Ask) (schedule.Answer, error)
	// Heard takes in what a node knows of all dispatchers: how far they have come on average,
	// and whether it has a free slot and nothing is due anywhere.
	Heard(mean drr.Virtual, idle bool)
	// Demand is what is due there.
	Demand() drr.Demand
	// AwaitDemand waits until clearly more is due than is known, or ctx ends; what is due then.
	AwaitDemand(ctx context.Context, known drr.Demand) drr.Demand
	// Queue is how it stands; the server fills in whose it is.
	Queue() bulk.Queue
	// Waits tells why an account's imports wait.
	Waits(account bulk.AccountID) []bulk.Wait
}

type leaseRequest struct {
	Node bulk.NodeID `json:"node"`
	drr.Ask
	WaitMS int64 `json:"wait_ms"`
}

// demandRequest asks what is due beyond what is known.
type demandRequest struct {
	drr.Demand
	Mean drr.Virtual `json:"mean,omitempty"` // of all dispatchers; 0: not known
	Idle bool        `json:"idle,omitempty"` // a slot of the node is free, and nothing due that it knows of
}

type heldAnswer struct {
	Held bool `json:"held"`
}

// Handler serves the protocol for the dispatcher of that process; the caller guards it
// with the cluster secret.
func Handler(node bulk.NodeID, d Dispatcher) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /cluster/lease", func(w http.ResponseWriter, r *http.Request) {
		var q leaseRequest
		if !decode(w, r, &q) {
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), min(time.Duration(q.WaitMS)*time.Millisecond, maxWait))
		defer cancel()
		a, err := d.LeaseFor(ctx, q.Node, q.Ask)
		switch {
		case err == nil:
			a.Due = d.Demand()
			answer(w, a)
		case ctx.Err() != nil && errors.Is(err, ctx.Err()):
			answer(w, schedule.Answer{Due: d.Demand()})
		default:
			http.Error(w, "no lease", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("POST /cluster/extend", aboutLease(func(ctx context.Context, q holding) (bool, error) { return d.Extend(ctx, q.lease()) }))
	mux.HandleFunc("POST /cluster/return", aboutLease(func(ctx context.Context, q holding) (bool, error) { return d.Return(ctx, q.lease(), q.Outcome) }))
	mux.HandleFunc("POST /cluster/demand", func(w http.ResponseWriter, r *http.Request) {
		var q demandRequest
		if !decode(w, r, &q) {
			return
		}
		d.Heard(q.Mean, q.Idle)
		wait := refresh // what is known may be no older
		if !q.Any() {
			wait = idleWait
		}
		ctx, cancel := context.WithTimeout(r.Context(), wait)
		defer cancel()
		answer(w, d.AwaitDemand(ctx, q.Demand))
	})
	mux.HandleFunc("GET /cluster/queue", func(w http.ResponseWriter, _ *http.Request) {
		q := d.Queue()
		q.Dispatcher = node
		answer(w, q)
	})
	mux.HandleFunc("GET /cluster/waits", func(w http.ResponseWriter, r *http.Request) {
		answer(w, d.Waits(bulk.AccountID(r.URL.Query().Get("account"))))
	})
	return mux
}

// aboutLease serves a call about a lease that the caller has.
func aboutLease(do func(ctx context.Context, q holding) (held bool, err error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var q holding
		if !decode(w, r, &q) {
			return
		}
		held, err := do(r.Context(), q)
		if err != nil {
			http.Error(w, "not done", http.StatusServiceUnavailable)
			return
		}
		answer(w, heldAnswer{held})
	}
}

func decode(w http.ResponseWriter, r *http.Request, v any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(v); err != nil {
		http.Error(w, "not the protocol's JSON", http.StatusBadRequest)
		return false
	}
	return true
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v) // a caller that left is found out by its lease
}
