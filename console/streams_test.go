package console

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bulkhead/internal/bulk"
)

// countedImports counts how often the ledger is asked about an import.
type countedImports struct {
	Imports
	calls atomic.Int64
}

func (c *countedImports) Import(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Import, error) {
	c.calls.Add(1)
	return c.Imports.Import(ctx, account, id)
}

func (c *countedImports) ImportEvents(ctx context.Context, account bulk.AccountID, id bulk.ImportID, in bulk.Window) ([]bulk.Event, error) {
	c.calls.Add(1)
	return c.Imports.ImportEvents(ctx, account, id, in)
}

// However many follow an import, the ledger is read for one, and all see every change.
func TestStreamsOfAnImportShareOneReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		ledger := &countedImports{Imports: a.server.Imports}
		a.server.Imports = ledger
		imp := a.seed(a.aliceID, bulk.StateProcessing)
		const readers = 100
		var streams []<-chan sse
		for range readers {
			s := follow(t.Context(), a, imp.ID, "")
			<-s
			streams = append(streams, s)
		}
		joined := ledger.calls.Swap(0)
		if joined > readers+10 {
			t.Errorf("%d reads while %d streams began, want one each", joined, readers)
		}
		for range 10 {
			a.move(imp.ID, bulk.StateProcessing)
			for _, s := range streams {
				for e := range s {
					if e.event == "import" {
						break
					}
				}
			}
		}
		if n := ledger.calls.Load(); n > 60 {
			t.Errorf("%d reads for 10 changes under %d streams, want as many as for one", n, readers)
		}
		ledger.calls.Store(0)
		<-time.After(10 * time.Second)
		if n := ledger.calls.Load(); n > 10 {
			t.Errorf("%d reads in 10 quiet seconds under %d streams", n, readers)
		}
		a.server.Close()
		for _, s := range streams {
			for range s {
			}
		}
		synctest.Wait()
		ledger.calls.Store(0)
		<-time.After(time.Minute)
		if n := ledger.calls.Load(); n != 0 {
			t.Errorf("%d reads after the last stream ended", n)
		}
	})
}

// A stream that nobody reads holds up no other, and finds the newest state when it is read again.
func TestSlowStreamHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		imp := a.seed(a.aliceID, bulk.StateProcessing)
		stuck, alive := follow(t.Context(), a, imp.ID, ""), follow(t.Context(), a, imp.ID, "")
		<-alive
		for range 20 {
			a.move(imp.ID, bulk.StateProcessing)
			for e := range alive {
				if e.event == "import" {
					break
				}
			}
		}
		a.move(imp.ID, bulk.StateCompleted)
		for range alive {
		}
		imports, milestones := 0, 0
		for e := range stuck {
			switch e.event {
			case "import":
				imports++
			case "milestone":
				milestones++
			}
		}
		if imports > 3 || milestones != 21 {
			t.Errorf("the slow one got %d imports and %d milestones, want what is new and every milestone", imports, milestones)
		}
	})
}

// What joins late sees at least what it could have read elsewhere.
func TestStreamBeginsWithWhatIsNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		imp := a.seed(a.aliceID, bulk.StateProcessing)
		first := follow(t.Context(), a, imp.ID, "")
		<-first
		<-time.After(10 * time.Second) // now the watcher looks seldom
		a.move(imp.ID, bulk.StatePaused)
		began := time.Now()
		late := follow(t.Context(), a, imp.ID, "1.0")
		<-late // the milestone
		var shown bulk.Import
		if err := json.Unmarshal([]byte((<-late).data), &shown); err != nil || shown.Version != 2 || time.Since(began) != 0 {
			t.Errorf("got version %d after %v, %v; want 2 at once", shown.Version, time.Since(began), err)
		}
		a.server.Close()
		for range first {
		}
		for range late {
		}
	})
}

// Milestones that the watcher keeps no more come from the ledger.
func TestStreamCatchesUpPastWhatIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		imp := a.seed(a.aliceID, bulk.StateProcessing)
		for range keptMilestones + eventPage + 7 {
			a.move(imp.ID, bulk.StateProcessing)
		}
		a.move(imp.ID, bulk.StateCompleted)
		var got []string
		for e := range follow(t.Context(), a, imp.ID, "3.3") {
			if e.event == "milestone" {
				got = append(got, e.id[strings.Index(e.id, ".")+1:])
			}
		}
		if want := keptMilestones + eventPage + 8 - 3; len(got) != want || got[0] != "4" {
			t.Errorf("got %d milestones from %q on, want %d from 4 on", len(got), got[0], want)
		}
	})
}

// Neither events nor lists carry what grows with a file's columns; the import itself does.
func TestEventsAndListsCarryNoLayout(t *testing.T) {
	a := newAPI(t)
	imp := a.seed(a.aliceID, bulk.StateProcessing)
	a.imports[imp.ID].Options = bulk.Options{OnError: "skip", Mapping: map[string]string{"Given name": "name"}}
	a.move(imp.ID, bulk.StateCompleted)
	for path, want := range map[string]bool{importPath(imp.ID): true, "/v1/imports": false, importPath(imp.ID) + "/events": false} {
		body := a.do(a.alice, "GET", path, "").Body.String()
		if !strings.Contains(body, string(imp.ID)) || !strings.Contains(body, `"on_error":"skip"`) {
			t.Errorf("%s does not show the import: %s", path, body)
		}
		for _, part := range []string{`"layout"`, "Given name"} {
			if got := strings.Contains(body, part); got != want {
				t.Errorf("%s has %s: %v, want %v", path, part, got, want)
			}
		}
	}
}

// An account follows so many imports at once; more are refused, and others are not.
func TestStreamsOfAnAccountAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		a.server.Limits.EventStreams = 3
		imp, theirs := a.seed(a.aliceID, bulk.StateProcessing), a.seed(a.bobID, bulk.StateProcessing)
		ctx, leave := context.WithCancel(t.Context())
		var streams []<-chan sse
		for range 3 {
			s := follow(ctx, a, imp.ID, "")
			<-s
			streams = append(streams, s)
		}
		refused := a.do(a.alice, "GET", importPath(imp.ID)+"/events", "")
		if refused.Code != http.StatusTooManyRequests || decode[Problem](t, refused).Code != "too_many_streams" || refused.Header().Get("Retry-After") == "" {
			t.Errorf("the fourth stream got %d %s", refused.Code, refused.Body)
		}
		if a.move(theirs.ID, bulk.StateCompleted); a.do(a.bob, "GET", importPath(theirs.ID)+"/events", "").Code != http.StatusOK {
			t.Error("another account was refused")
		}
		leave()
		for _, s := range streams {
			for range s {
			}
		}
		a.move(imp.ID, bulk.StateCompleted)
		if got := a.do(a.alice, "GET", importPath(imp.ID)+"/events", ""); got.Code != http.StatusOK {
			t.Errorf("after the others ended: %d", got.Code)
		}
		if n := len(a.server.streams.watched) + len(a.server.streams.open); n != 0 {
			t.Errorf("%d watchers and counts are left", n)
		}
	})
}
