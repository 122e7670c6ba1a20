package store

import (
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

func TestNodesAnnounceThemselves(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		n := bulk.Node{ID: bulk.NewNodeID(bulk.RoleIngest), Role: bulk.RoleIngest, URL: "http://a", Version: "1", StartedAt: now()}
		f.must(f.Announce(t.Context(), n))
		n.Draining = true
		f.must(f.Announce(t.Context(), n))
		f.must(f.Announce(t.Context(), bulk.Node{ID: bulk.NewNodeID(bulk.RoleConsole), Role: bulk.RoleConsole, StartedAt: now()}))
		live, err := f.Nodes(t.Context(), bulk.RoleIngest, time.Minute)
		f.must(err)
		if len(live) != 1 || !live[0].Draining || live[0].URL != "http://a" {
			t.Fatalf("live %+v", live)
		}
		all, err := f.Nodes(t.Context(), "", time.Minute)
		f.must(err)
		if len(all) != 2 {
			t.Fatalf("all %+v", all)
		}
		if stale, err := f.Nodes(t.Context(), "", -time.Minute); err != nil || len(stale) != 0 {
			t.Fatalf("silent ones are listed: %v %v", stale, err)
		}
		f.must(f.Leave(t.Context(), n.ID))
		if live, err = f.Nodes(t.Context(), bulk.RoleIngest, time.Hour); err != nil || len(live) != 0 {
			t.Fatalf("left %+v %v", live, err)
		}
	})
}
