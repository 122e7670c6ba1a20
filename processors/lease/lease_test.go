package lease

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/peer"
	"bulkhead/processors/drr"
	"bulkhead/processors/schedule"
)

const secret = "a secret of the cluster"

// due is a dispatcher with batches that are due; each lease takes one.
type due struct {
	mu        sync.Mutex
	changed   chan struct{} // closed by set; nil: nobody waits for it
	name      string
	weight    int
	left      int
	newcomers int // of these
	returned  []bulk.Outcome
	extended  int
	adopterOf bulk.ImportID // whose leases it resumed
	boasts    bool          // it has weight though nothing is due
	idled     int           // calls that were ready to wait for work
	waits     map[bulk.AccountID][]bulk.Wait
	virtual   drr.Virtual
	asked     drr.Ask     // latest
	heard     drr.Virtual // latest mean
	idles     int         // nodes that said that they have nothing to do
}

func (d *due) Queue() bulk.Queue { return bulk.Queue{Waiting: d.left, Partitions: []int32{1, 2}} }

func (d *due) Waits(account bulk.AccountID) []bulk.Wait { return d.waits[account] }

func (d *due) Demand() (due drr.Demand) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left > 0 || d.boasts {
		due.Round, due.Virtual = drr.Hundredths(d.weight), d.virtual
	}
	due.Ahead = drr.Hundredths(d.newcomers)
	return due
}

// set changes what is due.
func (d *due) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
	if d.changed != nil {
		close(d.changed)
		d.changed = nil
	}
}

func (d *due) AwaitDemand(ctx context.Context, known drr.Demand) drr.Demand {
	for {
		d.mu.Lock()
		if d.changed == nil {
			d.changed = make(chan struct{})
		}
		changed := d.changed
		d.mu.Unlock()
		now := d.Demand()
		if now.Exceeds(known) {
			return now
		}
		select {
		case <-ctx.Done():
			return now
		case <-changed:
		}
	}
}

func (d *due) LeaseFor(ctx context.Context, node bulk.NodeID, ask drr.Ask) (a schedule.Answer, err error) {
	d.mu.Lock()
	d.asked = ask
	if a.Newcomer = ask.Lane == drr.Newcomer && d.newcomers > 0; a.Newcomer {
		d.newcomers--
	}
	d.mu.Unlock()
	l, err := d.Lease(ctx, node)
	a.Lease, a.Cost = &l, 20*time.Millisecond
	return a, err
}

func (d *due) Heard(mean drr.Virtual, idle bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.heard = mean
	if idle {
		d.idles++
	}
}

func (d *due) Lease(ctx context.Context, _ bulk.NodeID) (bulk.Lease, error) {
	d.mu.Lock()
	if d.left > 0 {
		d.left--
		n := d.left
		d.mu.Unlock()
		return bulk.Lease{ID: uint64(n), Ref: bulk.BatchRef{Import: bulk.ImportID(d.name), No: int64(n)}}, nil
	}
	if ctx.Err() == nil {
		d.idled++
	}
	d.mu.Unlock()
	<-ctx.Done()
	return bulk.Lease{}, ctx.Err()
}

func (d *due) Extend(_ context.Context, l bulk.Lease) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.knows(l) {
		return false, nil
	}
	d.extended++
	return true, nil
}

func (d *due) Return(_ context.Context, l bulk.Lease, o bulk.Outcome) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.knows(l) {
		return false, nil
	}
	d.returned = append(d.returned, o)
	return true, nil
}

func (d *due) knows(l bulk.Lease) bool {
	return l.Ref.Import == bulk.ImportID(d.name) || l.Ref.Import == d.adopterOf
}

// cluster serves dispatchers and returns a client of them that runs.
func cluster(t *testing.T, dispatchers ...*due) (*Client, map[string]*httptest.Server) {
	servers := map[string]*httptest.Server{}
	var nodes []bulk.Node
	for _, d := range dispatchers {
		s := httptest.NewServer(peer.Guard(secret, Handler(bulk.NodeID(d.name), d)))
		t.Cleanup(s.Close)
		servers[d.name] = s
		nodes = append(nodes, bulk.Node{ID: bulk.NodeID(d.name), URL: s.URL})
	}
	c := NewClient(Config{Secret: secret, Dispatchers: func(context.Context) []bulk.Node { return nodes }})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := c.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { stop(); <-done })
	return c, servers
}

func TestLeaseExtendReturn(t *testing.T) {
	d := &due{name: "one", weight: 1, left: 1}
	c, _ := cluster(t, d)
	l, err := c.Lease(t.Context(), "node")
	if err != nil || l.Ref.Import != "one" {
		t.Fatalf("got %+v, %v", l, err)
	}
	if held, err := c.Extend(t.Context(), l); err != nil || !held {
		t.Fatalf("extend: %v, %v", held, err)
	}
	want := bulk.Outcome{Result: bulk.ResultFinished, Service: 12 * time.Millisecond}
	if _, err := c.Return(t.Context(), l, want); err != nil {
		t.Fatal(err)
	}
	if len(d.returned) != 1 || d.returned[0] != want || d.extended != 1 {
		t.Fatalf("returned %v, extended %d", d.returned, d.extended)
	}
	if _, err := c.Return(t.Context(), l, want); err == nil {
		t.Fatal("a lease was returned twice")
	}
}

// A slot that waits hears of work at once, and of the end of its context.
func TestIdleSlotHearsOfWork(t *testing.T) {
	d := &due{name: "one", weight: 1}
	c, _ := cluster(t, d)
	got := make(chan error, 1)
	go func() {
		_, err := c.Lease(t.Context(), "node")
		got <- err
	}()
	d.set(func() { d.left = 1 })
	if err := <-got; err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := c.Lease(ctx, "node"); err == nil {
		t.Fatal("a lease without work")
	}
}

// A slot goes where a newcomer is, whatever is due in the round elsewhere.
func TestSlotsGoToNewcomersFirst(t *testing.T) {
	busy, other := &due{name: "busy", weight: 1 << 20, left: 1 << 30}, &due{name: "other", weight: 1, left: 1 << 30}
	c, _ := cluster(t, busy, other)
	for c.demand(urlOf(c, 0)).Round == 0 || c.demand(urlOf(c, 1)).Round == 0 {
		runtime.Gosched()
	}
	other.set(func() { other.newcomers = 3 })
	for c.demand(urlOf(c, 1)).Ahead == 0 {
		runtime.Gosched()
	}
	for range 3 {
		if l, err := c.Lease(t.Context(), "node"); err != nil || l.Ref.Import != "other" {
			t.Fatalf("got %+v, %v; want a newcomer's", l, err)
		}
	}
	round := map[bulk.ImportID]int{}
	for range 10 { // where a node begins is chance
		l, err := c.Lease(t.Context(), "node")
		if err != nil {
			t.Fatal(err)
		}
		round[l.Ref.Import]++
	}
	if round["busy"] < 7 {
		t.Fatalf("slots went to %v; want the round", round)
	}
}

// Every dispatcher hears how far all have come, and that a node has nothing to do.
func TestNodesTellHowFarAllAre(t *testing.T) {
	ahead, behind := &due{name: "ahead", weight: 1, left: 1 << 30, virtual: 70}, &due{name: "behind", weight: 3, left: 1 << 30, virtual: 50}
	c, _ := cluster(t, ahead, behind)
	for c.demand(urlOf(c, 0)).Round == 0 || c.demand(urlOf(c, 1)).Round == 0 {
		runtime.Gosched()
	}
	got := map[bulk.ImportID]int{}
	for range 20 {
		l, err := c.Lease(t.Context(), "node")
		if err != nil {
			t.Fatal(err)
		}
		got[l.Ref.Import]++
	}
	behind.mu.Lock()
	asked := behind.asked
	behind.mu.Unlock()
	if asked.Virtual != 55 || got["behind"] < 15 {
		t.Errorf("asked %+v, and leased %v; want a mean of 55, and what is behind it", asked, got)
	}
	ahead.set(func() { ahead.left = 0 })
	behind.set(func() { behind.left = 0 })
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if _, err := c.Lease(ctx, "node"); err == nil {
		t.Fatal("a lease without work")
	}
	ahead.mu.Lock()
	defer ahead.mu.Unlock()
	if ahead.heard < 55 || ahead.idles == 0 {
		t.Errorf("heard %v, idle %d times; want how far all are, and some", ahead.heard, ahead.idles)
	}
}

// Slots go to dispatchers in proportion to what is due there.
func TestSlotsFollowDemand(t *testing.T) {
	heavy, light := &due{name: "heavy", weight: 3, left: 1 << 30}, &due{name: "light", weight: 1, left: 1 << 30}
	c, _ := cluster(t, heavy, light)
	for c.demand(urlOf(c, 0)).Round == 0 || c.demand(urlOf(c, 1)).Round == 0 { // both are known
		if _, err := c.Lease(t.Context(), "node"); err != nil {
			t.Fatal(err)
		}
	}
	count := map[bulk.ImportID]int{}
	const n = 1200
	for range n {
		l, err := c.Lease(t.Context(), "node")
		if err != nil {
			t.Fatal(err)
		}
		count[l.Ref.Import]++
	}
	if share := float64(count["heavy"]) / n; share < 0.74 || share > 0.76 {
		t.Errorf("the heavy one got %.2f of the slots, want 0.75", share)
	}
}

// A question about demand waits for 5 s where nothing is known to be due, else for as long
// as what is known may be old, and ends as soon as more is due.
func TestDemandIsAwaited(t *testing.T) {
	for _, tt := range []struct {
		name  string
		known string
		rises time.Duration // 0: never
		want  string
		after time.Duration
	}{
		{"nothing is due", `{}`, 0, `{"round":0,"ahead":0}`, 5 * time.Second},
		{"no more is due", `{"round":300}`, 0, `{"round":0,"ahead":0}`, refresh},
		{"work comes", `{}`, time.Second, `{"round":700,"ahead":0}`, time.Second},
		{"more work comes", `{"round":300}`, 20 * time.Millisecond, `{"round":700,"ahead":0}`, 20 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &due{weight: 7}
				if tt.rises > 0 {
					time.AfterFunc(tt.rises, func() { d.set(func() { d.left = 1 }) })
				}
				begun, w := time.Now(), httptest.NewRecorder()
				Handler("node", d).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "POST", "/cluster/demand", strings.NewReader(tt.known)))
				if got := strings.TrimSpace(w.Body.String()); got != tt.want || time.Since(begun) != tt.after {
					t.Errorf("told %s after %v, want %s after %v", got, time.Since(begun), tt.want, tt.after)
				}
			})
		})
	}
}

// A lease brings what is due after it, so that no slot asks where nothing is.
func TestLeaseBringsTheDemand(t *testing.T) {
	d := &due{name: "one", weight: 5, left: 1}
	c, _ := cluster(t, d)
	if _, err := c.Lease(t.Context(), "node"); err != nil {
		t.Fatal(err)
	}
	if got := c.demand(urlOf(c, 0)); got.Any() {
		t.Errorf("demand %+v after the last batch was leased, want none", got)
	}
}

func urlOf(c *Client, i int) string { return c.cfg.Dispatchers(context.Background())[i].URL }

// A slot does not wait at a dispatcher whose work is gone while another has some.
func TestSlotGoesOnWhereWorkIs(t *testing.T) {
	empty, full := &due{name: "empty", weight: 16, boasts: true}, &due{name: "full", weight: 1, left: 100}
	c, _ := cluster(t, empty, full)
	for c.demand(urlOf(c, 1)).Round == 0 {
		runtime.Gosched()
	}
	for range 50 {
		if l, err := c.Lease(t.Context(), "node"); err != nil || l.Ref.Import != "full" {
			t.Fatalf("got %+v, %v", l, err)
		}
	}
	if empty.idled != 0 {
		t.Errorf("a slot waited %d times where nothing was due", empty.idled)
	}
}

// A dispatcher that dies takes its leases along; the other goes on serving.
func TestDeadDispatcherIsLeftOut(t *testing.T) {
	dead, alive := &due{name: "dead", weight: 16, left: 1 << 30}, &due{name: "alive", weight: 1, left: 1 << 30}
	c, servers := cluster(t, dead, alive)
	for {
		l, err := c.Lease(t.Context(), "node")
		if err != nil {
			t.Fatal(err)
		}
		if l.Ref.Import == "dead" {
			servers["dead"].CloseClientConnections()
			servers["dead"].Close()
			if _, err := c.Return(t.Context(), l, bulk.Outcome{Result: bulk.ResultFinished}); err == nil {
				t.Fatal("a dead dispatcher took a lease back")
			}
			break
		}
	}
	for range 20 {
		if l, err := c.Lease(t.Context(), "node"); err != nil || l.Ref.Import != "alive" {
			t.Fatalf("got %+v, %v", l, err)
		}
	}
}

// A lease whose dispatcher is gone is extended by, and returned to, the one that
// took the partition over.
func TestLeaseGoesToTheAdopter(t *testing.T) {
	dead, other, adopter := &due{name: "dead", weight: 1, left: 1}, &due{name: "other"}, &due{name: "adopter", adopterOf: "dead"}
	c, servers := cluster(t, dead, other, adopter)
	l, err := c.Lease(t.Context(), "node")
	if err != nil {
		t.Fatal(err)
	}
	if held := c.Held(); len(held) != 1 || held[0] != l || l.Node != "node" {
		t.Errorf("holds %+v, want the lease", held)
	}
	servers["dead"].CloseClientConnections()
	servers["dead"].Close()
	if ok, err := c.Extend(t.Context(), l); err != nil || !ok {
		t.Fatalf("extend: %v, %v", ok, err)
	}
	want := bulk.Outcome{Result: bulk.ResultFinished, Service: time.Second}
	if _, err := c.Return(t.Context(), l, want); err != nil {
		t.Fatal(err)
	}
	if len(adopter.returned) != 1 || adopter.returned[0] != want || len(other.returned) != 0 {
		t.Errorf("the adopter got %v, another %v", adopter.returned, other.returned)
	}
	if held := c.Held(); len(held) != 0 {
		t.Errorf("holds %+v after the return", held)
	}
}

func TestHoldersAreAskedAtOnce(t *testing.T) {
	one := bulk.Lease{ID: 1, Node: "one", Attempt: 1}
	up := httptest.NewServer(peer.Guard(secret, HeldHandler(func() []bulk.Lease { return []bulk.Lease{one} })))
	t.Cleanup(up.Close)
	gone := httptest.NewServer(nil)
	gone.Close()
	h := NewHolders(Config{Secret: secret, Processors: func(context.Context) []bulk.Node {
		return []bulk.Node{{ID: "gone", URL: gone.URL}, {ID: "one", URL: up.URL}}
	}})
	held, err := h.Held(t.Context())
	if err != nil || len(held) != 1 || held[0] != one {
		t.Errorf("held %+v, %v; want what the one that answers holds", held, err)
	}
}

func TestWrongSecretGetsNothing(t *testing.T) {
	d := &due{name: "one", weight: 1, left: 1}
	s := httptest.NewServer(peer.Guard("another secret", Handler(bulk.NodeID(d.name), d)))
	t.Cleanup(s.Close)
	c := NewClient(Config{Secret: secret})
	if err := c.call(t.Context(), s.URL+"/cluster/lease", leaseRequest{Node: "node", WaitMS: 10}, nil); err == nil || d.left != 1 {
		t.Fatalf("err %v, %d left", err, d.left)
	}
}

// A process of an earlier version says more of a lease, and reads whose it is beside it.
func TestEarlierVersionsAreUnderstood(t *testing.T) {
	d := &due{name: "one"}
	lease := `{"node":"old","lease":{"ref":{"account":"a","import":"one","no":4},"id":7,"partition":3,"generation":2,"attempt":1,"term":30000000000,"waits":{}}`
	for path, body := range map[string]string{"/cluster/extend": lease + "}", "/cluster/return": lease + `,"outcome":{"result":"finished","service_ns":5}}`} {
		w := httptest.NewRecorder()
		Handler("node", d).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "POST", path, strings.NewReader(body)))
		if got := strings.TrimSpace(w.Body.String()); got != `{"held":true}` {
			t.Errorf("%s: %d %s", path, w.Code, got)
		}
	}
	if d.extended != 1 || len(d.returned) != 1 || d.returned[0].Service != 5 {
		t.Errorf("extended %d times, returned %v", d.extended, d.returned)
	}
	w := httptest.NewRecorder()
	held := []bulk.Lease{{Ref: bulk.BatchRef{Import: "one", No: 4}, ID: 7, Node: "new"}}
	HeldHandler(func() []bulk.Lease { return held }).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/cluster/held", nil))
	var old []struct {
		Node  string
		Lease struct {
			ID  uint64
			Ref struct{ Import string }
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &old); err != nil || len(old) != 1 || old[0].Node != "new" || old[0].Lease.ID != 7 || old[0].Lease.Ref.Import != "one" {
		t.Errorf("held %s: %+v, %v", w.Body, old, err)
	}
}
