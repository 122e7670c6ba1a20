package simulate

import (
	"time"

	"bulkhead/internal/bulk"
)

// The cluster of the attacks: a round of it is short enough that a minute shows who gains.
const (
	arenaNodes  = 25
	arenaSlots  = 4 // of each node
	arenaWhales = 49
	arenaLoad   = 0.1 // of the small imports
)

const ms = time.Millisecond

// arena is a scene with honest whales and small imports, and those who play strategies.
func arena(whaling int, during span, seed uint64, playing ...strategy) scene {
	s := scene{
		nodes: arenaNodes, slots: arenaSlots, dispatchers: dispersed,
		accounts: whales(whaling, seed), arrivals: smalls(arenaLoad, arenaNodes*arenaSlots, during, seed),
		span: during, cut: true,
	}
	s.play(playing, seed)
	return s
}

// attacks are what accounts try in E11, beside honest whales and small imports. Each is one
// account unless it says how many.
var attacks = [][]strategy{
	{{name: "a whale with batches of 2 s", took: always(2 * time.Second)}},
	{{name: "a whale with batches of 5 s", took: always(5 * time.Second)}},
	{{name: "a whale with batches of 10 s", took: always(10 * time.Second)}},
	{{name: "a whale with batches of 2 ms to 10 s, at random", took: length{2 * ms, 10 * time.Second}}},
	{{name: "oscillates: 20 batches of 2 s, think 500 ms", batches: 20, took: always(2 * time.Second), think: 500 * ms}},
	{{name: "oscillates: 100 imports of a batch, 8 rows, think 500 ms", imports: 100, batches: 1, rows: 8, took: always(200 * ms), think: 500 * ms}},
	{{name: "11 accounts oscillate: 6 batches of 1 s, think 500 ms", accounts: 11, batches: 6, took: always(time.Second), think: 500 * ms}},
	{{name: "500 accounts: 6 batches of 1 s every 20 s", accounts: 500, batches: 6, took: always(time.Second), every: 20 * time.Second}},
	{whaleBeside, {name: "20 helpers", helps: true, beside: true, accounts: 20, batches: 1, took: always(2 * ms), think: 10 * ms}},
	{whaleBeside, {name: "50 helpers", helps: true, beside: true, accounts: 50, batches: 1, took: always(2 * ms), think: 25 * ms}},
	{whaleBeside, {name: "200 helpers", helps: true, beside: true, accounts: 200, batches: 1, took: always(2 * ms), think: 100 * ms}},
	{{name: "imports of a batch, 8 rows, 400 ms", imports: 200, batches: 1, each: true, rows: 8, took: always(400 * ms)}},
	{{name: "imports of a batch, 8 rows, 5 s", imports: 200, batches: 1, each: true, rows: 8, took: always(5 * time.Second)}},
	// and others
	{{name: "oscillates in phase with what nodes hear: 5 batches of 250 ms every 500 ms", batches: 5, took: always(250 * ms), every: 500 * ms, together: true}},
	{{name: "sleeps until its allowance is whole, then runs 25 × 250 ms", batches: 25, took: always(250 * ms), think: 5 * time.Second}},
	{{name: "of weight 16, batches of 5 s", weight: 16, took: always(5 * time.Second)}},
	{{name: "half of its attempts fail", fails: 0.5}},
	{{name: "fails nine times of ten, batches of 2 s", fails: 0.9, took: always(2 * time.Second)}},
	{{name: "pauses its imports half of every second", imports: 4, rest: 500 * ms, took: always(time.Second)}},
	{{name: "splits over all priorities", imports: 30, priorities: []bulk.Priority{bulk.PriorityHigh, bulk.PriorityNormal, bulk.PriorityLow}}},
	{{name: "bait: four batches of 10 ms, then of 5 s", imports: 10, batches: 20, each: true, bait: 4, took: length{10 * ms, 5 * time.Second}}},
	{{name: "10 times the rows, 20 ms: credit of what was predicted", imports: 50, batches: 4, each: true, rows: 80_000, took: always(20 * ms), think: 100 * ms}},
	{{name: "a thousand times the bytes, no rows to speak of", imports: 20, batches: 2, each: true, rows: 1, bytes: 800_000_000, took: always(2 * time.Second)}},
	{{name: "16 accounts take turns: 5 quanta, then 8 s of sleep", accounts: 16, batches: 5, took: always(250 * ms), think: 8 * time.Second}},
	{{name: "a batch at a time, 300 imports that follow each other", imports: 300, batches: 1, each: true, took: always(20 * ms)}},
	{{name: "short batches open the lane, long ones follow", imports: 8, batches: 6, bait: 5, took: length{2 * ms, 10 * time.Second}, think: 250 * ms}},
	{{name: "a burst of 500 batches of 1 s a minute", batches: 500, took: always(time.Second), every: time.Minute}},
}

// whaleBeside is the whale that helpers are to help.
var whaleBeside = strategy{beside: true}

// level is what max-min fairness gives to an account that always has work, in slot time ÷ weight: what
// others leave who had less, since they did not want more.
func (s *scene) level() float64 {
	left := (s.to - s.from).Seconds() * float64(s.nodes*s.slots)
	endless := 0.0
	for i := range s.arrivals {
		left -= s.arrivals[i].account.used.Seconds()
	}
	for i := range s.accounts {
		endless += float64(s.accounts[i].weight)
	}
	low, high := 0.0, left/max(endless, 1)
	for range 60 {
		level, sum := (low+high)/2, left
		for i := range s.actors {
			t := s.actors[i].account
			sum -= min(t.used.Seconds(), level*float64(t.weight))
		}
		if sum > level*endless {
			low = level
		} else {
			high = level
		}
	}
	return low
}

// gained is the slot time of those who attack ÷ what as many honest accounts are entitled to.
func (s *scene) gained() float64 {
	used, due, level := 0.0, 0.0, s.level()
	for _, t := range s.everybody() {
		if t.role == attacking {
			used += t.used.Seconds()
			due += level * float64(t.weight)
		}
	}
	return used / max(due, 1e-9)
}

// victim is the smallest share that an honest whale got of what it is entitled to.
func (s *scene) victim() float64 {
	least, level := 1e9, s.level()
	for i := range s.accounts {
		if t := &s.accounts[i]; t.role == honest {
			least = min(least, t.used.Seconds()/(level*float64(t.weight)))
		}
	}
	return least
}
