package console

import (
	"cmp"
	"context"
	"slices"
	"time"

	"bulkhead/internal/bulk"
)

// demoCluster is two dispatchers, of which a third is silent, and accounts in every
// state that the operators' pages show.
type demoCluster struct {
	operator bool // who signs in is one
	accounts []bulk.Account
	queues   []bulk.Queue
	nodes    []demoNode
	waits    map[bulk.ImportID]bulk.Wait
	lag      bulk.Lag
}

type demoNode struct {
	bulk.Node
	silent time.Duration // since its last heartbeat, always
}

// newDemoCluster makes the cluster around the demo's own account.
func newDemoCluster(own bulk.Account) demoCluster {
	now := time.Now().UTC()
	ago := func(d time.Duration) *time.Time { return new(now.Add(-d)) }
	c := demoCluster{accounts: []bulk.Account{own}, waits: map[bulk.ImportID]bulk.Wait{}}
	join := func(name string, weight int, limit *int) bulk.AccountID {
		a := bulk.Account{ID: bulk.NewAccountID(), Name: name, Weight: weight, Cap: limit, RecordQuota: 1_000_000}
		c.accounts = append(c.accounts, a)
		return a.ID
	}
	whale, fresh, capped, paused := join("Northwind Wholesale", 4, nil), join("Bluebird Bakery", 1, nil), join("Contoso Retail Group International", 8, new(2)), join("Umbra Analytics", 2, new(0))
	join("Zephyr Travel", 1, nil)
	join("Quiet Partners", 2, new(6))
	c.queues = []bulk.Queue{
		{
			Dispatcher: bulk.NewNodeID(bulk.RoleDispatcher), Partitions: []int32{0, 1, 2, 3, 4, 5, 6, 9}, Waiting: 1398, InFlight: 5, BackingOff: 2, Copies: 1, Weight: 7,
			Calibration: bulk.Calibration{Waits: 1000, Median: 520, Upper: 911},
			Accounts: []bulk.AccountQueue{
				{Account: own.ID, Waiting: 189, Paused: 79, InFlight: 1, DeficitMS: 118, SlotMS: 61_000, Oldest: ago(14 * time.Second)},
				{Account: whale, Waiting: 1204, InFlight: 3, DeficitMS: -212, SlotMS: 262_000, Oldest: ago(9 * time.Minute)},
				{Account: fresh, Waiting: 5, InFlight: 1, Newcomer: true, DeficitMS: 900, SlotMS: 2_400, Oldest: ago(time.Second)},
			},
		},
		{
			Dispatcher: bulk.NewNodeID(bulk.RoleDispatcher), Partitions: []int32{7, 8, 10}, Waiting: 352, InFlight: 2, Weight: 8, Calibration: bulk.Calibration{Waits: 240, Median: 125, Upper: 217},
			Accounts: []bulk.AccountQueue{
				{Account: capped, Waiting: 310, InFlight: 2, SlotMS: 118_000, Oldest: ago(3 * time.Minute)},
				{Account: paused, Waiting: 42, Oldest: ago(26 * time.Minute)},
			},
		},
	}
	node := func(role bulk.Role, id bulk.NodeID, slots int, silent time.Duration, draining bool) {
		c.nodes = append(c.nodes, demoNode{bulk.Node{
			ID: cmp.Or(id, bulk.NewNodeID(role)), Role: role, URL: "http://10.0.0.7:8080", Slots: slots, Version: "v0.9.2-3f1c2ab", Draining: draining, StartedAt: now.Add(-53 * time.Hour),
		}, silent})
	}
	c.lag = demoLag(c.accounts[1], own, calmHour())
	node(bulk.RoleConsole, "", 0, 0, false)
	node(bulk.RoleIngest, "", 0, 0, false)
	node(bulk.RoleDispatcher, c.queues[0].Dispatcher, 0, 0, false)
	node(bulk.RoleDispatcher, c.queues[1].Dispatcher, 0, 0, false)
	node(bulk.RoleDispatcher, "", 0, 2*time.Second, false)
	node(bulk.RoleProcessor, "", 4, 0, false)
	node(bulk.RoleProcessor, "", 4, 0, true)
	node(bulk.RoleProcessor, "", 4, 47*time.Second, false)
	node(bulk.RoleMirror, "", 0, 0, false)
	return c
}

func (w *demo) Queues(context.Context) ([]bulk.Queue, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.queues), nil
}

func (w *demo) Lag(bulk.Measured) bulk.Lag {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lag
}

func (w *demo) Waits(context.Context, bulk.AccountID) (all []bulk.Wait, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, wait := range w.waits {
		wait.Import = id
		all = append(all, wait)
	}
	return all, nil
}

func (w *demo) Nodes(_ context.Context, role bulk.Role, within time.Duration) (out []bulk.Node, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.nodes {
		if n.SeenAt = time.Now().Add(-n.silent); n.silent < within && (role == "" || role == n.Role) {
			out = append(out, n.Node)
		}
	}
	return out, nil
}

func (w *demo) ListAccounts(context.Context) ([]bulk.Account, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.accounts), nil
}

func (w *demo) Account(_ context.Context, id bulk.AccountID) (bulk.Account, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.accounts {
		if a.ID == id {
			return a, nil
		}
	}
	return bulk.Account{}, errNoDemo
}

func (w *demo) SetWeight(_ context.Context, id bulk.AccountID, weight int) error {
	return w.set(id, func(a *bulk.Account) { a.Weight = weight })
}

func (w *demo) SetCap(_ context.Context, id bulk.AccountID, limit *int) error {
	return w.set(id, func(a *bulk.Account) { a.Cap = limit })
}

func (w *demo) set(id bulk.AccountID, do func(*bulk.Account)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.accounts {
		if w.accounts[i].ID == id {
			do(&w.accounts[i])
			return nil
		}
	}
	return errNoDemo
}

// named returns the account of that name.
func (w *demo) named(name string) bulk.Account {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.accounts[slices.IndexFunc(w.accounts, func(a bulk.Account) bool { return a.Name == name })]
}
