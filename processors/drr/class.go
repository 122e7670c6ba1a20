package drr

import (
	"container/heap"

	"bulkhead/internal/bulk"
)

// The priority classes of an account and the credits by which they share it.
const (
	high = iota
	normal
	low
	classes
)

var credits = [classes]int{high: 8, normal: 3, low: 1}

// everyFourth says which pick of a class goes to what waited longest instead of to
// the least remaining work; it bounds the wait of a large import.
const everyFourth = 4

// oldestEvery is that for this queue: first come, first served takes the oldest always.
func (q *Queue) oldestEvery() int {
	if q.cfg.FIFO {
		return 1
	}
	return everyFourth
}

// everybody is the one account of a queue that serves first what came first.
const everybody bulk.AccountID = ""

func (q *Queue) classOf(p bulk.Priority) int {
	switch {
	case q.cfg.FIFO:
		return normal
	case p == bulk.PriorityHigh:
		return high
	case p == bulk.PriorityLow:
		return low
	default:
		return normal
	}
}

// class is the imports of one priority that have a batch ready, in two orders.
type class struct {
	credit int
	picks  int
	heaps  [orders]lineHeap
}

// pick takes the account's next batch out of its line. The class with the most
// credit gives it: smooth weighted round-robin, so that 8:3:1 comes interleaved.
func (a *account) pick(oldestEvery int) *batch {
	var best *class
	total := 0
	for i := range a.classes {
		c := &a.classes[i]
		if len(c.heaps[0].lines) == 0 {
			continue
		}
		c.credit += credits[i]
		total += credits[i]
		if best == nil || c.credit > best.credit {
			best = c
		}
	}
	best.credit -= total
	return best.pick(oldestEvery)
}

func (c *class) pick(oldestEvery int) *batch {
	c.picks++
	order := byWork
	if c.picks%oldestEvery == 0 {
		order = byAge
	}
	l := c.heaps[order].lines[0]
	b := l.shift()
	if l.waiting > 0 {
		c.update(l)
	} else {
		c.remove(l)
	}
	return b
}

// update enters an import or moves it to its new place.
func (c *class) update(l *line) {
	for o := range c.heaps {
		h := &c.heaps[o]
		h.by = order(o)
		if l.at[o] < 0 {
			heap.Push(h, l)
		} else {
			heap.Fix(h, l.at[o])
		}
	}
}

// remove takes an import out, if it is in. An emptied class saves no credit.
func (c *class) remove(l *line) {
	for o := range c.heaps {
		if l.at[o] >= 0 {
			heap.Remove(&c.heaps[o], l.at[o])
		}
	}
	if len(c.heaps[0].lines) == 0 {
		c.credit = 0
	}
}

// reset empties the class but keeps its memory.
func (c *class) reset() {
	c.credit, c.picks = 0, 0
	for o := range c.heaps {
		clear(c.heaps[o].lines)
		c.heaps[o].lines = c.heaps[o].lines[:0]
	}
}

// order is one of the ways in which a class sorts its imports.
type order int

const (
	byWork order = iota // least remaining rows first
	byAge               // the batch that was staged first
	orders
)

// lineHeap implements heap.Interface.
type lineHeap struct {
	by    order
	lines []*line
}

func (h *lineHeap) Len() int { return len(h.lines) }

func (h *lineHeap) Less(i, j int) bool { return before(h.lines[i], h.lines[j], h.by) }

func before(x, y *line, by order) bool {
	if by == byWork {
		return x.rows < y.rows || x.rows == y.rows && x.seq < y.seq
	}
	s, t := x.head.ref.StagedAt, y.head.ref.StagedAt
	return s.Before(t) || s.Equal(t) && x.seq < y.seq
}

func (h *lineHeap) Swap(i, j int) {
	h.lines[i], h.lines[j] = h.lines[j], h.lines[i]
	h.lines[i].at[h.by], h.lines[j].at[h.by] = i, j
}

func (h *lineHeap) Push(x any) {
	l := x.(*line)
	l.at[h.by] = len(h.lines)
	h.lines = append(h.lines, l)
}

func (h *lineHeap) Pop() any {
	last := len(h.lines) - 1
	l := h.lines[last]
	h.lines[last] = nil
	h.lines = h.lines[:last]
	l.at[h.by] = -1
	return l
}
