package lease

import (
	"context"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"bulkhead/internal/bulk"
)

// answerWithin bounds how long a peer is waited for. One that does not answer is left
// out: people, and accounts, do not wait for it.
const answerWithin = time.Second

// View asks all dispatchers at once how they stand.
type View struct{ peers }

// NewView returns a view of the dispatchers of the configuration; it does no I/O.
func NewView(cfg Config) *View { return &View{newPeers(cfg, cfg.Dispatchers)} }

// peers are processes that are asked all at once.
type peers struct {
	live func(ctx context.Context) []bulk.Node
	log  *slog.Logger
	caller
}

func newPeers(cfg Config, live func(ctx context.Context) []bulk.Node) peers {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return peers{live, cfg.Log, newCaller(cfg.Secret, cfg.HTTP)}
}

// Queues returns how each dispatcher stands that answered in time.
func (v *View) Queues(ctx context.Context) (all []bulk.Queue, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	for q := range ask[bulk.Queue](ctx, v.peers, "/cluster/queue") {
		all = append(all, q)
	}
	return all, nil
}

// Waits returns why the account's imports wait. One dispatcher has them all, so the
// first that knows any is believed; an import that none knows is not listed.
func (v *View) Waits(ctx context.Context, account bulk.AccountID) ([]bulk.Wait, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	for waits := range ask[[]bulk.Wait](ctx, v.peers, "/cluster/waits?"+url.Values{"account": {string(account)}}.Encode()) {
		if len(waits) > 0 {
			return waits, nil
		}
	}
	return nil, nil
}

// ask calls every peer and returns a channel of their answers, which is closed when
// all have answered or failed.
func ask[T any](ctx context.Context, v peers, path string) <-chan T {
	nodes := v.live(ctx)
	answers := make(chan T, len(nodes)) // so that nobody blocks on a reader that left
	var calls sync.WaitGroup
	for _, n := range nodes {
		calls.Go(func() {
			var a T
			if err := v.call(ctx, n.URL+path, nil, &a); err != nil {
				v.log.DebugContext(ctx, "peer does not answer", "node", n.ID, "error", err)
				return
			}
			answers <- a
		})
	}
	go func() { calls.Wait(); close(answers) }()
	return answers
}
