package ingest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

// crowd are some of one account, each of which asks for a turn again when it has had one.
type crowd struct {
	account bulk.AccountID
	n       int
	from    time.Duration        // when they come
	turns   int                  // that each wants; 0: no end
	turn    func() time.Duration // how long the next one takes
	pause   time.Duration        // that each waits for its client between two
}

func takes(d time.Duration) func() time.Duration { return func() time.Duration { return d } }

// upload is one of them.
type upload struct {
	of      *crowd
	had     int
	wants   time.Duration // when it asks next; -1: it waits, runs, or is done
	asked   time.Duration
	ends    time.Duration // of its turn; -1: it has none
	longest time.Duration // it ever waited
}

// table is a simulated process: so many places, and uploads at a round.
type table struct {
	t       *testing.T
	places  int
	now     time.Duration
	uploads []*upload
	round   round[*upload]
	running int
	order   []string // accounts in the order of their turns
	served  map[bulk.AccountID]time.Duration
}

func newTable(t *testing.T, places int, groups ...crowd) *table {
	b := &table{t: t, places: places, round: newRound[*upload](), served: map[bulk.AccountID]time.Duration{}}
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

// happen ends the turns that end now, and then lets those ask who want to.
func (b *table) happen() {
	for _, u := range b.uploads {
		if u.ends != b.now {
			continue
		}
		took := u.ends - u.asked
		b.round.end(u.of.account, took)
		b.running--
		b.served[u.of.account] += took
		if u.ends = -1; u.of.turns == 0 || u.had < u.of.turns {
			u.wants = b.now + u.of.pause
		}
	}
	for _, u := range b.uploads {
		if u.wants == b.now {
			u.wants, u.asked = -1, b.now
			b.round.wait(u.of.account, u)
		}
	}
}

func (b *table) give() {
	for b.running < b.places {
		u, ok := b.round.next()
		if !ok {
			for _, u := range b.uploads {
				if u.asked >= 0 && u.wants < 0 && u.ends < 0 && (u.of.turns == 0 || u.had < u.of.turns) {
					b.t.Fatalf("at %v an upload of %s waits while a place is free", b.now, u.of.account)
				}
			}
			return
		}
		b.order = append(b.order, string(u.of.account))
		u.longest = max(u.longest, b.now-u.asked)
		u.had, u.asked, u.ends = u.had+1, b.now, b.now+u.of.turn()
		b.running++
	}
}

const ms = time.Millisecond

func TestWhoseTurnItIs(t *testing.T) {
	for _, tt := range []struct {
		name   string
		places int
		groups []crowd
		until  time.Duration
		want   string
	}{
		{"one upload beside eight of another account", 1, []crowd{{account: "A", n: 8, turn: takes(ms)}, {account: "b", n: 1, turn: takes(ms)}}, 9 * ms, "A b A b A b A b A b"},
		{
			"three accounts", 1,
			[]crowd{{account: "A", n: 8, turn: takes(ms)}, {account: "b", n: 1, turn: takes(ms)}, {account: "C", n: 2, turn: takes(ms)}},
			8 * ms, "A b C A b C A b C",
		},
		{"a newcomer is next", 1, []crowd{{account: "A", n: 8, turn: takes(ms)}, {account: "b", n: 1, from: 5*ms + 1, turn: takes(ms), turns: 2}}, 11 * ms, "A A A A A A b A b A A A"},
		{"one that waits for its client keeps its place", 1, []crowd{{account: "A", n: 8, turn: takes(ms)}, {account: "b", n: 1, turn: takes(ms), pause: ms / 2}}, 9 * ms, "A b A b A b A b A b"},
		{"long turns are paid for", 1, []crowd{{account: "A", n: 8, turn: takes(4 * ms)}, {account: "b", n: 2, turn: takes(ms)}}, 20 * ms, "A b b b b A b b b b A b"},
		{"nobody else is there", 1, []crowd{{account: "A", n: 3, turn: takes(ms)}}, 4 * ms, "A A A A A"},
		{"having been idle saves nothing up", 1, []crowd{{account: "A", n: 2, turn: takes(ms)}, {account: "b", n: 2, from: 6 * ms, turn: takes(ms)}}, 11 * ms, "A A A A A A b A b A b A"},
		{"two places", 2, []crowd{{account: "A", n: 8, turn: takes(ms)}, {account: "b", n: 2, turn: takes(ms)}}, 3 * ms, "A b A b A b A b"},
		{"a place that one cannot use is another's", 2, []crowd{{account: "A", n: 8, turn: takes(ms)}, {account: "b", n: 1, turn: takes(ms), turns: 1}}, 2 * ms, "A b A A A A"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(newTable(t, tt.places, tt.groups...).run(tt.until).order, " "); got != tt.want {
				t.Errorf("turns were given to\n%s, want\n%s", got, tt.want)
			}
		})
	}
}

// Of two accounts that always want more, neither gets ahead by more than what can run
// at once and one turn of each, whatever their turns take and however many uploads
// either has. (Goyal, Vin and Cheng prove it for one place and known lengths.)
func TestAccountsGetEqualTime(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		longest := map[bulk.AccountID]time.Duration{}
		var groups []crowd
		for i := range 2 + r.IntN(5) {
			account, most := bulk.AccountID(fmt.Sprint("a", i)), ms+rand.N(30*ms)
			longest[account] = most
			groups = append(groups, crowd{account: account, n: 4 + r.IntN(30), turn: func() time.Duration { return leastTurn + time.Duration(r.Int64N(int64(most-leastTurn))) }})
		}
		places := 1 + r.IntN(4)
		b := newTable(t, places, groups...)
		for until := 500 * ms; until <= 3*time.Second; until += 500 * ms {
			b.run(until)
			for x, had := range b.served {
				for y, has := range b.served {
					if bound := time.Duration(places+1) * (longest[x] + longest[y]); has-had > bound {
						t.Fatalf("seed %d, %d places: after %v %s had %v and %s %v, want within %v", seed, places, until, x, had, y, has, bound)
					}
				}
			}
		}
	}
}

// A small import needs few turns. Each comes when those that run and one of every other
// account are over, whether an account has one upload or thirty.
func TestSmallUploadWaitsForAccountsNotForUploads(t *testing.T) {
	for _, places := range []int{1, 2, 8} {
		for _, accounts := range []int{1, 3, 10} {
			var groups []crowd
			for i := range accounts {
				groups = append(groups, crowd{account: bulk.AccountID(fmt.Sprint("A", i)), n: 30, turn: takes(10 * ms)})
			}
			groups = append(groups, crowd{account: "b", n: 1, from: 101*ms + 1, turns: 3, turn: takes(2 * ms)})
			b := newTable(t, places, groups...).run(10 * time.Second)
			small := b.uploads[len(b.uploads)-1]
			if most := time.Duration(1+accounts) * 10 * ms; small.had != 3 || small.longest > most {
				t.Errorf("%d places, %d accounts of 30 uploads: %d turns, waited %v for one, want 3 and at most %v", places, accounts, small.had, small.longest, most)
			}
		}
	}
}

func TestUploadsOfAnAccountAreServedInOrder(t *testing.T) {
	r := newRound[int]()
	for i := range 5 {
		r.wait("A", i)
		r.wait("b", 10+i)
	}
	last := map[bool]int{false: -1, true: 9}
	for range 10 {
		w, ok := r.next()
		if small := w >= 10; !ok || w != last[small]+1 {
			t.Errorf("next is %d after %d", w, last[small])
		} else {
			last[small] = w
			r.end(map[bool]bulk.AccountID{false: "A", true: "b"}[small], ms)
		}
	}
	if _, ok := r.next(); ok {
		t.Error("a turn for nobody")
	}
}

// Accounts that are gone are forgotten, so that the round does not grow with all that
// ever were there.
func TestRoundForgets(t *testing.T) {
	r := newRound[int]()
	for i := range 1000 {
		account := bulk.AccountID(fmt.Sprint(i))
		for range 2 {
			r.wait(account, 0)
			r.next()
			r.end(account, ms)
		}
	}
	if n := len(r.accounts); n > 2 {
		t.Errorf("%d accounts are known, though at most one is there", n)
	}
}

// Accounts that come one after the other, each alone, are not remembered.
func TestRoundForgetsWhoIsDone(t *testing.T) {
	r := newRound[int]()
	for i := range 1000 {
		account := bulk.AccountID(fmt.Sprint("acc_", i))
		r.wait(account, i)
		if _, ok := r.next(); !ok {
			t.Fatal("nobody is next")
		}
		r.end(account, time.Second)
		if n := len(r.accounts); n > 0 {
			t.Fatalf("%d accounts are remembered after %d", n, i)
		}
	}
}
