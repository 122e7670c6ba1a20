package drr

import "bulkhead/internal/bulk"

// batch waits in its import's line or is in flight.
type batch struct {
	ref        bulk.BatchRef
	line       *line
	flying     bool
	ahead      bool   // in flight as a newcomer's
	prev, next *batch // in the line, while it waits
}

// line is an import with its waiting batches in order of arrival.
type line struct {
	id         bulk.ImportID
	owner      bulk.AccountID
	account    *account // the owner's, or everybody's
	slot       int      // in account.lines
	class      int
	seq        uint64 // order of arrival, breaks ties
	paused     bool
	head, tail *batch
	waiting    int
	inFlight   int
	rows       int64       // of the waiting batches: its remaining work
	at         [orders]int // its place in each heap of its class, -1: in none
}

// Pause keeps an import's waiting batches back until Unpause, those that are
// pushed meanwhile included. What is in flight goes on. The pause is forgotten
// with the import's last batch.
func (q *Queue) Pause(id bulk.ImportID) {
	l := q.lines[id]
	if l == nil || l.paused {
		return
	}
	l.paused = true
	a := l.account
	q.ready(a, -l.waiting)
	a.classes[l.class].remove(l)
	q.place(a)
}

// Unpause ends a pause.
func (q *Queue) Unpause(id bulk.ImportID) {
	l := q.lines[id]
	if l == nil || !l.paused {
		return
	}
	l.paused = false
	a := l.account
	if l.waiting > 0 {
		q.ready(a, l.waiting)
		a.classes[l.class].update(l)
	}
	q.place(a)
}

// Drop forgets an import's waiting batches and returns them. What is in flight
// still has to be finished.
func (q *Queue) Drop(id bulk.ImportID) []bulk.BatchID {
	l := q.lines[id]
	if l == nil {
		return nil
	}
	a := l.account
	if !l.paused {
		q.ready(a, -l.waiting)
		a.classes[l.class].remove(l)
	}
	gone := make([]bulk.BatchID, 0, l.waiting)
	for l.head != nil {
		b := l.shift()
		gone = append(gone, b.ref.ID())
		q.waiting--
		q.forget(b)
	}
	q.release(l)
	q.place(a)
	return gone
}

// line finds or enters the import of a reference.
func (q *Queue) line(ref bulk.BatchRef) *line {
	l := q.lines[ref.Import]
	if l == nil {
		a := q.account(ref.Account)
		l = q.spare.line()
		q.seq++
		*l = line{id: ref.Import, owner: ref.Account, account: a, slot: len(a.lines), class: q.classOf(ref.Priority), seq: q.seq, at: [orders]int{-1, -1}}
		a.lines = append(a.lines, l)
		q.lines[ref.Import] = l
	}
	return l
}

// release forgets an import that has no batch left.
func (q *Queue) release(l *line) {
	if l.waiting+l.inFlight > 0 {
		return
	}
	a := l.account
	last := len(a.lines) - 1
	a.lines[l.slot] = a.lines[last]
	a.lines[l.slot].slot = l.slot
	a.lines[last] = nil
	a.lines = a.lines[:last]
	delete(q.lines, l.id)
	q.spare.lines = append(q.spare.lines, l)
}

// forget gives a batch's memory back.
func (q *Queue) forget(b *batch) {
	delete(q.batches, b.ref.ID())
	*b = batch{}
	q.spare.batches = append(q.spare.batches, b)
}

func (l *line) push(b *batch) {
	b.prev = l.tail
	if l.tail == nil {
		l.head = b
	} else {
		l.tail.next = b
	}
	l.tail = b
	l.waiting++
	l.rows += b.ref.Rows
}

func (l *line) shift() *batch {
	b := l.head
	l.head = b.next
	if l.head == nil {
		l.tail = nil
	} else {
		l.head.prev = nil
	}
	b.next = nil
	l.waiting--
	l.rows -= b.ref.Rows
	return b
}

// spare keeps what was forgotten for the next use, so that a steady state
// allocates nothing. It never holds more than was in use at once.
type spare struct {
	batches  []*batch
	lines    []*line
	accounts []*account
}

func (s *spare) batch() *batch     { return take(&s.batches) }
func (s *spare) line() *line       { return take(&s.lines) }
func (s *spare) account() *account { return take(&s.accounts) }

func take[T any](free *[]*T) *T {
	last := len(*free) - 1
	if last < 0 {
		return new(T)
	}
	x := (*free)[last]
	(*free)[last] = nil
	*free = (*free)[:last]
	return x
}
