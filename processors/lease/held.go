package lease

import (
	"context"
	"net/http"

	"bulkhead/internal/bulk"
)

// holding is a lease between processes, with the node that has it.
type holding struct {
	Node    bulk.NodeID  `json:"node"`
	Lease   bulk.Lease   `json:"lease"`
	Outcome bulk.Outcome `json:"outcome,omitzero"` // when it is returned
}

func (h holding) lease() bulk.Lease {
	h.Lease.Node = h.Node
	return h.Lease
}

// HeldHandler tells dispatchers what a processor holds; the caller guards it with the
// cluster secret.
func HeldHandler(held func() []bulk.Lease) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /cluster/held", func(w http.ResponseWriter, _ *http.Request) {
		all := []holding{}
		for _, l := range held() {
			all = append(all, holding{Node: l.Node, Lease: l})
		}
		answer(w, all)
	})
	return mux
}

// Holders asks all processors at once what they hold.
type Holders struct{ peers }

// NewHolders returns the processors that the configuration names; it does no I/O.
func NewHolders(cfg Config) *Holders { return &Holders{newPeers(cfg, cfg.Processors)} }

// Held lists the leases of every processor that answered in time.
func (h *Holders) Held(ctx context.Context) (all []bulk.Lease, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	for held := range ask[[]holding](ctx, h.peers, "/cluster/held") {
		for _, h := range held {
			all = append(all, h.lease())
		}
	}
	return all, nil
}
