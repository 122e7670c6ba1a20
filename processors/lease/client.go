package lease

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors"
	"bulkhead/processors/drr"
)

// refresh is how old a weight may be while there is work. That it has risen is known
// earlier, after watchRest and some.
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
	weights drr.Chooser[string] // by URL
	watched map[string]watch    // by URL
	held    map[key]grant       // leases that this process has
	rose    chan struct{}       // closed and renewed when a weight rises from zero
}

// watch follows the weight of one dispatcher.
type watch struct {
	cancel func()
	again  chan struct{} // holds a token when the weight is to be asked for at once
}

// key names a lease; lease numbers alone are unique at one dispatcher only.
type key struct {
	batch bulk.BatchID
	id    uint64
}

func keyOf(l bulk.Lease) key { return key{l.Ref.ID(), l.ID} }

// grant is a lease with where it came from.
type grant struct {
	bulk.Holding
	url string // of the dispatcher that knows it
}

// NewClient returns a client; it does no I/O.
func NewClient(cfg Config) *Client {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Client{cfg: cfg, caller: newCaller(cfg.Secret, cfg.HTTP), watched: map[string]watch{}, held: map[key]grant{}, rose: make(chan struct{})}
}

// Run follows the weights of all dispatchers until ctx ends.
func (c *Client) Run(ctx context.Context) error {
	var watches sync.WaitGroup
	defer watches.Wait()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		c.follow(ctx, &watches, c.cfg.Dispatchers(ctx))
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
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
			c.weights.Remove(url)
		}
	}
}

func (c *Client) watch(ctx context.Context, url string, again <-chan struct{}) {
	for ctx.Err() == nil {
		begun := time.Now()
		var a weightAnswer
		known := c.weight(url)
		_, err := c.call(ctx, http.MethodGet, url+"/cluster/weight?above="+strconv.Itoa(known+known/8), nil, &a) // less is noise
		if err != nil {
			a.Weight = 0
		}
		c.setWeight(ctx, url, a.Weight)
		rest := watchRest
		if err != nil && time.Since(begun) < refresh { // it is gone, perhaps
			rest = refresh
		}
		pause(ctx, rest, again)
	}
}

// pause waits for a time, or until ctx ends or again says so.
func pause(ctx context.Context, d time.Duration, again <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-again:
	case <-t.C:
	}
}

func (c *Client) weight(url string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.weights.Weight(url)
}

func (c *Client) setWeight(ctx context.Context, url string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, watched := c.watched[url]; ctx.Err() != nil || !watched {
		return
	}
	if n > 0 && c.weights.Weight(url) == 0 {
		close(c.rose)
		c.rose = make(chan struct{})
	}
	c.weights.Set(url, n, rand.Float64())
}

// spent notes that a dispatcher had nothing after all. Its watch asks it at once, and
// hears of new work as soon as there is some.
func (c *Client) spent(url string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w, known := c.watched[url]; known {
		c.weights.Set(url, 0, 0)
		select {
		case w.again <- struct{}{}:
		default:
		}
	}
}

// pick chooses a dispatcher in proportion to its weight, "" when none has work due, and
// says how long to wait there.
func (c *Client) pick() (url string, wait time.Duration, rose <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	url, some := c.weights.Next()
	if some && c.weights.Weight(url) == c.weights.Total() { // nobody else has any
		wait = pollFor
	}
	return url, wait, c.rose
}

// Lease implements processors.Dispatcher.
func (c *Client) Lease(ctx context.Context, node bulk.NodeID) (bulk.Lease, error) {
	for {
		url, wait, rose := c.pick()
		if url == "" {
			select {
			case <-ctx.Done():
				return bulk.Lease{}, ctx.Err()
			case <-rose:
			}
			continue
		}
		var a leaseAnswer
		_, err := c.call(ctx, http.MethodPost, url+"/cluster/lease", leaseRequest{Node: node, WaitMS: wait.Milliseconds()}, &a)
		switch {
		case ctx.Err() != nil:
			return bulk.Lease{}, ctx.Err()
		case err != nil:
			c.setWeight(ctx, url, 0) // until its watch hears otherwise
		case a.Lease == nil:
			c.spent(url)
		default:
			c.setWeight(ctx, url, a.Weight)
			c.keep(grant{bulk.Holding{Node: node, Lease: *a.Lease}, url})
			return *a.Lease, nil
		}
	}
}

func (c *Client) keep(g grant) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held[keyOf(g.Lease)] = g
}

// Held lists the leases that this process has, so that a dispatcher that takes over
// knows what is in flight.
func (c *Client) Held() []bulk.Holding {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]bulk.Holding, 0, len(c.held))
	for _, g := range c.held {
		all = append(all, g.Holding)
	}
	return all
}

// Extend implements processors.Dispatcher.
func (c *Client) Extend(ctx context.Context, node bulk.NodeID, l bulk.Lease) (bool, error) {
	g, err := c.grant(l)
	if err != nil {
		return false, err
	}
	url, err := c.tell(ctx, g, "/cluster/extend", heldRequest{Node: node, Lease: l})
	if url == "" || url == g.url {
		return url != "", err
	}
	g.url = url
	c.keep(g)
	return true, nil
}

// Return implements processors.Dispatcher. Where no dispatcher knows the lease, nobody
// has a use for it: whoever owns the batch finds it ended in the ledger.
func (c *Client) Return(ctx context.Context, node bulk.NodeID, l bulk.Lease, outcome processors.Outcome) error {
	g, err := c.grant(l)
	if err != nil {
		return err
	}
	_, err = c.tell(ctx, g, "/cluster/return", heldRequest{Node: node, Lease: l, Outcome: outcome})
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.held, keyOf(l))
	return err
}

func (c *Client) grant(l bulk.Lease) (grant, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g, ok := c.held[keyOf(l)]
	if !ok {
		return g, fmt.Errorf("lease %d of %s is not held here", l.ID, l.Ref.ID())
	}
	return g, nil
}

// tell makes a call about a lease to the dispatcher that granted it and, if that is gone
// or does not know it any more, to the others: the partition may have moved. It returns
// the address of the one that knows the lease, or "".
func (c *Client) tell(ctx context.Context, g grant, path string, q heldRequest) (url string, err error) {
	var a heldAnswer
	if _, err = c.call(ctx, http.MethodPost, g.url+path, q, &a); err == nil && a.Held {
		return g.url, nil
	}
	for _, n := range c.cfg.Dispatchers(ctx) {
		if n.URL == g.url {
			continue
		}
		if _, e := c.call(ctx, http.MethodPost, n.URL+path, q, &a); e == nil && a.Held {
			return n.URL, nil
		}
	}
	return "", err
}
