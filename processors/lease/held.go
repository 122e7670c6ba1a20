package lease

import (
	"context"
	"net/http"

	"bulkhead/internal/bulk"
)

// HeldHandler tells dispatchers what a processor holds; the caller guards it with the
// cluster secret.
func HeldHandler(held func() []bulk.Holding) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /cluster/held", func(w http.ResponseWriter, _ *http.Request) { answer(w, held()) })
	return mux
}

// Holders asks all processors at once what they hold.
type Holders struct{ peers }

// NewHolders returns the processors that the configuration names; it does no I/O.
func NewHolders(cfg Config) *Holders { return &Holders{newPeers(cfg, cfg.Processors)} }

// Held lists the leases of every processor that answered in time.
func (h *Holders) Held(ctx context.Context) (all []bulk.Holding, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	for held := range ask[[]bulk.Holding](ctx, h.peers, "/cluster/held") {
		all = append(all, held...)
	}
	return all, nil
}
