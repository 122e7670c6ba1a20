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
)

// refresh is how old a weight may be while there is work.
const refresh = 250 * time.Millisecond

// pollFor is how long a lease call waits at one dispatcher before weights are looked
// at again: work that was due may have gone to another slot.
const pollFor = 250 * time.Millisecond

// Config is what a client needs.
type Config struct {
	Secret      string                                // of the cluster
	Dispatchers func(ctx context.Context) []bulk.Node // those alive now
	HTTP        *http.Client                          // default: one of its own
	Log         *slog.Logger                          // default: discard
}

// Client is a processors.Dispatcher in other processes. Run must run beside it.
type Client struct {
	cfg Config
	caller

	mu      sync.Mutex
	weights map[string]int    // by URL
	watched map[string]func() // cancels the watch of a URL
	owners  map[held]string   // URL that a lease came from
	rose    chan struct{}     // closed and renewed when a weight rises from zero
}

type held struct {
	batch bulk.BatchID
	id    uint64
}

// NewClient returns a client; it does no I/O.
func NewClient(cfg Config) *Client {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Client{cfg: cfg, caller: newCaller(cfg.Secret, cfg.HTTP), weights: map[string]int{}, watched: map[string]func(){}, owners: map[held]string{}, rose: make(chan struct{})}
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
		if c.watched[n.URL] != nil {
			continue
		}
		ctx, cancel := context.WithCancel(ctx)
		c.watched[n.URL] = cancel
		watches.Go(func() { c.watch(ctx, n.URL) })
	}
	for url, cancel := range c.watched {
		if !alive[url] {
			cancel()
			delete(c.watched, url)
			delete(c.weights, url)
		}
	}
}

func (c *Client) watch(ctx context.Context, url string) {
	for ctx.Err() == nil {
		begun := time.Now()
		above := 0 // idle: hear of work at once
		if c.weight(url) > 0 {
			above = -1 // busy: the present value, now and then
		}
		var a weightAnswer
		if _, err := c.call(ctx, http.MethodGet, url+"/cluster/weight?above="+strconv.Itoa(above), nil, &a); err != nil {
			a.Weight = 0
		}
		c.setWeight(ctx, url, a.Weight)
		if a.Weight > 0 || time.Since(begun) < weightStep {
			pause(ctx, refresh)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

func (c *Client) weight(url string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.weights[url]
}

func (c *Client) setWeight(ctx context.Context, url string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil {
		return // no longer watched
	}
	if n > 0 && c.weights[url] == 0 {
		close(c.rose)
		c.rose = make(chan struct{})
	}
	c.weights[url] = n
}

// pick chooses a dispatcher in proportion to its weight, "" when none has work due.
func (c *Client) pick() (url string, rose <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	total := 0
	for _, n := range c.weights {
		total += n
	}
	if total == 0 {
		return "", c.rose
	}
	at := rand.IntN(total)
	for u, n := range c.weights {
		if at -= n; at < 0 {
			return u, c.rose
		}
	}
	return "", c.rose
}

// Lease implements processors.Dispatcher.
func (c *Client) Lease(ctx context.Context, node bulk.NodeID) (bulk.Lease, error) {
	for {
		url, rose := c.pick()
		if url == "" {
			select {
			case <-ctx.Done():
				return bulk.Lease{}, ctx.Err()
			case <-rose:
			}
			continue
		}
		var l bulk.Lease
		status, err := c.call(ctx, http.MethodPost, url+"/cluster/lease", leaseRequest{Node: node, WaitMS: pollFor.Milliseconds()}, &l)
		switch {
		case ctx.Err() != nil:
			return bulk.Lease{}, ctx.Err()
		case err != nil:
			c.setWeight(ctx, url, 0) // until its watch hears otherwise
		case status == http.StatusOK:
			c.own(l, url)
			return l, nil
		}
	}
}

func (c *Client) own(l bulk.Lease, url string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owners[held{l.Ref.ID(), l.ID}] = url
}

func (c *Client) owner(l bulk.Lease) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	url, ok := c.owners[held{l.Ref.ID(), l.ID}]
	if !ok {
		return "", fmt.Errorf("lease %d of %s is not held here", l.ID, l.Ref.ID())
	}
	return url, nil
}

// Extend implements processors.Dispatcher.
func (c *Client) Extend(ctx context.Context, node bulk.NodeID, l bulk.Lease) (bool, error) {
	url, err := c.owner(l)
	if err != nil {
		return false, err
	}
	var a heldAnswer
	_, err = c.call(ctx, http.MethodPost, url+"/cluster/extend", heldRequest{Node: node, Lease: l}, &a)
	return a.Held, err
}

// Return implements processors.Dispatcher. A dispatcher that died has no use for it:
// whoever took over finds the batch ended in the ledger.
func (c *Client) Return(ctx context.Context, node bulk.NodeID, l bulk.Lease, outcome processors.Outcome) error {
	url, err := c.owner(l)
	if err != nil {
		return err
	}
	c.mu.Lock()
	delete(c.owners, held{l.Ref.ID(), l.ID})
	c.mu.Unlock()
	_, err = c.call(ctx, http.MethodPost, url+"/cluster/return", heldRequest{Node: node, Lease: l, Outcome: outcome}, nil)
	return err
}
