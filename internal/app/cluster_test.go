package app_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"bulkhead/internal/app"
	"bulkhead/internal/broker"
	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
)

// freeAddress is one on loopback that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// newCluster runs roles apart from each other, as processes do, and returns a client of
// the console with an operator's key. They share a store, a folder and a broker only.
func newCluster(t *testing.T, roles ...bulk.Role) *client {
	t.Helper()
	return newLoggedCluster(t, &logs{}, roles...)
}

// newLoggedCluster is newCluster of processes that log to out.
func newLoggedCluster(t *testing.T, out *logs, roles ...bulk.Role) *client {
	t.Helper()
	dir := t.TempDir()
	brokers, err := broker.Embedded(filepath.Join(dir, "broker"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(brokers.Close)
	key, _ := bulk.NewSecret()
	cfg := config.RoleConfig{
		Store: "sqlite:" + filepath.Join(dir, "store.db"), Objects: "file://" + dir, Brokers: brokers.Seeds(), ClusterSecret: "0123456789abcdef", OperatorKey: key, Slots: 2,
	}
	if err := app.RunMigrate(io.Discard)(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	c, run := &client{t: t, key: key}, map[bulk.Role]func(io.Writer) func(context.Context, config.RoleConfig) error{
		bulk.RoleConsole: app.RunConsole, bulk.RoleIngest: app.RunIngest, bulk.RoleDispatcher: app.RunDispatcher, bulk.RoleProcessor: app.RunProcessor,
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, len(roles))
	for _, role := range roles {
		own := cfg
		own.Listen = freeAddress(t)
		own.Advertise = "http://" + own.Listen
		if role == bulk.RoleConsole {
			c.url = own.Advertise
		}
		go func() { ended <- run[role](out)(ctx, own) }()
	}
	t.Cleanup(func() {
		stop()
		for range roles {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		if t.Failed() {
			t.Logf("the cluster's log:\n%s", out)
		}
	})
	c.eventually("the console answers", func() bool {
		a, err := c.ask(http.MethodGet, "/readyz", nil, nil)
		return err == nil && a.status == http.StatusOK
	})
	c.eventually("the console sees every process", func() bool {
		var cluster struct{ Nodes []bulk.Member }
		c.get("/v1/cluster", &cluster)
		return len(cluster.Nodes) == len(roles)
	})
	return c
}

// The console of a cluster asks its dispatchers, which are other processes.
func TestConsoleSeesOtherProcesses(t *testing.T) {
	t.Parallel()
	s := newCluster(t, bulk.RoleConsole, bulk.RoleIngest, bulk.RoleDispatcher, bulk.RoleDispatcher, bulk.RoleProcessor)
	s.call(http.MethodPut, "/v1/datasets/things", things, nil)
	s.eventually("two dispatchers share all partitions", func() bool {
		var cluster struct{ Nodes []bulk.Member }
		s.get("/v1/cluster", &cluster)
		owners, owned := 0, 0
		for _, n := range cluster.Nodes {
			if len(n.Partitions) > 0 {
				owners, owned = owners+1, owned+len(n.Partitions)
			}
		}
		return len(cluster.Nodes) == 5 && owners == 2 && owned == 16
	})

	acme := (&system{client: s}).account("acme", 1000)
	limit := func(n any) {
		s.call(http.MethodPatch, "/v1/accounts/"+string(acme.account), map[string]any{"cap": n}, nil)
	}
	limit(0)
	imp := acme.send("dataset=things", []byte(lines("id,text", "1,a", "2,b")))
	acme.eventually("the import's dispatcher says why it waits", func() bool {
		var got struct{ Wait *bulk.Wait }
		acme.get("/v1/imports/"+string(imp.ID), &got)
		return got.Wait != nil && got.Wait.Reason == bulk.WaitsForPause && got.Wait.Waiting == 1
	})
	var f bulk.Fairness
	s.get("/v1/fairness", &f)
	if len(f.Accounts) != 1 || f.Accounts[0].Name != "acme" || f.Accounts[0].Waiting != 1 {
		t.Errorf("accounts %+v, want acme alone with one batch", f.Accounts)
	}
	if len(f.Lag.Minutes) != 60 || f.Lag.Worst != nil {
		t.Errorf("an account that is alone was compared: %+v", f.Lag)
	}
	if f.Slots != (bulk.SlotCounts{Total: 2}) || len(f.Dispatchers) != 2 || len(f.Silent) != 0 {
		t.Errorf("slots %+v, dispatchers %+v, silent %v", f.Slots, f.Dispatchers, f.Silent)
	}
	limit(nil)
	acme.wantEnd(acme.end(imp.ID), bulk.StateCompleted, bulk.Counts{Read: 2, Created: 2})
}

// A weight that an operator sets is what the dispatcher goes by within a second, whatever
// waits there. Nobody takes the batch, so its account has work all the time.
func TestWeightTravelsWithinASecond(t *testing.T) {
	t.Parallel()
	s := newCluster(t, bulk.RoleConsole, bulk.RoleIngest, bulk.RoleDispatcher)
	s.call(http.MethodPut, "/v1/datasets/things", things, nil)
	acme := (&system{client: s}).account("acme", 1000)
	acme.send("dataset=things", []byte(lines("id,text", "1,a", "2,b")))
	weighs := func(weight int) {
		s.eventually("the dispatcher knows the weight", func() bool {
			var f bulk.Fairness
			s.get("/v1/fairness", &f)
			return len(f.Dispatchers) == 1 && f.Dispatchers[0].Weight == weight
		})
	}
	weighs(1)
	quickest := time.Hour
	for _, weight := range []int{8, 2, 16} { // the machine may be busy with others
		s.call(http.MethodPatch, "/v1/accounts/"+string(acme.account), map[string]any{"weight": weight}, nil)
		set := time.Now()
		weighs(weight)
		quickest = min(quickest, time.Since(set))
	}
	if quickest > time.Second {
		t.Errorf("a weight took %v to the dispatcher", quickest)
	}
}
