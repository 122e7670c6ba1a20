package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bulkhead/ingest"
	"bulkhead/internal/bulk"
	"bulkhead/internal/sample"
)

// whose is a header by which the tests say which account a request is of.
const whose = "X-Account"

type whoseKey struct{}

// byHeader makes requests those of the account that they name.
func byHeader(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), whoseKey{}, bulk.AccountID(r.Header.Get(whose)))))
	})
}

func whoseIs(ctx context.Context) (bulk.Principal, bool) {
	account, ok := ctx.Value(whoseKey{}).(bulk.AccountID)
	return bulk.Principal{Account: account}, ok
}

// sender uploads a file as tus clients do.
type sender struct {
	f       *fixture
	server  *httptest.Server
	account bulk.AccountID
	id      bulk.ImportID
	file    string
	refused int
}

// patch sends what follows an offset, and returns where the server stands then; false:
// it was told to come again.
func (s *sender) patch(offset int, body io.Reader) (int, bool) {
	w, text := s.f.tus(s.server, http.MethodPatch, contentOf(s.id), body, "Expect", "100-continue", "Upload-Offset", strconv.Itoa(offset), whose, string(s.account))
	switch w.StatusCode {
	case http.StatusNoContent:
		next, err := strconv.Atoi(w.Header.Get("Upload-Offset"))
		s.f.must(err)
		return next, true
	case http.StatusServiceUnavailable:
		if seconds, err := strconv.Atoi(w.Header.Get("Retry-After")); err != nil || seconds < 1 || !strings.Contains(text, `"busy"`) {
			s.f.t.Errorf("refused with %v %s", w.Header, text)
		}
		s.refused++
		return s.offset(), false
	}
	s.f.t.Errorf("PATCH at %d of %s: %d %s", offset, s.id, w.StatusCode, text)
	return len(s.file), false
}

func (s *sender) offset() int {
	w, _ := s.f.tus(s.server, http.MethodHead, contentOf(s.id), nil, whose, string(s.account))
	at, err := strconv.Atoi(w.Header.Get("Upload-Offset"))
	s.f.must(err)
	return at
}

// rest sends the file from an offset in requests of n bytes until it is there.
func (s *sender) rest(offset, n int) {
	for offset < len(s.file) {
		offset, _ = s.patch(offset, strings.NewReader(s.file[offset:min(offset+n, len(s.file))]))
	}
}

// gated is a body that is waited for behind its text until the gate opens, and ends there.
type gated struct {
	io.Reader
	wanted func() // is called at each Read
	gate   chan struct{}
}

func (g *gated) Read(p []byte) (int, error) {
	g.wanted()
	n, err := g.Reader.Read(p)
	if err == io.EOF {
		<-g.gate
	}
	return n, err
}

// Thirty uploads of one account, which stay until the test lets them go, take what one
// account may have. A small one of another account goes through at once beside them. Who
// is refused comes back and loses nothing.
func TestCrowdOfOneAccountLeavesRoomForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const crowd = 30
		f := newFixture(t, small)
		other, err := f.store.CreateAccount(t.Context(), "two", 1000, 1)
		f.must(err)
		u := f.another(small, func(c *config) {
			c.Principal, c.Memory, c.BatchRows, c.BatchBytes, c.RoomWait = whoseIs, 55<<20, 100, 8<<10, 100*time.Millisecond
		})
		server := f.servePipes(byHeader(u.Content()))
		file := awkward(40)

		var senders []*sender
		var settled, all sync.WaitGroup
		gate, single := make(chan struct{}), make(chan struct{}, 1)
		for range crowd {
			s := &sender{f: f, server: server, account: f.account, id: f.open(int64(len(file)), bulk.Options{}), file: file}
			senders = append(senders, s)
			settled.Add(1)
			all.Go(func() { // each sends some once it may, and is then refused or waited for
				done := sync.OnceFunc(settled.Done)
				offset, _ := s.patch(0, &gated{strings.NewReader(file[:700]), done, gate})
				done()
				<-gate
				single <- struct{}{} // one after the other, as those are that come again at times of their own
				s.rest(offset, len(file))
				<-single
			})
		}
		settled.Wait()

		quick := &sender{f: f, server: server, account: other.ID, id: f.openFor(other.ID, "things", int64(len(file)), bulk.Options{}), file: file}
		quick.rest(0, len(file))
		if quick.refused > 0 {
			t.Errorf("the other account was refused %d times", quick.refused)
		}
		close(gate)
		all.Wait()
		refused := 0
		for _, s := range senders {
			refused += min(s.refused, 1)
			if r := f.result(s.id, int64(len(file))); r.sha256 != sum(file) || len(r.rows) != 56 {
				t.Errorf("%s ended with %d rows and SHA-256 %s", s.id, len(r.rows), r.sha256)
			}
		}
		// With twice the memory, or without the account's bound, fewer would be.
		if refused < crowd/2 || refused == crowd {
			t.Errorf("%d of %d were refused at first", refused, crowd)
		}
	})
}

// crowded is a process of little memory, of which previews that do not end take what
// their account may have.
func crowded(t *testing.T) (f *fixture, end func()) {
	t.Helper()
	resume := make(chan struct{})
	f = newFixture(t, func(c *config) {
		c.Memory, c.PartBytes, c.RoomWait = 1, 79<<20/10, time.Millisecond // an account may have 20.25 MiB, a preview takes 5
		c.Infer = func([]string, [][]string, *bulk.Spec) []bulk.PreviewColumn { <-resume; return nil }
	})
	var all sync.WaitGroup
	full := make(chan struct{}, 20)
	for range 20 {
		all.Go(func() {
			if _, err := f.Preview(t.Context(), bulk.Sample{Bytes: []byte(plain), Whole: true}); bulk.KindOf(err) == bulk.KindUnavailable {
				full <- struct{}{}
			}
		})
	}
	for range 15 { // more than fit
		<-full
	}
	return f, func() { close(resume); all.Wait() }
}

// A file in one request is refused before a byte of it is read.
func TestRefusedBeforeAByteIsRead(t *testing.T) {
	f, end := crowded(t)
	id, unread := f.open(-1, bulk.Options{}), &counted{r: strings.NewReader(plain)}
	if err := f.Receive(t.Context(), f.account, id, bulk.Body{Reader: unread, Length: -1}); bulk.KindOf(err) != bulk.KindUnavailable || bulk.CodeOf(err) != bulk.ErrBusy {
		t.Errorf("Receive = %v", err)
	}
	if _, err := f.Preview(t.Context(), bulk.Sample{Bytes: []byte(plain), Whole: true}); bulk.KindOf(err) != bulk.KindUnavailable {
		t.Errorf("Preview = %v", err)
	}
	end()
	if imp := f.imp(id); unread.n != 0 || imp.State != bulk.StateOpen {
		t.Errorf("refused after %d bytes, the import is %s", unread.n, imp.State)
	}
	f.must(f.Receive(t.Context(), f.account, id, bulk.Body{Reader: unread, Length: -1}))
	if r := f.result(id, int64(len(plain))); r.sha256 != sum(plain) {
		t.Errorf("SHA-256 %s", r.sha256)
	}
}

// A client that was sent away as there was no memory for its tail, which lies before what
// it has just sent, goes on from there: it does not send that again and again.
func TestWhatCameStaysWithoutMemoryForTheTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const first, kept = 1948 << 10, 2 << 20 // what a request brings is first read up to TailBytes
		reg := prometheus.NewRegistry()
		f := newFixture(t, func(c *config) {
			c.Metrics, c.Memory, c.TailBytes, c.RoomWait = ingest.NewMetrics(reg), 1, kept, time.Millisecond
		})
		file := "id,name,size\n" + strings.Repeat("1,a name of some length,2\n", 3<<20/26)
		id := f.open(int64(len(file)), bulk.Options{})
		send := func(at int64, body io.Reader) (int64, error) {
			return f.Write(t.Context(), f.account, id, bulk.Body{Reader: body, Offset: at, Length: int64(len(file))})
		}
		if at, err := send(0, strings.NewReader(file[:first])); err != nil || at != first {
			t.Fatalf("Write = %d, %v", at, err)
		}

		gate := make(chan struct{})
		var others sync.WaitGroup
		var refused atomic.Int64
		fill := func() { // with uploads that take less each than the tail does
			for refused.Load() == 0 {
				other := f.open(-1, bulk.Options{})
				others.Go(func() {
					_, err := f.Write(t.Context(), f.account, other, bulk.Body{Reader: &gated{strings.NewReader("id"), func() {}, gate}, Length: -1})
					if bulk.KindOf(err) == bulk.KindUnavailable {
						refused.Add(1)
					}
				})
				<-time.After(10 * time.Millisecond) // of the bubble's clock, which stands while anybody works
			}
		}
		open := make(chan struct{})
		close(open)
		at, err := send(first, &gated{strings.NewReader(file[first:]), sync.OnceFunc(fill), open})
		if bulk.CodeOf(err) != bulk.ErrBusy || at != kept {
			t.Errorf("Write = %d, %v, want %d and %s", at, err, kept, bulk.ErrBusy)
		}
		account, all := measured(t, reg, "bulkhead_ingest_refused_total", "account"), measured(t, reg, "bulkhead_ingest_refused_total", "")
		if want := float64(refused.Load() + 1); account != want || all != want {
			t.Errorf("%v refused, %v of them for what the account has, want %v", all, account, want)
		}
		close(gate)
		others.Wait()
		if at, err = send(at, strings.NewReader(file[at:])); err != nil {
			t.Errorf("Write = %d, %v", at, err)
		}
		if r := f.result(id, int64(len(file))); r.sha256 != sum(file) {
			t.Errorf("SHA-256 %s", r.sha256)
		}
	})
}

// BenchmarkSmallBesideMany takes a small file in, alternately alone and beside uploads
// of another account without end, and compares the median times.
func BenchmarkSmallBesideMany(b *testing.B) {
	var large, little bytes.Buffer
	for file, rows := range map[*bytes.Buffer]int64{&large: 50_000, &little: 2_000} {
		if _, err := sample.Contacts(file, sample.Options{Rows: rows}); err != nil {
			b.Fatal(err)
		}
	}
	for _, crowd := range []int{1, 8, 30} {
		b.Run(fmt.Sprint(crowd), func(b *testing.B) {
			m := &memory{spec: sample.Spec()}
			f := &fixture{t: b, moved: make(chan struct{}, 1)}
			u := f.another(func(c *config) { c.Ledger, c.Objects, c.Memory = m, m, 4<<30 }) // time is scarce here, not memory
			var alone, beside []time.Duration
			for b.Loop() {
				alone = append(alone, timed(b, u, little.Bytes()))
				var stop atomic.Bool
				var others sync.WaitGroup
				started := make(chan struct{}, crowd)
				for range crowd {
					others.Go(func() {
						for !stop.Load() {
							select {
							case started <- struct{}{}:
							default:
							}
							if err := u.Receive(b.Context(), "A", "huge", bulk.Body{Reader: bytes.NewReader(large.Bytes()), Length: int64(large.Len())}); err != nil {
								b.Error(err)
							}
						}
					})
				}
				for range crowd {
					<-started
				}
				beside = append(beside, timed(b, u, little.Bytes()))
				stop.Store(true)
				others.Wait()
			}
			b.ReportMetric(median(alone).Seconds()*1000, "alone-ms")
			b.ReportMetric(median(beside).Seconds()*1000, "beside-ms")
			b.ReportMetric(float64(median(beside))/float64(median(alone)), "ratio")
		})
	}
}

func timed(b *testing.B, u uploads, file []byte) time.Duration {
	begun := time.Now()
	if err := u.Receive(b.Context(), "b", "small", bulk.Body{Reader: bytes.NewReader(file), Length: int64(len(file))}); err != nil {
		b.Fatal(err)
	}
	return time.Since(begun)
}

func median(of []time.Duration) time.Duration {
	slices.Sort(of)
	return of[len(of)/2]
}
