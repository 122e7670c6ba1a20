package console

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bulkhead/internal/bulk"
)

// pipeWriter is a response that a test reads while it is written.
type pipeWriter struct {
	header http.Header
	out    *io.PipeWriter
}

func (p *pipeWriter) Header() http.Header         { return p.header }
func (p *pipeWriter) WriteHeader(int)             {}
func (p *pipeWriter) Write(b []byte) (int, error) { return p.out.Write(b) }
func (p *pipeWriter) Flush()                      {}

type sse struct{ id, event, data string }

// follow opens a live stream and returns its events; the channel is closed at its end.
func follow(ctx context.Context, a *api, id bulk.ImportID, last string) <-chan sse {
	in, out := io.Pipe()
	r := httptest.NewRequestWithContext(ctx, "GET", importPath(id)+"/events", nil)
	r.Header.Set("Authorization", "Bearer "+a.alice)
	r.Header.Set("Last-Event-ID", last)
	go func() {
		a.server.ServeHTTP(&pipeWriter{http.Header{}, out}, r)
		out.Close()
	}()
	events := make(chan sse)
	go func() {
		defer close(events)
		var e sse
		for lines := bufio.NewScanner(in); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch name {
			case "id":
				e.id = value
			case "event":
				e.event = value
			case "data":
				e.data = value
			case "":
				if strings.HasPrefix(lines.Text(), ":") {
					e.event = "comment"
				}
				if e.event != "" {
					events <- e
				}
				e = sse{}
			}
		}
	}()
	return events
}

func TestEventsFollowAnImportToItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		imp := a.seed(a.aliceID, bulk.StateReceiving)
		a.move(imp.ID, bulk.StateProcessing)
		events := follow(t.Context(), a, imp.ID, "")
		next := func(event, id string) (e sse) {
			t.Helper()
			if e = <-events; e.event != event || e.id != id {
				t.Fatalf("got event %q id %q, want %q %q", e.event, e.id, event, id)
			}
			return e
		}
		next("milestone", "0.1")
		var shown bulk.Import
		if err := json.Unmarshal([]byte(next("import", "2.1").data), &shown); err != nil || shown.State != bulk.StateProcessing || shown.ID != imp.ID {
			t.Fatalf("shown %+v, %v", shown, err)
		}
		changed := time.Now()
		a.move(imp.ID, bulk.StatePaused)
		next("milestone", "2.2")
		if next("import", "3.2"); time.Since(changed) > pollFast {
			t.Errorf("a change was seen after %v, want at most %v", time.Since(changed), pollFast)
		}
		quiet := time.Now()
		if next("comment", ""); time.Since(quiet) > heartbeat {
			t.Errorf("the first heartbeat came after %v", time.Since(quiet))
		}
		changed = time.Now()
		a.move(imp.ID, bulk.StateCancelled)
		next("milestone", "3.3")
		if next("import", "4.3"); time.Since(changed) > pollSlow {
			t.Errorf("after a quiet time a change was seen after %v, want at most %v", time.Since(changed), pollSlow)
		}
		if e, open := <-events; open {
			t.Errorf("after the end came %+v", e)
		}
	})
}

func TestEventsReplayFromLastEventID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		imp := a.seed(a.aliceID, bulk.StateOpen)
		for range 2*eventPage + 1 { // more than is read at once
			a.move(imp.ID, bulk.StateProcessing)
		}
		a.move(imp.ID, bulk.StateCompleted)
		total := 2*eventPage + 2
		for last, want := range map[string]int{"": total, "nonsense": total, "1.0": total, fmt.Sprintf("%d.%d", total, total-3): 3, fmt.Sprintf("%d.%d", total, total): 0} {
			milestones, imports := 0, 0
			for e := range follow(t.Context(), a, imp.ID, last) {
				switch e.event {
				case "milestone":
					milestones++
				case "import":
					imports++
				}
			}
			if milestones != want || imports != 1 {
				t.Errorf("Last-Event-ID %q: got %d milestones and %d imports, want %d and 1", last, milestones, imports, want)
			}
		}
	})
}

func TestEventsSayWhenThereIsNothingMore(t *testing.T) {
	a := newAPI(t)
	imp := a.seed(a.aliceID, bulk.StateOpen)
	a.move(imp.ID, bulk.StateFailed)
	if rec := a.do(a.alice, "GET", importPath(imp.ID)+"/events", "", "Last-Event-ID", "2.1"); rec.Code != 204 {
		t.Errorf("got %d %q, want 204, at which browsers stop", rec.Code, rec.Body)
	}
}

// A stream ends with its client and with the server; synctest fails if anything stays.
func TestEventsEndWithTheirClientAndServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		imp := a.seed(a.aliceID, bulk.StateProcessing)
		ctx, leave := context.WithCancel(t.Context())
		gone, stays := follow(ctx, a, imp.ID, ""), follow(t.Context(), a, imp.ID, "")
		<-gone
		<-stays
		leave()
		if e, open := <-gone; open {
			t.Errorf("after leaving came %+v", e)
		}
		a.server.Close()
		if e, open := <-stays; open {
			t.Errorf("after closing came %+v", e)
		}
	})
}

// Through a real connection and its compression, an event arrives when it is sent.
func TestEventsAreNotHeldBack(t *testing.T) {
	a := newAPI(t)
	imp := a.seed(a.aliceID, bulk.StateProcessing)
	web := httptest.NewServer(a.server)
	defer web.Close()
	defer a.server.Close()
	req, err := http.NewRequestWithContext(t.Context(), "GET", web.URL+importPath(imp.ID)+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+a.alice)
	req.Header.Set("Accept-Encoding", "gzip")
	resp, err := web.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() && lines.Text() != "event: import" {
	}
	if resp.Header.Get("Content-Type") != "text/event-stream" || resp.Header.Get("Content-Encoding") != "" || lines.Text() != "event: import" {
		t.Errorf("headers %v, last line %q", resp.Header, lines.Text())
	}
}
