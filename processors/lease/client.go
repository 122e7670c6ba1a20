package lease

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/wait"
	"bulkhead/processors/drr"
	"bulkhead/processors/schedule"
)

// refresh is how old what is known of a dispatcher's demand may be while there is work.
// That it has risen is known earlier, after watchRest and some.
const (
	refresh   = 250 * time.Millisecond
	watchRest = 20 * time.Millisecond // between two questions to a dispatcher
)

// pollFor is how long a lease call waits at the one dispatcher that has work, which may
// just have gone to another slot. It is short: meanwhile the slot does not see work that
// comes to another dispatcher. Where others have work as well, it does not wait.
const pollFor = 20 * time.Millisecond

// Config is what a client needs.
type Config struct {
	Secret      string                                // of the cluster
	Dispatchers func(ctx context.Context) []bulk.Node // those alive now, for a [Client] and a [View]
	Processors  func(ctx context.Context) []bulk.Node // the same for [Holders]
	HTTP        *http.Client                          // default: one of its own
	Log         *slog.Logger                          // default: discard
}

// Client is a processors.Dispatcher in other processes. Run must run beside it.
type Client struct {
	cfg Config
	caller

	mu      sync.Mutex
	node    *schedule.Node[string] // dispatchers by URL
	watched map[string]watch       // by URL
	held    map[bulk.Lease]granted // what this process has
	idle    int                    // slots that wait for any dispatcher to have work
	rose    chan struct{}          // closed and renewed when a dispatcher has work that had none
}

// granted is a lease's answer, and the URL of the dispatcher that knows the lease.
type granted struct {
	url    string
	answer schedule.Answer
}

// watch follows the demand of one dispatcher.
type watch struct {
	cancel func()
	again  chan struct{} // holds a token when it is to be asked at once
}

// NewClient returns a client; it does no I/O.
func NewClient(cfg Config) *Client {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Client{cfg: cfg, caller: newCaller(cfg.Secret, cfg.HTTP), node: schedule.NewNode[string](), watched: map[string]watch{}, held: map[bulk.Lease]granted{}, rose: make(chan struct{})}
}

// Run follows the demand of all dispatchers until ctx ends.
func (c *Client) Run(ctx context.Context) error {
	var watches sync.WaitGroup
	defer watches.Wait()
	follow := func(ctx context.Context) { c.follow(ctx, &watches, c.cfg.Dispatchers(ctx)) }
	follow(ctx)
	return wait.Every(ctx, time.Second, follow)
}

// follow starts a watch of each new dispatcher and ends those of dead ones.
func (c *Client) follow(ctx context.Context, watches *sync.WaitGroup, live []bulk.Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	alive := map[string]bool{}
	for _, n := range live {
		alive[n.URL] = true
		if _, known := c.watched[n.URL]; known {
			continue
		}
		ctx, cancel := context.WithCancel(ctx)
		w := watch{cancel, make(chan struct{}, 1)}
		c.watched[n.URL] = w
		watches.Go(func() { c.watch(ctx, n.URL, w.again) })
	}
	for url, w := range c.watched {
		if !alive[url] {
			w.cancel()
			delete(c.watched, url)
			c.node.Forget(url)
		}
	}
}

func (c *Client) watch(ctx context.Context, url string, again <-chan struct{}) {
	for ctx.Err() == nil {
		begun := time.Now()
		var due drr.Demand
		err := c.call(ctx, url+"/cluster/demand", c.demand(url), &due)
		if err != nil {
			due = drr.Demand{}
		}
		c.learn(ctx, url, due)
		rest := watchRest
		if err != nil && time.Since(begun) < refresh { // it is gone, perhaps
			rest = refresh
		}
		_ = wait.UntilWoken(ctx, rest, again)
	}
}

func (c *Client) demand(url string) demandRequest {
	c.mu.Lock()
	defer c.mu.Unlock()
	return demandRequest{c.node.Known(url), c.node.Mean(), c.idle > 0}
}

// learn takes in what is due at a dispatcher.
func (c *Client) learn(ctx context.Context, url string, due drr.Demand) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, watched := c.watched[url]; ctx.Err() != nil || !watched {
		return
	}
	if c.node.Hear(url, due, rand.Float64()) {
		c.wake()
	}
}

func (c *Client) wake() {
	close(c.rose)
	c.rose = make(chan struct{})
}

// ask chooses a dispatcher for a free slot; false: none has work due.
func (c *Client) ask(inVain bool) (q schedule.Request[string], rose <-chan struct{}, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	q, ok = c.node.Ask(inVain)
	return q, c.rose, ok
}

// take learns from a dispatcher's answer. The watch of one that had nothing asks it at
// once, and hears of new work as soon as there is some.
func (c *Client) take(q schedule.Request[string], a schedule.Answer) (inVain bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w, watched := c.watched[q.Dispatcher]
	if !watched {
		return false
	}
	then := c.node.Take(q, a, rand.Float64())
	if then.Rose {
		c.wake()
	}
	if then.Empty {
		select {
		case w.again <- struct{}{}:
		default:
		}
	}
	return then.InVain
}

// Lease implements processors.Dispatcher.
func (c *Client) Lease(ctx context.Context, node bulk.NodeID) (bulk.Lease, error) {
	inVain := false // a newcomer was looked for
	for {
		q, rose, ok := c.ask(inVain)
		if !ok {
			if err := c.await(ctx, rose); err != nil {
				return bulk.Lease{}, err
			}
			continue
		}
		ask := leaseRequest{Node: node, Ask: q.Ask}
		if q.Alone {
			ask.WaitMS = pollFor.Milliseconds()
		}
		var a schedule.Answer
		err := c.call(ctx, q.Dispatcher+"/cluster/lease", ask, &a)
		if ctx.Err() != nil {
			return bulk.Lease{}, ctx.Err()
		}
		if err != nil {
			c.learn(ctx, q.Dispatcher, drr.Demand{}) // until its watch hears otherwise
			continue
		}
		if again := c.take(q, a); a.Lease == nil {
			inVain = inVain || again
			continue
		}
		a.Lease.Node = node
		c.keep(q.Dispatcher, a)
		return *a.Lease, nil
	}
}

// await lets an idle slot wait until a dispatcher has work.
func (c *Client) await(ctx context.Context, rose <-chan struct{}) error {
	c.count(1)
	defer c.count(-1)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-rose:
		return nil
	}
}

func (c *Client) count(idle int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle += idle
}

func (c *Client) keep(url string, a schedule.Answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held[*a.Lease] = granted{url, a}
}

// Held lists the leases that this process has, so that a dispatcher that takes over
// knows what is in flight.
func (c *Client) Held() []bulk.Lease {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Keys(c.held))
}

// Extend implements processors.Dispatcher.
func (c *Client) Extend(ctx context.Context, l bulk.Lease) (held bool, err error) {
	url, err := c.tell(ctx, "/cluster/extend", holding{Node: l.Node, Lease: l})
	c.mu.Lock()
	defer c.mu.Unlock()
	if g, had := c.held[l]; had && url != "" {
		g.url = url
		c.held[l] = g
	}
	return url != "", err
}

// Return implements processors.Dispatcher. Where no dispatcher knows the lease, nobody
// has a use for it: whoever owns the batch finds it ended in the ledger.
func (c *Client) Return(ctx context.Context, l bulk.Lease, outcome bulk.Outcome) (held bool, err error) {
	url, err := c.tell(ctx, "/cluster/return", holding{Node: l.Node, Lease: l, Outcome: outcome})
	c.mu.Lock()
	defer c.mu.Unlock()
	if g, had := c.held[l]; had {
		c.node.Ended(g.url, g.answer, outcome.Service)
	}
	delete(c.held, l)
	return url != "", err
}

// dispatcher returns the address of the dispatcher that knew the lease last.
func (c *Client) dispatcher(l bulk.Lease) (url string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g, ok := c.held[l]
	if !ok {
		return "", fmt.Errorf("lease %d of %s is not held here", l.ID, l.Ref.ID())
	}
	return g.url, nil
}

// tell makes a call about a lease to the dispatcher that granted it and, if that is gone
// or does not know it any more, to the others: the partition may have moved. It returns
// the address of the one that knows the lease, or "".
func (c *Client) tell(ctx context.Context, path string, q holding) (url string, err error) {
	granted, err := c.dispatcher(q.Lease)
	if err != nil {
		return "", err
	}
	var a heldAnswer
	if err = c.call(ctx, granted+path, q, &a); err == nil && a.Held {
		return granted, nil
	}
	for _, n := range c.cfg.Dispatchers(ctx) {
		if n.URL == granted {
			continue
		}
		if e := c.call(ctx, n.URL+path, q, &a); e == nil && a.Held {
			return n.URL, nil
		}
	}
	return "", err
}
