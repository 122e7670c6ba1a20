package ingest

import (
	"math/rand/v2"
	"testing"

	"bulkhead/internal/bulk"
)

func TestOneAccountCannotTakeAllMemory(t *testing.T) {
	b := newBudget(100)
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
		if step.n < 0 {
			b.release(step.account, -step.n)
		} else if got := b.reserve(step.account, step.n); got != step.want {
			t.Errorf("%s wants %d: %q, want %q", step.account, step.n, got, step.want)
		}
	}
	if b.taken != 0 || len(b.held) != 0 {
		t.Errorf("after all left %d bytes are taken, held by %v", b.taken, b.held)
	}
}

// Whatever happened before: the sum never exceeds the budget, an account never holds
// more than was left when it got the last of it, and one that holds nothing always gets
// what is there.
func TestBudgetIsNeverExceeded(t *testing.T) {
	type grant struct {
		account bulk.AccountID
		n       int64
	}
	for seed := range uint64(100) {
		r, b := rand.New(rand.NewPCG(seed, 1)), newBudget(1000)
		var grants []grant
		for range 1000 {
			if i := len(grants); i > 0 && r.IntN(2) == 0 {
				i = r.IntN(i)
				b.release(grants[i].account, grants[i].n)
				grants = append(grants[:i], grants[i+1:]...)
				continue
			}
			g := grant{bulk.AccountID(rune('a' + r.IntN(5))), 1 + r.Int64N(200)}
			held, left := b.held[g.account], b.total-b.taken
			if b.reserve(g.account, g.n) == "" {
				grants = append(grants, g)
				if held+g.n > left {
					t.Fatalf("%s got %d beside %d of %d that were left", g.account, g.n, held, left)
				}
			} else if held == 0 && g.n <= left {
				t.Fatalf("%s holds nothing and does not get %d of %d", g.account, g.n, left)
			}
			sum := int64(0)
			for _, g := range grants {
				sum += g.n
			}
			if sum != b.taken || sum > b.total {
				t.Fatalf("%d bytes are held, %d counted, of %d", sum, b.taken, b.total)
			}
		}
	}
}

// Whatever the memory, there is a turn, a decoder, and room for a file of any size; and
// from where it suffices for these, the parts make no more than the whole.
func TestMemoryIsDivided(t *testing.T) {
	for _, mib := range []int64{1, 100, 200, 256, 512, 600, 1024, 4096, 1 << 20} {
		u := &Uploads{Config: Config{Limits: bulk.DefaultLimits(), Memory: mib << 20, BatchRows: 8192, BatchBytes: 4 << 20, TailBytes: 1 << 20, PartBytes: 8 << 20}}
		turns, decoders, requests := u.divide()
		least := u.turnBytes() + u.decoderBytes() + u.uploadBytes(-1)
		sum := int64(turns)*u.turnBytes() + int64(decoders)*u.decoderBytes() + requests
		if turns < 1 || decoders < 1 || requests < u.uploadBytes(-1) || sum > max(u.Memory, least) {
			t.Errorf("%d MiB: %d turns, %d decoders and %d MiB for requests, together %d MiB", mib, turns, decoders, requests>>20, sum>>20)
		}
	}
}
