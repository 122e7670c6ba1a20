package ingest_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bulkhead/ingest"
	"bulkhead/internal/bulk"
)

// drip is a body that brings much at once and then a byte a second.
type drip struct {
	io.Reader
	stop chan struct{}
}

func (d *drip) Read(p []byte) (int, error) {
	if n, err := d.Reader.Read(p); err == nil {
		return n, nil
	}
	select {
	case <-time.After(time.Second):
		p[0] = '1'
		return 1, nil
	case <-d.stop:
		return 0, io.ErrUnexpectedEOF
	}
}

// Uploads whose clients send a byte now and then, and come again later when they are told to
// leave, keep nobody else from the memory, however many they are and of how many accounts.
func TestSlowUploadsMakeRoom(t *testing.T) {
	file := "id,name,size\n" + strings.Repeat("1,a name of some length,2\n", 14<<20/26)
	for _, c := range []struct{ uploads, accounts, at int }{{6, 3, 3 << 20}, {20, 1, 3 << 20}, {500, 25, 0}, {500, 25, 200 << 10}, {500, 500, 64 << 10}} {
		t.Run(fmt.Sprintf("%d of %d accounts after %d bytes", c.uploads, c.accounts, c.at), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, reg := &memory{spec: things}, prometheus.NewRegistry()
				f := &fixture{t: t, moved: make(chan struct{}, 1)}
				u := f.another(func(cfg *config) {
					cfg.Ledger, cfg.Objects, cfg.Metrics, cfg.Memory = m, m, ingest.NewMetrics(reg), 512<<20 // as a process of all roles has
				})
				stop := make(chan struct{})
				var all sync.WaitGroup
				for i := range c.uploads {
					all.Go(func() {
						for {
							body := &drip{io.LimitReader(strings.NewReader(file), int64(c.at)), stop}
							err := u.Receive(t.Context(), bulk.AccountID(fmt.Sprint("slow", i%c.accounts)), bulk.ImportID(fmt.Sprint(i)), body, -1)
							if bulk.KindOf(err) != bulk.KindUnavailable {
								return
							}
							select {
							case <-stop:
								return
							case <-time.After(10 * time.Second):
							}
						}
					})
				}
				<-time.After(30 * time.Second)
				begun := time.Now()
				for range 3 {
					if err := u.Receive(t.Context(), "quick", "quick", strings.NewReader(file), int64(len(file))); err != nil {
						t.Errorf("another account's file: %v", err)
					}
				}
				waited := time.Since(begun) / 3
				t.Logf("another account's file took %v beside %d slow uploads; %.0f MB are reserved, %.0f were told to leave", waited, c.uploads,
					measured(t, reg, "bulkhead_ingest_memory_bytes", "reserved")/1e6, measured(t, reg, "bulkhead_ingest_refused_total", ""))
				if waited > 2*time.Second {
					t.Errorf("another account's file took %v", waited)
				}
				close(stop)
				all.Wait()
			})
		})
	}
}

// keeping is a ledger that keeps where each upload stands, in memory.
type keeping struct {
	*memory
	mu     sync.Mutex
	of     map[bulk.ImportID]*bulk.Upload
	tails  map[bulk.ImportID][]byte
	sealed map[bulk.ImportID]string // the SHA-256 of those that have landed
}

// TakeUpload implements ingest.Ledger.
func (k *keeping) TakeUpload(_ context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Upload, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.of[id] == nil {
		k.of[id] = &bulk.Upload{Import: bulk.Import{ID: id, AccountID: account}, Spec: k.spec, Length: -1}
	}
	up := k.of[id]
	up.Epoch++
	if up.Tail = nil; len(k.tails[id]) > 0 {
		up.Tail = []int64{up.Offset - int64(len(k.tails[id]))}
	}
	return *up, nil
}

// Tail implements ingest.Ledger.
func (k *keeping) Tail(_ context.Context, _ bulk.AccountID, id bulk.ImportID, _ int64) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.tails[id]), nil // which is one piece
}

// Advance implements ingest.Ledger.
func (k *keeping) Advance(_ context.Context, p bulk.Progress) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	up := k.of[p.Import]
	if up.Epoch != p.Epoch || up.Offset != p.From {
		return bulk.ErrSuperseded
	}
	var stays []byte
	if tail := k.tails[p.Import]; p.Append {
		stays = tail[:len(tail)-int(up.Offset-(p.Offset-int64(len(p.Tail))))]
	}
	k.tails[p.Import] = slices.Concat(stays, p.Tail)
	up.Offset, up.Length, up.Digest, up.Boundary = p.Offset, p.Length, p.Digest, p.Boundary
	if p.Layout != nil {
		up.Import.Layout = p.Layout
	}
	if p.Seal != nil {
		k.sealed[p.Import] = p.Seal.SHA256
	}
	return nil
}

// client sends a file as those do that come again when they are told to, and returns how
// often it was. Its bodies hold what body makes of the rest of the file.
func (k *keeping) client(t *testing.T, u *ingest.Uploads, id string, file string, body func(rest string) io.Reader) (refused int64) {
	for at := int64(0); at < int64(len(file)) && !t.Failed(); <-time.After(2 * time.Second) {
		next, err := u.Write(t.Context(), bulk.AccountID(id), bulk.ImportID(id), at, body(file[at:]), int64(len(file)))
		if err != nil && bulk.KindOf(err) != bulk.KindUnavailable || next < at {
			t.Errorf("%s at %d: %d, %v", id, at, next, err)
			return refused
		}
		if at = next; err != nil {
			refused++
		}
		if refused > 100 {
			t.Errorf("%s is still at %d after %d refusals", id, at, refused)
		}
	}
	return refused
}

// Clients of 500 accounts that each send 1 MiB as fast as they can whenever they may, and
// nothing after it, cannot be told from fast ones soon enough: a file beside them may be
// refused some times, and neither how often nor how soon it lands is promised. What
// was acknowledged before a refusal stays, whoever is refused comes again, and each lands.
func TestBurstsOfManyAccountsStarveNobody(t *testing.T) {
	file := "id,name,size\n" + strings.Repeat("1,a name of some length,2\n", 4<<20/26)
	burst := file[:9<<17]
	synctest.Test(t, func(t *testing.T) {
		k := &keeping{memory: &memory{spec: things}, of: map[bulk.ImportID]*bulk.Upload{}, tails: map[bulk.ImportID][]byte{}, sealed: map[bulk.ImportID]string{}}
		f := &fixture{t: t, moved: make(chan struct{}, 1)}
		u := f.another(func(c *config) { c.Ledger, c.Objects, c.Memory = k, k, 512<<20 })
		gate := make(chan struct{})
		var all sync.WaitGroup
		var refused atomic.Int64
		for i := range 500 {
			all.Go(func() {
				refused.Add(k.client(t, u, fmt.Sprint("burst", i), burst, func(rest string) io.Reader {
					at := min(len(rest), 1<<20)
					return io.MultiReader(&gated{strings.NewReader(rest[:at]), func() {}, gate}, strings.NewReader(rest[at:]))
				}))
			})
		}
		<-time.After(5 * time.Second)
		begun := time.Now()
		again := k.client(t, u, "quick", file, func(rest string) io.Reader { return strings.NewReader(rest) })
		t.Logf("refused %d times, it landed after %v", again, time.Since(begun))
		close(gate)
		all.Wait()
		t.Logf("all landed after %v, refused %d times", time.Since(begun), refused.Load())
		if refused.Load() < 500 {
			t.Errorf("the bursts were refused %d times", refused.Load())
		}
		if k.sealed["quick"] != sum(file) {
			t.Errorf("it landed as %q", k.sealed["quick"])
		}
		for i := range 500 {
			if is := k.sealed[bulk.ImportID(fmt.Sprint("burst", i))]; is != sum(burst) {
				t.Errorf("burst %d landed as %q", i, is)
			}
		}
	})
}
