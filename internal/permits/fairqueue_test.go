package permits

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

// crowd are some of one account, each of which asks for a permit again when it has had one.
type crowd struct {
	account bulk.AccountID
	n       int
	from    time.Duration        // when they come
	times   int                  // that each wants; 0: no end
	cost    func() time.Duration // how long the next one takes
	pause   time.Duration        // that each waits for its client between two
}

func takes(d time.Duration) func() time.Duration { return func() time.Duration { return d } }

// upload is one of them.
type upload struct {
	of      *crowd
	had     int
	wants   time.Duration // when it asks next; -1: it waits, runs, or is done
	asked   time.Duration
	ends    time.Duration // of its work; -1: it does none
	longest time.Duration // it ever waited
}

// table is a simulated process: so many permits, and uploads at a fair queue.
type table struct {
	t       *testing.T
	permits int
	now     time.Duration
	uploads []*upload
	queue   fairQueue[*upload]
	running int
	order   []string // accounts in the order that they were let in
	served  map[bulk.AccountID]time.Duration
}

func newTable(t *testing.T, permits int, groups ...crowd) *table {
	b := &table{t: t, permits: permits, queue: newFairQueue[*upload](), served: map[bulk.AccountID]time.Duration{}}
	for i := range groups {
		for range groups[i].n {
			b.uploads = append(b.uploads, &upload{of: &groups[i], wants: groups[i].from, ends: -1})
		}
	}
	return b
}

// run goes on from event to event until a time, or until nothing happens any more.
func (b *table) run(until time.Duration) *table {
	for b.now <= until {
		next := time.Duration(-1)
		for _, u := range b.uploads {
			for _, at := range []time.Duration{u.wants, u.ends} {
				if at >= 0 && (next < 0 || at < next) {
					next = at
				}
			}
		}
		if next < 0 || next > until {
			return b
		}
		b.now = next
		b.happen()
		b.give()
	}
	return b
}

// happen ends what ends now, and then lets those ask who want to.
func (b *table) happen() {
	for _, u := range b.uploads {
		if u.ends != b.now {
			continue
		}
		took := u.ends - u.asked
		b.queue.finish(u.of.account, took)
		b.running--
		b.served[u.of.account] += took
		if u.ends = -1; u.of.times == 0 || u.had < u.of.times {
			u.wants = b.now + u.of.pause
		}
	}
	for _, u := range b.uploads {
		if u.wants == b.now {
			u.wants, u.asked = -1, b.now
			b.queue.enqueue(u.of.account, u)
		}
	}
}

func (b *table) give() {
	for b.running < b.permits {
		u, ok := b.queue.dequeue()
		if !ok {
			for _, u := range b.uploads {
				if u.asked >= 0 && u.wants < 0 && u.ends < 0 && (u.of.times == 0 || u.had < u.of.times) {
					b.t.Fatalf("at %v an upload of %s waits while a permit is free", b.now, u.of.account)
				}
			}
			return
		}
		b.order = append(b.order, string(u.of.account))
		u.longest = max(u.longest, b.now-u.asked)
		u.had, u.asked, u.ends = u.had+1, b.now, b.now+u.of.cost()
		b.running++
	}
}

const ms = time.Millisecond

func TestWhoComputesNext(t *testing.T) {
	for _, tt := range []struct {
		name    string
		permits int
		groups  []crowd
		until   time.Duration
		want    string
	}{
		{"one upload beside eight of another account", 1, []crowd{{account: "A", n: 8, cost: takes(ms)}, {account: "b", n: 1, cost: takes(ms)}}, 9 * ms, "A b A b A b A b A b"},
		{
			"three accounts", 1,
			[]crowd{{account: "A", n: 8, cost: takes(ms)}, {account: "b", n: 1, cost: takes(ms)}, {account: "C", n: 2, cost: takes(ms)}},
			8 * ms, "A b C A b C A b C",
		},
		{"a newcomer is next", 1, []crowd{{account: "A", n: 8, cost: takes(ms)}, {account: "b", n: 1, from: 5*ms + 1, cost: takes(ms), times: 2}}, 11 * ms, "A A A A A A b A b A A A"},
		{"one that waits for its client keeps its rank", 1, []crowd{{account: "A", n: 8, cost: takes(ms)}, {account: "b", n: 1, cost: takes(ms), pause: ms / 2}}, 9 * ms, "A b A b A b A b A b"},
		{"long work is paid for", 1, []crowd{{account: "A", n: 8, cost: takes(4 * ms)}, {account: "b", n: 2, cost: takes(ms)}}, 20 * ms, "A b b b b A b b b b A b"},
		{"nobody else is there", 1, []crowd{{account: "A", n: 3, cost: takes(ms)}}, 4 * ms, "A A A A A"},
		{"having been idle saves nothing up", 1, []crowd{{account: "A", n: 2, cost: takes(ms)}, {account: "b", n: 2, from: 6 * ms, cost: takes(ms)}}, 11 * ms, "A A A A A A b A b A b A"},
		{"two permits", 2, []crowd{{account: "A", n: 8, cost: takes(ms)}, {account: "b", n: 2, cost: takes(ms)}}, 3 * ms, "A b A b A b A b"},
		{"a permit that one cannot use is another's", 2, []crowd{{account: "A", n: 8, cost: takes(ms)}, {account: "b", n: 1, cost: takes(ms), times: 1}}, 2 * ms, "A b A A A A"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(newTable(t, tt.permits, tt.groups...).run(tt.until).order, " "); got != tt.want {
				t.Errorf("permits went to\n%s, want\n%s", got, tt.want)
			}
		})
	}
}

// Of two accounts that always want more, neither gets ahead by more than what can run
// at once and one permit of each, whatever their work takes and however many uploads
// either has. (Goyal, Vin and Cheng prove it for one permit and known lengths.)
func TestAccountsGetEqualTime(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		longest := map[bulk.AccountID]time.Duration{}
		var groups []crowd
		for i := range 2 + r.IntN(5) {
			account, most := bulk.AccountID(fmt.Sprint("a", i)), ms+rand.N(30*ms)
			longest[account] = most
			groups = append(groups, crowd{account: account, n: 4 + r.IntN(30), cost: func() time.Duration { return leastCost + time.Duration(r.Int64N(int64(most-leastCost))) }})
		}
		permits := 1 + r.IntN(4)
		b := newTable(t, permits, groups...)
		for until := 500 * ms; until <= 3*time.Second; until += 500 * ms {
			b.run(until)
			for x, had := range b.served {
				for y, has := range b.served {
					if bound := time.Duration(permits+1) * (longest[x] + longest[y]); has-had > bound {
						t.Fatalf("seed %d, %d permits: after %v %s had %v and %s %v, want within %v", seed, permits, until, x, had, y, has, bound)
					}
				}
			}
		}
	}
}

// A small import needs few permits. Each comes when those that run and one of every other
// account are over, whether an account has one upload or thirty.
func TestSmallUploadWaitsForAccountsNotForUploads(t *testing.T) {
	for _, permits := range []int{1, 2, 8} {
		for _, accounts := range []int{1, 3, 10} {
			var groups []crowd
			for i := range accounts {
				groups = append(groups, crowd{account: bulk.AccountID(fmt.Sprint("A", i)), n: 30, cost: takes(10 * ms)})
			}
			groups = append(groups, crowd{account: "b", n: 1, from: 101*ms + 1, times: 3, cost: takes(2 * ms)})
			b := newTable(t, permits, groups...).run(10 * time.Second)
			small := b.uploads[len(b.uploads)-1]
			if most := time.Duration(1+accounts) * 10 * ms; small.had != 3 || small.longest > most {
				t.Errorf("%d permits, %d accounts of 30 uploads: %d times, waited %v for one, want 3 and at most %v", permits, accounts, small.had, small.longest, most)
			}
		}
	}
}

func TestUploadsOfAnAccountAreServedInOrder(t *testing.T) {
	r := newFairQueue[int]()
	for i := range 5 {
		r.enqueue("A", i)
		r.enqueue("b", 10+i)
	}
	last := map[bool]int{false: -1, true: 9}
	for range 10 {
		w, ok := r.dequeue()
		if small := w >= 10; !ok || w != last[small]+1 {
			t.Errorf("next is %d after %d", w, last[small])
		} else {
			last[small] = w
			r.finish(map[bool]bulk.AccountID{false: "A", true: "b"}[small], ms)
		}
	}
	if _, ok := r.dequeue(); ok {
		t.Error("a permit for nobody")
	}
}

// Accounts that are gone are forgotten, so that the queue does not grow with all that
// ever were there.
func TestFairQueueForgets(t *testing.T) {
	r := newFairQueue[int]()
	for i := range 1000 {
		account := bulk.AccountID(fmt.Sprint(i))
		for range 2 {
			r.enqueue(account, 0)
			r.dequeue()
			r.finish(account, ms)
		}
	}
	if n := len(r.flows); n > 2 {
		t.Errorf("%d accounts are known, though at most one is there", n)
	}
}

// Accounts that come one after the other, each alone, are not remembered.
func TestFairQueueForgetsWhoIsDone(t *testing.T) {
	r := newFairQueue[int]()
	for i := range 1000 {
		account := bulk.AccountID(fmt.Sprint("acc_", i))
		r.enqueue(account, i)
		if _, ok := r.dequeue(); !ok {
			t.Fatal("nobody is next")
		}
		r.finish(account, time.Second)
		if n := len(r.flows); n > 0 {
			t.Fatalf("%d accounts are remembered after %d", n, i)
		}
	}
}
