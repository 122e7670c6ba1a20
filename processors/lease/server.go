package lease

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors"
)

// Bounds of the long polls.
const (
	maxWait    = 10 * time.Second
	weightWait = 5 * time.Second
	weightStep = 10 * time.Millisecond
)

// Dispatcher is what the server offers to other processes.
type Dispatcher interface {
	processors.Dispatcher
	// Weight is how much is due here in a round; see drr.Queue.Demand.
	Weight() int
	// Queue is how it stands; the server fills in whose it is.
	Queue() bulk.Queue
	// Waits tells why an account's imports wait.
	Waits(account bulk.AccountID) []bulk.Wait
}

type leaseRequest struct {
	Node   bulk.NodeID `json:"node"`
	WaitMS int64       `json:"wait_ms"`
}

type heldRequest struct {
	Node    bulk.NodeID        `json:"node"`
	Lease   bulk.Lease         `json:"lease"`
	Outcome processors.Outcome `json:"outcome,omitzero"`
}

type heldAnswer struct {
	Held bool `json:"held"`
}

// leaseAnswer is a lease, or none, and the weight after it.
type leaseAnswer struct {
	Lease *bulk.Lease `json:"lease,omitempty"`
	weightAnswer
}

type weightAnswer struct {
	Weight int `json:"weight"`
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
		l, err := d.Lease(ctx, q.Node)
		switch {
		case err == nil:
			answer(w, leaseAnswer{&l, weightAnswer{d.Weight()}})
		case ctx.Err() != nil && errors.Is(err, ctx.Err()):
			answer(w, leaseAnswer{weightAnswer: weightAnswer{d.Weight()}})
		default:
			http.Error(w, "no lease", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("POST /cluster/extend", func(w http.ResponseWriter, r *http.Request) {
		var q heldRequest
		if !decode(w, r, &q) {
			return
		}
		held, err := d.Extend(r.Context(), q.Node, q.Lease)
		if err != nil {
			http.Error(w, "not extended", http.StatusServiceUnavailable)
			return
		}
		answer(w, heldAnswer{held})
	})
	mux.HandleFunc("POST /cluster/return", func(w http.ResponseWriter, r *http.Request) {
		var q heldRequest
		if !decode(w, r, &q) {
			return
		}
		held, err := d.Extend(r.Context(), q.Node, q.Lease) // whether it is known here
		if err == nil {
			err = d.Return(r.Context(), q.Node, q.Lease, q.Outcome)
		}
		if err != nil {
			http.Error(w, "not returned", http.StatusServiceUnavailable)
			return
		}
		answer(w, heldAnswer{held})
	})
	mux.HandleFunc("GET /cluster/weight", func(w http.ResponseWriter, r *http.Request) {
		above, err := strconv.Atoi(r.URL.Query().Get("above"))
		if err != nil {
			http.Error(w, "above is a number", http.StatusBadRequest)
			return
		}
		answer(w, weightAnswer{awaitWeight(r.Context(), d, above)})
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

// awaitWeight waits a while for the weight to rise above the one that is known: where
// that is none for long, else no longer than a weight may be old.
func awaitWeight(ctx context.Context, d Dispatcher, above int) int {
	wait := weightWait
	if above > 0 {
		wait = refresh
	}
	end := time.NewTimer(wait)
	defer end.Stop()
	tick := time.NewTicker(weightStep)
	defer tick.Stop()
	for {
		n := d.Weight()
		if n > above {
			return n
		}
		select {
		case <-ctx.Done():
			return n
		case <-end.C:
			return n
		case <-tick.C:
		}
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
