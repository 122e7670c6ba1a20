package drr

import "math/rand/v2"

// list is a list of accounts, linked through the accounts themselves so that
// moving one costs no allocation. The zero list is empty.
type list struct {
	head, tail *account
}

func (r *list) front() *account { return r.head }

func (r *list) pushBack(a *account) {
	a.in, a.prev, a.next = r, r.tail, nil
	if r.tail == nil {
		r.head = a
	} else {
		r.tail.next = a
	}
	r.tail = a
}

func (r *list) pushFront(a *account) {
	a.in, a.prev, a.next = r, nil, r.head
	if r.head == nil {
		r.tail = a
	} else {
		r.head.prev = a
	}
	r.head = a
}

func (r *list) remove(a *account) {
	if a.prev == nil {
		r.head = a.next
	} else {
		a.prev.next = a.next
	}
	if a.next == nil {
		r.tail = a.prev
	} else {
		a.next.prev = a.prev
	}
	a.in, a.prev, a.next = nil, nil, nil
}

func (r *list) toBack(a *account) {
	if r.tail != a {
		r.remove(a)
		r.pushBack(a)
	}
}

func (r *list) shuffle(rnd *rand.Rand) {
	var all []*account
	for a := r.head; a != nil; a = a.next {
		all = append(all, a)
	}
	rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	*r = list{}
	for _, a := range all {
		r.pushBack(a)
	}
}
