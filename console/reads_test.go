package console

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/permits"
)

// crowd is a store whose records take a while, and know who reads them.
type crowd struct {
	*apiWorld
	takes time.Duration
	mu    sync.Mutex
	order []bulk.AccountID
}

// parts is how many were read.
func (c *crowd) parts() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.order)
}

func (c *crowd) Records(_ context.Context, account bulk.AccountID, q bulk.RecordQuery) (bulk.RecordPage, error) {
	<-time.After(c.takes)
	c.mu.Lock()
	c.order = append(c.order, account)
	c.mu.Unlock()
	page := bulk.RecordPage{Columns: []string{"id"}, Next: q.Cursor + "x"}
	for range q.Limit {
		page.Records = append(page.Records, bulk.Record{Values: []bulk.Value{"a value"}})
	}
	return page, nil
}

// asks sends a request for so many records and hands on how long it took.
func (a *api) asks(t *testing.T, secret, target string) <-chan time.Duration {
	took, began := make(chan time.Duration, 1), time.Now()
	go func() {
		if rec := a.do(secret, http.MethodGet, target, ""); rec.Code != http.StatusOK {
			t.Errorf("%s got %d: %s", target, rec.Code, rec.Body)
		}
		took <- time.Since(began)
	}()
	return took
}

// One account asks for many large pages; what another asks for waits for one part of one of
// them, also when fewer may read than before.
func TestReadsTakeTurnsByAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var atOnce atomic.Int64
		atOnce.Store(2)
		store := &crowd{takes: 20 * time.Millisecond}
		a := newAPI(t, func(c *Config) {
			store.apiWorld = c.Accounts.(*apiWorld)
			c.Datasets, c.Reads, c.AnswerBytes = store, func() int { return int(atOnce.Load()) }, 8<<30
		})
		var pages []<-chan time.Duration
		for range 20 {
			pages = append(pages, a.asks(t, a.alice, "/v1/datasets/contacts/records?limit=10000"))
		}
		<-time.After(50 * time.Millisecond)
		light := a.asks(t, a.bob, "/v1/datasets/contacts/records?limit=1")
		if took := <-light; took > 40*time.Millisecond {
			t.Errorf("a light read beside twenty heavy ones took %v, want at most one part of theirs and its own", took)
		}
		atOnce.Store(1)
		<-time.After(50 * time.Millisecond)
		had := store.parts()
		<-time.After(time.Second)
		if n := store.parts() - had; n < 49 || n > 51 {
			t.Errorf("%d parts were read in a second, want 50: one at a time", n)
		}
		if took := <-a.asks(t, a.bob, "/v1/datasets/contacts/records?limit=1"); took > 40*time.Millisecond {
			t.Errorf("a light read took %v while one may read", took)
		}
		atOnce.Store(2)
		for _, p := range pages {
			<-p
		}
	})
}

// blocked is a connection that takes nothing.
type blocked struct {
	*httptest.ResponseRecorder
	until chan struct{}
}

func (b blocked) Write(p []byte) (int, error) {
	<-b.until
	return b.ResponseRecorder.Write(p)
}

// A client that does not take its answer is waited for without the permit.
func TestSlowReaderHoldsNoPermit(t *testing.T) {
	for _, path := range []string{"/v1/datasets/contacts/records?limit=10000", "/v1/imports/{id}/rejects.csv", "/datasets/contacts"} {
		synctest.Test(t, func(t *testing.T) {
			store := &crowd{takes: time.Millisecond}
			a := newAPI(t, func(c *Config) {
				store.apiWorld = c.Accounts.(*apiWorld)
				c.Datasets, c.Reads = store, permits.Fixed(1)
			})
			a.rejects = slices.Repeat([]bulk.Reject{{Cells: []string{"a", strings.Repeat("b", 1000)}}}, 1000)
			imp := a.seed(a.aliceID, bulk.StateCompleted)
			slow := blocked{httptest.NewRecorder(), make(chan struct{})}
			r := httptest.NewRequest(http.MethodGet, strings.Replace(path, "{id}", string(imp.ID), 1), nil)
			r.Header.Set("Authorization", "Bearer "+a.alice)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				a.server.ServeHTTP(slow, r)
			}()
			synctest.Wait()
			if took := <-a.asks(t, a.bob, "/v1/datasets/contacts/records?limit=1"); took > 20*time.Millisecond {
				t.Errorf("beside a client that does not read %s, another waited for %v", path, took)
			}
			close(slow.until)
			<-ended
		})
	}
}

// What waits is bounded, by account and in all, and in time; who is refused is told when
// to come again, and who leaves is not waited for.
func TestWaitingReadsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, func(c *Config) { c.Reads = permits.Fixed(1) })
		taken := a.server.reads.permits.Of("another")
		taken.Acquire()
		codes := make(chan *httptest.ResponseRecorder, 2*readsWaiting)
		ctx, leave := context.WithCancel(t.Context())
		ask := func(secret string) {
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/usage", nil)
			r.Header.Set("Authorization", "Bearer "+secret)
			go func() {
				rec := httptest.NewRecorder()
				a.server.ServeHTTP(rec, r)
				codes <- rec
			}()
		}
		refused := func(status int, code string) {
			t.Helper()
			rec := <-codes
			if rec.Code != status || rec.Header().Get("Retry-After") == "" || rec.Header().Get("Content-Type") != "application/problem+json" || !strings.Contains(rec.Body.String(), `"`+code+`"`) {
				t.Errorf("got %d %v: %s, want %d %s", rec.Code, rec.Header(), rec.Body, status, code)
			}
		}
		for range readsWaiting/10 + 1 {
			ask(a.alice)
		}
		refused(http.StatusTooManyRequests, "too_many_reads")
		for i := range readsWaiting - readsWaiting/10 {
			a.server.reads.enter(bulk.AccountID(strings.Repeat("x", 1+i/50)))
		}
		ask(a.bob)
		refused(http.StatusServiceUnavailable, "busy")
		<-time.After(readPatience / 2)
		leave()
		for range readsWaiting / 10 {
			<-codes
		}
		if n := a.server.reads.of[a.aliceID]; n != 0 {
			t.Errorf("%d that left wait still", n)
		}
		for i := range readsWaiting - readsWaiting/10 {
			a.server.reads.leave(bulk.AccountID(strings.Repeat("x", 1+i/50)))
		}
		ctx, began := t.Context(), time.Now()
		ask(a.alice)
		refused(http.StatusServiceUnavailable, "busy")
		if waited := time.Since(began); waited != readPatience {
			t.Errorf("refused after %v, want %v", waited, readPatience)
		}
		if n := a.server.reads.waiting; n != 0 {
			t.Errorf("%d wait still", n)
		}
	})
}

// A live stream has no permit while it is silent; what it reads, it reads with one.
func TestStreamsReadWithPermits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, func(c *Config) { c.Reads = permits.Fixed(1) })
		imp := a.seed(a.aliceID, bulk.StateProcessing)
		ctx, leave := context.WithCancel(t.Context())
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/imports/"+string(imp.ID)+"/events", nil)
		r.Header.Set("Authorization", "Bearer "+a.alice)
		rec, ended := &told{ResponseRecorder: httptest.NewRecorder()}, make(chan struct{})
		go func() {
			defer close(ended)
			a.server.ServeHTTP(rec, r)
		}()
		<-time.After(time.Second)
		synctest.Wait()
		if a.server.reads.permits.Busy() {
			t.Error("a silent stream holds a permit")
		}
		taken := a.server.reads.permits.Of("another")
		taken.Acquire()
		had := rec.Body.Len()
		a.move(imp.ID, bulk.StateCompleted)
		<-time.After(2 * pollSlow)
		synctest.Wait()
		if rec.Body.Len() != had {
			t.Error("an event was read without a permit")
		}
		taken.Release()
		<-time.After(2 * pollSlow)
		synctest.Wait()
		if !strings.Contains(rec.Body.String(), string(bulk.StateCompleted)) {
			t.Errorf("the end was not sent: %s", rec.Body)
		}
		leave()
		<-ended
	})
}

// told is a recorder that streams can flush.
type told struct{ *httptest.ResponseRecorder }

// SetWriteDeadline does nothing.
func (*told) SetWriteDeadline(time.Time) error { return nil }

// What has limits of its own is waited for without the permit; outside of a read there is
// nothing to give back.
func TestAwaitGivesThePermitBack(t *testing.T) {
	shared := permits.New(permits.Config{Limit: permits.Fixed(1)})
	p := shared.Of("a")
	p.Acquire()
	ctx := context.WithValue(t.Context(), infoKey{}, &info{permit: p})
	Await(ctx, func() {
		if shared.Busy() {
			t.Error("the permit is held meanwhile")
		}
	})
	if !shared.Busy() {
		t.Error("the permit did not come back")
	}
	err := errors.New("not called")
	Await(t.Context(), func() { err = nil })
	if err != nil {
		t.Error(err)
	}
}

// Pages of records are put together of parts: the same records, with a cursor at the end,
// within the bytes of a page.
func TestRecordsComeInParts(t *testing.T) {
	parts := &parted{columns: 1, wide: "w"}
	s := &Server{Config: Config{Datasets: parts}}
	for _, tt := range []struct {
		limit, want int
		wide        string
		calls       int
	}{{10_000, 10_000, "w", 40}, {600, 600, "w", 3}, {1, 1, "w", 1}, {10_000, 4096, strings.Repeat("w", 1<<10), 17}} {
		*parts = parted{columns: 1, wide: tt.wide}
		page, err := s.recordPage(t.Context(), "a", bulk.RecordQuery{Limit: tt.limit})
		if err != nil || len(page.Records) > tt.want || len(page.Records) < tt.want*9/10 || page.Next == "" || parts.calls > tt.calls {
			t.Errorf("limit %d: %d records in %d parts, next %q, %v; want about %d in at most %d", tt.limit, len(page.Records), parts.calls, page.Next, err, tt.want, tt.calls)
		}
	}
	*parts = parted{columns: 1, wide: "w", grows: 3}
	if page, err := s.recordPage(t.Context(), "a", bulk.RecordQuery{Limit: 10_000}); err != nil || len(page.Records) != 3*recordsAtOnce || page.Next != "3" {
		t.Errorf("while a column comes: %d records, next %q, %v, want those before it", len(page.Records), page.Next, err)
	}
}

// parted is a dataset without end, which gets a column after so many calls.
type parted struct {
	Datasets
	columns, calls, grows int
	wide                  string
}

func (p *parted) Records(_ context.Context, _ bulk.AccountID, q bulk.RecordQuery) (bulk.RecordPage, error) {
	if p.grows > 0 && p.calls == p.grows {
		p.columns++
	}
	p.calls++
	page := bulk.RecordPage{Columns: slices.Repeat([]string{"c"}, p.columns), Next: string(rune('0' + p.calls))}
	for n := 0; len(page.Records) < q.Limit && n < q.Bytes; {
		r := bulk.Record{Values: slices.Repeat([]bulk.Value{p.wide}, p.columns)}
		page.Records = append(page.Records, r)
		n += r.Bytes()
	}
	return page, nil
}
