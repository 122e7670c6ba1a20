package peer

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bulkhead/internal/bulk"
)

func TestGuardLetsOnlyTheSecretIn(t *testing.T) {
	h := Guard("the cluster's secret", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	for _, tt := range []struct {
		header string
		want   int
	}{
		{"", 401}, {"Bearer ", 401}, {"Bearer the cluster's secre", 401}, {"the cluster's secret", 401}, {"Bearer the cluster's secret", 204},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if tt.header != "" {
			r.Header.Set("Authorization", tt.header)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != tt.want {
			t.Errorf("%q: got %d, want %d", tt.header, w.Code, tt.want)
		}
	}
}

// list is a registry in memory.
type list struct {
	mu    sync.Mutex
	nodes map[bulk.NodeID]bulk.Node
	down  bool
}

func (l *list) Announce(_ context.Context, n bulk.Node) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	n.SeenAt = time.Now()
	l.nodes[n.ID] = n
	return nil
}

func (l *list) Leave(_ context.Context, id bulk.NodeID) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.nodes, id)
	return nil
}

func (l *list) Nodes(_ context.Context, role bulk.Role, within time.Duration) (out []bulk.Node, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return nil, errors.New("the store is away")
	}
	for _, n := range l.nodes {
		if n.Role == role && time.Since(n.SeenAt) < within {
			out = append(out, n)
		}
	}
	return out, nil
}

func TestDirectoryFollowsAnnouncements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := &list{nodes: map[bulk.NodeID]bulk.Node{}}
		d := NewDirectory(reg, bulk.RoleIngest)
		draining := false
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- Announcer{reg, bulk.Node{ID: "a", Role: bulk.RoleIngest, URL: "http://a"}, func() bool { return draining }, slog.New(slog.DiscardHandler)}.Run(ctx)
		}()
		pass := func(d time.Duration) {
			<-time.After(d)
			synctest.Wait()
		}
		live := func(want int, when string) {
			t.Helper()
			pass(2 * time.Second)
			if got := len(d.Live(t.Context())); got != want {
				t.Errorf("%s: %d live, want %d", when, got, want)
			}
		}
		live(1, "announced")
		reg.down = true
		live(1, "while the store is away")
		reg.down = false
		draining = true
		live(0, "while it drains")
		draining = false
		live(1, "again")
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		live(0, "after it left")
		reg.nodes["dead"] = bulk.Node{ID: "dead", Role: bulk.RoleIngest, SeenAt: time.Now()}
		live(1, "before its silence is noticed")
		pass(bulk.SilentAfter)
		live(0, "after a silence")
	})
}
