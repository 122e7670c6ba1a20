package lease

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/peer"
)

// network reaches dispatchers by the host of their URL; a host without one never answers.
type network map[string]http.Handler

func (n network) RoundTrip(r *http.Request) (*http.Response, error) {
	h := n[r.URL.Host]
	if h == nil {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), nil
}

// look returns a view of dispatchers by name.
func look(n network, names ...string) *View {
	var nodes []bulk.Node
	for _, name := range names {
		nodes = append(nodes, bulk.Node{ID: bulk.NodeID(name), URL: "http://" + name})
	}
	return NewView(Config{Secret: secret, HTTP: &http.Client{Transport: n}, Dispatchers: func(context.Context) []bulk.Node { return nodes }})
}

func guarded(d *due, secret string) http.Handler {
	return peer.Guard(secret, Handler(bulk.NodeID(d.name), d))
}

func TestViewGoesOnWithoutSilentDispatchers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two, foreign := &due{name: "one", left: 3}, &due{name: "two", left: 4}, &due{name: "foreign", left: 5}
		v := look(network{"one": guarded(one, secret), "two": guarded(two, secret), "foreign": guarded(foreign, "another secret")}, "one", "silent", "two", "foreign")
		began := time.Now()
		all, err := v.Queues(t.Context())
		if took := time.Since(began); err != nil || took != answerWithin {
			t.Errorf("took %v (%v), want %v: a silent one is waited for no longer", took, err, answerWithin)
		}
		got := map[bulk.NodeID]int{}
		for _, q := range all {
			got[q.Dispatcher] = q.Waiting
			if !slices.Equal(q.Partitions, []int32{1, 2}) {
				t.Errorf("queue %+v, want its partitions", q)
			}
		}
		if len(got) != 2 || got["one"] != 3 || got["two"] != 4 {
			t.Errorf("waiting %v, want those of one and two", got)
		}
	})
}

func TestViewBelievesTheOwnerOfAnAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mine, theirs := bulk.Wait{Import: "imp_mine", Place: 2}, bulk.Wait{Import: "imp_theirs"}
		one, two := &due{name: "one", waits: map[bulk.AccountID][]bulk.Wait{"theirs": {theirs}}}, &due{name: "two", waits: map[bulk.AccountID][]bulk.Wait{"mine": {mine}}}
		v := look(network{"one": guarded(one, secret), "two": guarded(two, secret)}, "silent", "one", "two")
		began := time.Now()
		got, err := v.Waits(t.Context(), "mine")
		if err != nil || !slices.Equal(got, []bulk.Wait{mine}) {
			t.Errorf("got %+v, %v, want the account's own only", got, err)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("took %v, want no wait for a silent one once the owner has answered", took)
		}
		if got, err := v.Waits(t.Context(), "nobody's"); err != nil || len(got) != 0 {
			t.Errorf("an account without work: %+v, %v", got, err)
		}
	})
}
