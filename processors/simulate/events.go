package simulate

import "time"

// kind says what happens at an event.
type kind uint8

const (
	arrives  kind = iota // the next import of the list
	asks                 // slot a asks for a lease
	ends                 // the work in slot a, if it is still at turn b
	ticks                // dispatcher a does what time demands
	looks                // node a reads the demand of all dispatchers
	rises                // dispatcher a, which had nothing, has work
	wakes                // actor a sends b imports
	rests                // what accounts pause is paused if b is 1, and goes on if it is 0
	notes                // what accounts have used is compared
	dies                 // dispatcher a
	moves                // the partitions of dispatcher a get other owners
	returns              // dispatcher a, after its restart
	scales               // the number of nodes becomes a
	crashes              // node a, without a word
	recovers             // the same node, empty
)

// event is something that happens at a moment of simulated time.
type event struct {
	at   time.Duration
	seq  uint64 // of equal moments the first planned comes first, so runs repeat
	kind kind
	a, b int32
}

// agenda is a binary heap of events. It allocates only while it grows.
type agenda struct {
	events []event
	seq    uint64
}

func (g *agenda) plan(at time.Duration, k kind, a, b int32) {
	g.seq++
	e := event{at, g.seq, k, a, b}
	g.events = append(g.events, e)
	i := len(g.events) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !e.before(&g.events[up]) {
			break
		}
		g.events[i] = g.events[up]
		i = up
	}
	g.events[i] = e
}

func (g *agenda) next() event {
	first := g.events[0]
	last := len(g.events) - 1
	e := g.events[last]
	g.events = g.events[:last]
	if last > 0 {
		g.sink(e)
	}
	return first
}

// sink puts e where the first event was and lets it fall to its place.
func (g *agenda) sink(e event) {
	i := 0
	for {
		c := 2*i + 1
		if c >= len(g.events) {
			break
		}
		if r := c + 1; r < len(g.events) && g.events[r].before(&g.events[c]) {
			c = r
		}
		if !g.events[c].before(&e) {
			break
		}
		g.events[i] = g.events[c]
		i = c
	}
	g.events[i] = e
}

func (e *event) before(o *event) bool { return e.at < o.at || e.at == o.at && e.seq < o.seq }
