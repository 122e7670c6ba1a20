package simulate

import (
	"slices"
	"time"
)

// idealTimes returns the latencies of a scene's measured imports, as they end, under
// generalized processor sharing (Parekh and Gallager, 1993): all slots are one fluid,
// at every moment divided max-min fairly among the accounts that have work. One
// that has fewer batches left than its share of slots takes only as many, and the
// batches of one import advance alike. Nothing waits, nothing is rounded, everything is known;
// no real scheduler can be fairer, but one that lets newcomers go first can be faster for them.
func idealTimes(s scene, seed uint64) []time.Duration {
	f := fluid{slots: float64(s.nodes * s.slots), whales: float64(len(s.accounts))}
	var latencies []time.Duration
	for i := 0; i < len(s.arrivals) || len(f.flows) > 0; {
		end, who := f.next()
		if i < len(s.arrivals) && (who < 0 || s.arrivals[i].at.Seconds() <= end) {
			a := &s.arrivals[i]
			f.advance(a.at.Seconds())
			f.add(a, int32(i+wholes(s)), seed)
			i++
			continue
		}
		f.advance(end)
		if c := f.flows[who]; f.finish(who) && c.measured {
			latencies = append(latencies, time.Duration((end-c.arrived)*1e9))
		}
	}
	return latencies
}

// wholes is the number of imports that are entered before the first arrival.
func wholes(s scene) (n int) {
	for i := range s.accounts {
		n += s.accounts[i].files
	}
	return n
}

// fluid is the state of generalized processor sharing at a moment, in seconds.
type fluid struct {
	slots, whales, now float64
	level              float64 // slots of an account that could use more
	flows              []current
	by                 []int // flows by unfinished batches
}

// current is an import that flows.
type current struct {
	arrived  float64
	measured bool
	done     float64   // of each of its batches
	left     []float64 // slot time of its unfinished batches, the longest first
}

func (f *fluid) add(a *arrival, no int32, seed uint64) {
	c := current{arrived: a.at.Seconds(), measured: a.measured, left: make([]float64, a.batches)}
	for b := range c.left {
		c.left[b] = attempt{a.account, no, b, 1}.service(seed).Seconds()
	}
	slices.SortFunc(c.left, func(x, y float64) int {
		if x > y {
			return -1
		}
		return 1
	})
	f.flows = append(f.flows, c)
	f.count(a.batches, 1)
}

func (f *fluid) count(batches, n int) {
	for len(f.by) <= batches {
		f.by = append(f.by, 0)
	}
	f.by[batches] += n
	f.share()
}

// share fills the slots: accounts with few batches first, the others alike.
func (f *fluid) share() {
	left, accounts := f.slots, f.whales
	for _, n := range f.by {
		accounts += float64(n)
	}
	for batches, n := range f.by {
		f.level = left / max(accounts, 1)
		if float64(batches) >= f.level {
			return
		}
		left -= float64(batches * n)
		accounts -= float64(n)
	}
	f.level = left / max(accounts, 1)
}

// speed is that of each batch of an import, 1 at most.
func (f *fluid) speed(c *current) float64 { return min(1, f.level/float64(len(c.left))) }

// next returns when the next batch ends, and whose it is; -1: nothing flows.
func (f *fluid) next() (at float64, who int) {
	who = -1
	for i := range f.flows {
		c := &f.flows[i]
		if end := f.now + (c.left[len(c.left)-1]-c.done)/f.speed(c); who < 0 || end < at {
			at, who = end, i
		}
	}
	return at, who
}

func (f *fluid) advance(to float64) {
	for i := range f.flows {
		c := &f.flows[i]
		c.done += (to - f.now) * f.speed(c)
	}
	f.now = to
}

// finish ends the shortest batch of an import, and says whether it was the last.
func (f *fluid) finish(who int) bool {
	c := &f.flows[who]
	f.count(len(c.left), -1)
	if c.left = c.left[:len(c.left)-1]; len(c.left) > 0 {
		f.count(len(c.left), 1)
		return false
	}
	last := len(f.flows) - 1
	f.flows[who] = f.flows[last]
	f.flows = f.flows[:last]
	return true
}
