package lease

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"bulkhead/internal/bulk"
)

// answerWithin bounds how long a dispatcher is waited for. One that does not answer
// is left out: people look at the others meanwhile.
const answerWithin = time.Second

// View asks all dispatchers at once how they stand.
type View struct {
	dispatchers func(ctx context.Context) []bulk.Node
	log         *slog.Logger
	caller
}

// NewView returns a view of the dispatchers of the configuration; it does no I/O.
func NewView(cfg Config) *View {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &View{cfg.Dispatchers, cfg.Log, newCaller(cfg.Secret, cfg.HTTP)}
}

// Queues returns how each dispatcher stands that answered in time.
func (v *View) Queues(ctx context.Context) (all []bulk.Queue, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	for q := range ask[bulk.Queue](ctx, v, "/cluster/queue") {
		all = append(all, q)
	}
	return all, nil
}

// Waits returns why the account's imports wait. One dispatcher has them all, so the
// first that knows any is believed; an import that none knows is not listed.
func (v *View) Waits(ctx context.Context, account bulk.AccountID) ([]bulk.Wait, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	for waits := range ask[[]bulk.Wait](ctx, v, "/cluster/waits?"+url.Values{"account": {string(account)}}.Encode()) {
		if len(waits) > 0 {
			return waits, nil
		}
	}
	return nil, nil
}

// ask calls every dispatcher and returns a channel of their answers, which is closed
// when all have answered or failed.
func ask[T any](ctx context.Context, v *View, path string) <-chan T {
	nodes := v.dispatchers(ctx)
	answers := make(chan T, len(nodes)) // so that nobody blocks on a reader that left
	var calls sync.WaitGroup
	for _, n := range nodes {
		calls.Go(func() {
			var a T
			if _, err := v.call(ctx, http.MethodGet, n.URL+path, nil, &a); err != nil {
				v.log.DebugContext(ctx, "dispatcher does not say how it stands", "dispatcher", n.ID, "error", err)
				return
			}
			answers <- a
		})
	}
	go func() { calls.Wait(); close(answers) }()
	return answers
}
