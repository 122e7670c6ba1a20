package simulate

import (
	"time"

	"bulkhead/processors/drr"
)

// trail is how an account used slots.
type trail struct {
	waiting int           // batches in queues
	breaks  int           // moments at which the last one was taken
	running int           // batches
	begun   time.Duration // sum of the moments at which those began
	done    time.Duration // slot time of others
	ended   int           // batches, while the run was measured
	longest time.Duration // slot time of a batch
	most    int           // batches in flight at once, since the latest dot
	dots    []dot
}

// dot is a point of a trail.
type dot struct {
	used   time.Duration // slot time ÷ weight since the beginning, of batches in flight too
	most   int           // batches in flight at once since the dot before
	broken bool          // something of it has not waited all the time since then
}

// dotEvery is how often accounts are compared, watched how many at most.
const (
	dotEvery = 50 * time.Millisecond
	watched  = 160
)

func (t *trail) begin(now, takes time.Duration) {
	t.running++
	t.begun += now
	t.longest = max(t.longest, takes)
	t.most = max(t.most, t.running)
}

func (t *trail) end(now, begun time.Duration) {
	t.running--
	t.begun -= begun
	t.done += now - begun + roundTrip
}

// at is the slot time that was used until now.
func (t *trail) at(now time.Duration) time.Duration {
	return t.done + time.Duration(t.running)*now - t.begun
}

// everybody returns the accounts that a scene measures, small imports aside.
func (s *scene) everybody() (all []*account) {
	for i := range s.accounts {
		all = append(all, &s.accounts[i])
	}
	for i := range s.actors {
		all = append(all, s.actors[i].account)
	}
	return all
}

// note compares what accounts used.
func (w *world) note() {
	for _, t := range w.everybody()[:min(watched, len(w.accounts)+len(w.actors))] {
		idle := t.waiting == 0 || t.breaks > 0
		t.dots = append(t.dots, dot{t.at(w.now) / time.Duration(t.weight), t.most, idle})
		t.most, t.breaks = t.running, 0
	}
	if w.now < w.to {
		w.plan(w.now+dotEvery, notes, 0, 0)
	}
}

// drift is how far two accounts came apart in a window through which both had work.
type drift struct {
	i, j       *account
	lag, bound time.Duration // slot time ÷ weight
	from, to   time.Duration // of the run
}

// of is the part of the bound.
func (d *drift) of() float64 { return ratio(d.lag, max(d.bound, 1)) }

// drifted returns the drift that is the greatest part of its bound, of all pairs.
func (s *scene) drifted() (worst drift) {
	all := s.everybody()
	all = all[:min(watched, len(all))]
	for n, i := range all {
		for _, j := range all[:n] {
			if d := s.apart(i, j); worst.bound == 0 || d.of() > worst.of() {
				worst = d
			}
		}
	}
	return worst
}

// apart follows the difference of two accounts: within each stretch in which both have
// work, the window from its least to its greatest is the one in which they come furthest apart.
func (s *scene) apart(i, j *account) (worst drift) {
	stretch, low, high := 0, 0, 0
	diff := func(n int) time.Duration { return i.dots[n].used - j.dots[n].used }
	for n := range i.dots {
		if n == 0 || i.dots[n].broken || j.dots[n].broken {
			stretch, low, high = n, n, n
			continue
		}
		switch d := diff(n); {
		case d < diff(low):
			low = n
		case d > diff(high):
			high = n
		default:
			continue
		}
		if lag := diff(high) - diff(low); lag > worst.lag {
			from, to := min(low, high), max(low, high)
			bound := drr.Bound(i.backlog(stretch, from, to, s), j.backlog(stretch, from, to, s), s.contention(i, j))
			if d := (drift{i, j, lag, bound, s.dotted(from), s.dotted(to)}); worst.bound == 0 || d.of() > worst.of() {
				worst = d
			}
		}
	}
	return worst
}

// dotted is when a dot was made.
func (s *scene) dotted(n int) time.Duration { return s.from + time.Duration(n)*dotEvery }

// backlog is what an account that has work since the dot stretch did between two others.
func (t *account) backlog(stretch, from, to int, s *scene) drr.Backlog {
	b := drr.Backlog{Weight: t.weight, Longest: t.longest}
	for _, d := range t.dots[:to+1] { // before the window too: a debt of that time is paid in it
		b.InFlight = max(b.InFlight, d.most)
	}
	if t.files == 0 || stretch == 0 { // it may have come with an allowance
		b.Allowance = allowance * quantum / time.Duration(s.least())
		if stretch > 0 {
			b.Allowance += t.dots[stretch].used
		}
		b.Allowance = max(b.Allowance-t.dots[from].used, 0)
	}
	return b
}

const allowance = 5 // quanta

// least is the least weight of all accounts.
func (s *scene) least() int {
	if len(s.arrivals) > 0 {
		return 1
	}
	least := 16
	for _, t := range s.everybody() {
		least = min(least, t.weight)
	}
	return least
}

// contention is what else there is to a pair. Accounts count that have work all the time.
func (s *scene) contention(i, j *account) drr.Contention {
	c := drr.Contention{Least: s.least(), Slots: s.nodes * s.slots, Nodes: s.nodes}
	if s.home(i) == s.home(j) {
		return c
	}
	for k := range s.accounts {
		t := &s.accounts[k]
		c.Weight += t.weight
		for n, of := range []*account{i, j} {
			if s.home(t) == s.home(of) && t != of {
				c.At[n] += t.weight
			}
		}
	}
	c.At[0], c.At[1] = c.At[0]+i.weight, c.At[1]+j.weight
	for _, t := range s.everybody() {
		c.Longest = max(c.Longest, t.longest)
	}
	return c
}

func (s *scene) home(t *account) int { return int(t.partition) % s.dispatchers }
