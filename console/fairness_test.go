package console

import (
	"errors"
	"slices"
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

// twoDispatchers is a cluster in which alice waits at one, bob at both, and a third
// dispatcher does not answer.
func twoDispatchers(a *api) {
	now := time.Now().UTC()
	long, short := now.Add(-time.Minute), now.Add(-time.Second)
	a.queues = []bulk.Queue{
		{Dispatcher: "d2", Partitions: []int32{3}, Waiting: 2, InFlight: 1, BackingOff: 1, Copies: 1, Weight: 1, Calibration: bulk.Calibration{Waits: 6, Median: 3, Upper: 5}, Accounts: []bulk.AccountQueue{
			{Account: a.bobID, Weight: 9, Waiting: 2, Paused: 1, InFlight: 1, DeficitMS: -40, SlotMS: 1000, Oldest: &short, Newcomer: true},
		}},
		{Dispatcher: "d1", Partitions: []int32{0, 1}, Waiting: 9, InFlight: 2, Weight: 2, Calibration: bulk.Calibration{Waits: 4, Median: 2, Upper: 4}, Accounts: []bulk.AccountQueue{
			{Account: a.aliceID, Waiting: 5, InFlight: 1, SlotMS: 2000, Oldest: &short}, {Account: a.bobID, Waiting: 4, InFlight: 1, DeficitMS: 10, SlotMS: 1000, Oldest: &long},
		}},
	}
	a.nodes = []bulk.Node{
		{ID: "p1", Role: bulk.RoleProcessor, Slots: 4, SeenAt: now},
		{ID: "p2", Role: bulk.RoleProcessor, Slots: 2, SeenAt: now, Draining: true},
		{ID: "p3", Role: bulk.RoleProcessor, Slots: 8, SeenAt: now.Add(-time.Minute)},
		{ID: "c1", Role: bulk.RoleConsole, Slots: 16, SeenAt: now},
		{ID: "d1", Role: bulk.RoleDispatcher, SeenAt: now},
		{ID: "d2", Role: bulk.RoleDispatcher, SeenAt: now},
		{ID: "d3", Role: bulk.RoleDispatcher, SeenAt: now},
		{ID: "old", Role: bulk.RoleMirror, SeenAt: now.Add(-time.Hour)},
	}
}

func TestFairnessMergesDispatchers(t *testing.T) {
	a := newAPI(t)
	twoDispatchers(a)
	a.accounts[a.aliceID].Weight, a.accounts[a.bobID].Weight = 1, 3
	a.accounts[a.bobID].Cap = new(7)
	f := decode[bulk.Fairness](t, a.do(a.olga, "GET", "/v1/fairness", ""))
	if f.Slots != (bulk.SlotCounts{Total: 6, Busy: 3}) || f.Calibration != (bulk.Calibration{Waits: 10, Median: 5, Upper: 9}) {
		t.Errorf("slots %+v, calibration %+v", f.Slots, f.Calibration)
	}
	if len(f.Dispatchers) != 2 || f.Dispatchers[0].Dispatcher != "d1" || f.Dispatchers[1].Copies != 1 || !slices.Equal(f.Silent, []bulk.NodeID{"d3"}) {
		t.Errorf("dispatchers %+v, silent %v", f.Dispatchers, f.Silent)
	}
	if len(f.Accounts) != 2 || f.Accounts[0].Name != "alice" || f.Accounts[1].Name != "bob" {
		t.Fatalf("accounts %+v, want those with work, by name", f.Accounts)
	}
	bob := f.Accounts[1]
	if bob.Weight != 3 || *bob.Cap != 7 || bob.Waiting != 6 || bob.Paused != 1 || bob.InFlight != 2 || bob.DeficitMS != -30 || !bob.Newcomer || time.Since(*bob.Oldest) < time.Minute {
		t.Errorf("bob's queues sum up to %+v", bob)
	}
	if bob.Used != .5 || bob.Entitled != .75 || f.Accounts[0].Entitled != .25 {
		t.Errorf("bob used %v and is entitled to %v, want 0.5 and 0.75", bob.Used, bob.Entitled)
	}
	wantProblem(t, a.do(a.alice, "GET", "/v1/fairness", ""), 403, "operators_only")
}

// Until its partitions have another owner, nobody knows what the accounts of a dispatcher
// have that ended without a word.
func TestFairnessMissesADeadDispatcher(t *testing.T) {
	a := newAPI(t)
	twoDispatchers(a)
	a.nodes = a.nodes[:6]
	for id, gone := range map[bulk.NodeID]time.Duration{"just dead": 8 * time.Second, "replaced": 14 * time.Second} {
		a.nodes = append(a.nodes, bulk.Node{ID: id, Role: bulk.RoleDispatcher, SeenAt: time.Now().Add(-gone)})
	}
	f := decode[bulk.Fairness](t, a.do(a.olga, "GET", "/v1/fairness", ""))
	if !slices.Equal(f.Silent, []bulk.NodeID{"just dead"}) || !a.measured.Silent {
		t.Errorf("silent are %v", f.Silent)
	}
}

func TestFairnessComparesTheAccountsOfAllDispatchers(t *testing.T) {
	a := newAPI(t)
	twoDispatchers(a)
	worst := func() *bulk.Pair {
		return &bulk.Pair{Ahead: bulk.Served{Account: a.aliceID}, Behind: bulk.Served{Account: a.bobID}, Ratio: 0.5}
	}
	a.lag = bulk.Lag{Worst: worst(), Minutes: []bulk.LagMinute{{}, {Worst: worst()}}}
	f := decode[bulk.Fairness](t, a.do(a.olga, "GET", "/v1/fairness", ""))
	if m := a.measured; len(m.Queues) != 2 || !m.Silent || m.Slots != 6 || m.Nodes != 2 {
		t.Errorf("compared by %d queues, silent %v, %d slots of %d processors", len(m.Queues), m.Silent, m.Slots, m.Nodes)
	}
	if f.Lag.Latest != nil || len(f.Lag.Minutes) != 2 {
		t.Errorf("got %+v", f.Lag)
	}
	for _, p := range []*bulk.Pair{f.Lag.Worst, f.Lag.Minutes[1].Worst} {
		if p == nil || p.Ahead.Name != "alice" || p.Behind.Name != "bob" {
			t.Errorf("the pair is %+v", p)
		}
	}
}

func TestClusterListsWhoWasSeen(t *testing.T) {
	a := newAPI(t)
	twoDispatchers(a)
	v := decode[clusterView](t, a.do(a.olga, "GET", "/v1/cluster", ""))
	var ids []bulk.NodeID
	for _, n := range v.Nodes {
		ids = append(ids, n.ID)
		if n.Silent != (n.ID == "p3") || (n.Partitions != nil) != (n.ID == "d1" || n.ID == "d2") {
			t.Errorf("node %+v", n)
		}
	}
	if want := []bulk.NodeID{"c1", "d1", "d2", "d3", "p1", "p2", "p3"}; !slices.Equal(ids, want) {
		t.Errorf("nodes %v, want %v", ids, want)
	}
	wantProblem(t, a.do(a.alice, "GET", "/v1/cluster", ""), 403, "operators_only")
}

func TestImportSaysWhatItWaitsFor(t *testing.T) {
	known := bulk.Wait{Waiting: 4, Reason: bulk.WaitsForOthers, Place: 1, Before: 7, Median: time.Second, Upper: 4 * time.Second}
	for name, tt := range map[string]struct {
		state  bulk.State
		staged int64
		sealed bool
		found  *bulk.Wait // at a dispatcher
		want   bulk.WaitReason
	}{
		"no byte yet":             {bulk.StateOpen, 0, false, nil, bulk.WaitsForFile},
		"more must arrive":        {bulk.StateReceiving, 0, false, nil, bulk.WaitsForFile},
		"its turn comes":          {bulk.StateProcessing, 4, true, &known, bulk.WaitsForOthers},
		"just staged":             {bulk.StateReceiving, 1, false, nil, bulk.WaitsForOwner},
		"the rest is in flight":   {bulk.StateProcessing, 1, true, &bulk.Wait{InFlight: 1}, ""},
		"all comes again":         {bulk.StateProcessing, 1, true, &bulk.Wait{Reason: bulk.WaitsForRetry}, bulk.WaitsForRetry},
		"paused":                  {bulk.StatePaused, 2, false, &known, bulk.WaitsForPause},
		"nothing is left":         {bulk.StateProcessing, 0, true, nil, ""},
		"a person has to approve": {bulk.StateAwaitingApproval, 0, true, nil, ""},
		"over":                    {bulk.StateCompleted, 0, true, &known, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t)
			imp := a.seed(a.aliceID, tt.state)
			a.imports[imp.ID].Batches.Staged, a.imports[imp.ID].Sealed = tt.staged, tt.sealed
			a.waits = map[bulk.AccountID][]bulk.Wait{a.aliceID: {{Import: "another", Waiting: 1}}}
			if tt.found != nil {
				w := *tt.found
				w.Import = imp.ID
				a.waits[a.aliceID] = append(a.waits[a.aliceID], w)
			}
			got := decode[importStatus](t, a.do(a.alice, "GET", "/v1/imports/"+string(imp.ID), ""))
			switch {
			case got.ID != imp.ID || (got.Wait == nil) != (tt.want == ""):
				t.Fatalf("got %+v, want the reason %q", got.Wait, tt.want)
			case got.Wait != nil && (got.Wait.Reason != tt.want || got.Wait.Import != imp.ID):
				t.Errorf("got %+v, want the reason %q", got.Wait, tt.want)
			case tt.want == bulk.WaitsForOthers && (got.Wait.Before != 7 || got.Wait.Upper != 4*time.Second):
				t.Errorf("the dispatcher's estimate is lost: %+v", got.Wait)
			}
		})
	}
}

// Dispatchers are asked about the account of the credential alone, and a failure to
// answer costs the wait, not the import.
func TestWaitsAreAskedForOnesOwnOnly(t *testing.T) {
	a := newAPI(t)
	imp := a.seed(a.aliceID, bulk.StateProcessing)
	a.imports[imp.ID].Batches.Staged = 3
	wantProblem(t, a.do(a.bob, "GET", "/v1/imports/"+string(imp.ID), ""), 404, "not_found")
	if len(a.asked) != 0 {
		t.Errorf("for bob, dispatchers were asked about %v", a.asked)
	}
	a.broken = errors.New("no dispatcher")
	if rec := a.do(a.alice, "GET", "/v1/imports/"+string(imp.ID), ""); rec.Code != 200 {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
	if !slices.Equal(a.asked, []bulk.AccountID{a.aliceID}) {
		t.Errorf("for alice, dispatchers were asked about %v", a.asked)
	}
}
