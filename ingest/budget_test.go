package ingest

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bulkhead/internal/bulk"
)

func budgetOf(n int64) *budget {
	return newBudget(n, prometheus.NewGauge(prometheus.GaugeOpts{Name: "unregistered"}))
}

func TestOneAccountCannotTakeAllMemory(t *testing.T) {
	b := budgetOf(100)
	holds := map[bulk.AccountID]*hold{}
	for _, step := range []struct {
		account bulk.AccountID
		n       int64 // below 0: gives back
		want    string
	}{
		{"A", 30, ""},
		{"A", 20, ""},
		{"A", 1, refusedAccount}, // half of all
		{"b", 25, ""},            // what is left is for those who come
		{"b", 1, refusedAccount},
		{"C", 12, ""},
		{"d", 20, refusedProcess},
		{"A", -30, ""},
		{"d", 20, ""},
		{"A", 5, refusedAccount}, // now that there are four, it is less than half
		{"A", 3, ""},
		{"A", -23, ""},
		{"b", -25, ""},
		{"C", -12, ""},
		{"d", -20, ""},
		{"A", 100, ""}, // nobody else is there and it is one piece
		{"A", -100, ""},
	} {
		h := holds[step.account]
		if h == nil {
			h = b.open(step.account)
			holds[step.account] = h
		}
		if step.n < 0 {
			h.shrink(-step.n)
		} else if got := h.grow(t.Context(), step.n, time.Nanosecond); got != step.want {
			t.Errorf("%s wants %d: %q, want %q", step.account, step.n, got, step.want)
		}
	}
	if b.taken != 0 || len(b.held) != 0 || len(b.waiting) != 0 {
		t.Errorf("after all left %d bytes are taken, held by %v", b.taken, b.held)
	}
}

// Whatever happened before: the sum never exceeds the budget, an account never holds
// more than was left when it got the last of it, and one that holds nothing always gets
// what is there.
func TestBudgetIsNeverExceeded(t *testing.T) {
	for seed := range uint64(100) {
		r, b := rand.New(rand.NewPCG(seed, 1)), budgetOf(1000)
		var holds []*hold
		for range 1000 {
			if i := len(holds); i > 0 && r.IntN(2) == 0 {
				i = r.IntN(i)
				if h := holds[i]; r.IntN(2) == 0 {
					h.shrink(r.Int64N(h.n + 1))
				} else {
					h.close()
					holds = append(holds[:i], holds[i+1:]...)
				}
				continue
			}
			h := b.open(bulk.AccountID(rune('a' + r.IntN(5))))
			holds = append(holds, h)
			n, held, left := 1+r.Int64N(200), b.held[h.account], b.total-b.taken
			if h.try(n) {
				if held+n > left {
					t.Fatalf("%s got %d beside %d of %d that were left", h.account, n, held, left)
				}
			} else if held == 0 && n <= left {
				t.Fatalf("%s holds nothing and does not get %d of %d", h.account, n, left)
			}
			sum := int64(0)
			for _, h := range holds {
				sum += h.n
			}
			if sum != b.taken || sum > b.total {
				t.Fatalf("%d bytes are held, %d counted, of %d", sum, b.taken, b.total)
			}
		}
	}
}

// sending is a hold whose client sent so much in so many seconds and is waited for.
func sending(t *testing.T, b *budget, account bulk.AccountID, holds int64, bytes, seconds int) *hold {
	t.Helper()
	h := b.open(account)
	if !h.try(holds) {
		t.Fatalf("%s does not get %d", account, holds)
	}
	h.came, h.waited, h.awaited = int64(bytes), time.Duration(seconds)*time.Second, time.Now()
	return h
}

func told(h *hold) bool {
	select {
	case <-h.leave:
		return true
	default:
		return false
	}
}

// Who waits gets what the slowest hold, and no faster one is told to leave for it.
func TestSlowestMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := budgetOf(1000)
		slowest := sending(t, b, "a", 250, 10, 10)
		slow := sending(t, b, "b", 250, 10<<10, 10)
		slower := sending(t, b, "c", 200, 1<<10, 10)
		fast := sending(t, b, "d", 100, 1<<20, 10)
		fresh := sending(t, b, "e", 100, 0, 0)
		for _, h := range []*hold{slowest, slow, slower, fast, fresh} {
			go func() { <-h.leave; h.close() }()
		}
		w := b.open("f")
		begun := time.Now()
		if why := w.grow(t.Context(), 400, 5*time.Second); why != "" {
			t.Fatalf("refused: %s", why)
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("it waited for %v", took)
		}
		synctest.Wait()
		for name, c := range map[string]struct {
			h    *hold
			want bool
		}{"slowest": {slowest, true}, "slower": {slower, true}, "slow": {slow, false}, "fast": {fast, false}, "fresh": {fresh, false}} {
			if told(c.h) != c.want {
				t.Errorf("the %s one was told to leave: %v", name, told(c.h))
			}
		}
		for _, h := range []*hold{slow, fast, fresh} {
			h.budget.mu.Lock()
			close(h.leave)
			h.budget.mu.Unlock()
		}
	})
}

// An account that holds too much itself makes room for itself, and nobody else does.
func TestAccountMakesRoomForItself(t *testing.T) {
	b := budgetOf(1000)
	own, other := sending(t, b, "a", 450, 0, 10), sending(t, b, "b", 100, 0, 10)
	w := b.open("a")
	if why := w.grow(t.Context(), 50, time.Nanosecond); why != refusedAccount {
		t.Errorf("refused: %q", why)
	}
	if !told(own) || told(other) {
		t.Errorf("told to leave: its own %v, another's %v", told(own), told(other))
	}
}

// Of those who wait, the account that holds least is first, however many wait of others.
func TestWhoHoldsLeastIsServedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := budgetOf(1000)
		full := b.open("x")
		full.try(500)
		for range 4 {
			b.open("y").try(60)
		}
		got := make(chan bulk.AccountID, 10)
		for _, account := range []bulk.AccountID{"y", "y", "y", "z"} {
			go func() {
				if b.open(account).grow(t.Context(), 300, time.Minute) == "" {
					got <- account
				}
			}()
			synctest.Wait()
		}
		full.shrink(200)
		if first := <-got; first != "z" {
			t.Errorf("%s was first", first)
		}
	})
}

// Whatever the memory, there is a permit, a decoder, two readers, and room for a file of any
// size; and from where it suffices for these, the parts make no more than the whole.
func TestMemoryIsDivided(t *testing.T) {
	for _, mib := range []int64{1, 100, 200, 256, 512, 600, 1024, 4096, 1 << 20} {
		u := &Uploads{Config: Config{Limits: bulk.DefaultLimits(), Memory: mib << 20, BatchRows: 8192, BatchBytes: 4 << 20, TailBytes: 1 << 20, PartBytes: 8 << 20}}
		permits, decoders, readers, requests := u.divide()
		least := u.encodingBytes() + u.decoderBytes() + 2*u.readingBytes() + 2*u.uploadBytes()
		sum := int64(permits)*u.encodingBytes() + int64(decoders)*u.decoderBytes() + int64(readers)*u.readingBytes() + requests
		if permits < 1 || decoders < 1 || readers < 2 || requests < 2*u.uploadBytes() || sum > max(u.Memory, least) {
			t.Errorf("%d MiB: %d permits, %d decoders, %d readers and %d MiB for requests, together %d MiB", mib, permits, decoders, readers, requests>>20, sum>>20)
		}
		t.Logf("%d MiB: %d permits, %d decoders, %d readers and %d MiB for requests", mib, permits, decoders, readers, requests>>20)
	}
}
