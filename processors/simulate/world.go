package simulate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
	"bulkhead/processors/schedule"
)

// world is one run. The same scene, design and seed give the same run.
type world struct {
	scene
	design Design
	seed   uint64
	agenda
	ledger      ledger
	now         time.Duration
	chance      *rand.Rand
	nodes       []node
	seats       []seat
	dispatchers []dispatcher
	owners      []int32 // dispatcher by partition, -1: none
	partitions  map[bulk.AccountID]int32
	endless     []*importState

	upcoming int // arrival
	pending  int // measured imports that have not ended
	draining bool
	copied   bool // the latest lease is of a second copy
	waiting  int  // batches in queues
	free     int  // seats without work
	open     int  // seats of living nodes
	busy     int  // seats with work
	found    outcome
}

// The rhythm of the cluster, as in processors/lease and processors/dispatch.
const (
	roundTrip = schedule.Turnaround    // of the calls around a batch, in one data centre
	lookEvery = 250 * time.Millisecond // age of what a node knows of the demand
	tick      = 100 * time.Millisecond // of a dispatcher
	riseStep  = 10 * time.Millisecond  // at most, until nodes hear that a dispatcher has work again
	partsAll  = 16                     // partitions of the topic
	depth     = 2                      // batches that an endless file has waiting, so that it never runs dry
	limit     = 48 * time.Hour         // of simulated time, for a run that does not end
)

// runScene simulates until the measured imports have ended, then lets all other work end
// as well and audits the ledger.
func runScene(s scene, d Design, seed uint64) (*outcome, error) {
	w := newWorld(s, d, seed)
	for w.now < w.to || w.pending > 0 && !w.cut {
		if w.now > limit || len(w.events) == 0 && w.pending > 0 {
			return nil, fmt.Errorf("%s: %d measured imports have not ended", d.Name, w.pending)
		}
		if len(w.events) == 0 {
			break
		}
		w.step()
		if w.enough > 0 && w.found.grants >= w.enough {
			w.to = w.now
		}
	}
	w.found.until = w.to
	if w.cut {
		w.breakOff()
	}
	w.drain()
	if err := w.ledger.audit(); err != nil {
		return nil, fmt.Errorf("%s: %w", d.Name, err)
	}
	if explained := w.found.copies + w.faults.redelivered; w.ledger.refused > explained {
		return nil, fmt.Errorf("%s: %d batches were worked on twice, only %d by intent", d.Name, w.ledger.refused, explained)
	}
	return &w.found, nil
}

func newWorld(s scene, d Design, seed uint64) *world {
	w := &world{scene: s, design: d, seed: seed, chance: rand.New(rand.NewPCG(seed, 1)), partitions: map[bulk.AccountID]int32{}}
	for _, t := range w.everybody() {
		w.partitions[t.id] = t.partition
	}
	for _, a := range s.arrivals {
		if a.measured {
			w.pending++
		}
		w.partitions[a.account.id] = a.account.partition
	}
	w.found.samples = make([]sample, 0, w.pending)
	w.build()
	w.settle()
	w.greet()
	if len(w.arrivals) > 0 {
		w.plan(w.arrivals[0].at, arrives, 0, 0)
	}
	for i := range w.actors {
		a := &w.actors[i]
		w.plan(a.offset, wakes, int32(i), int32(max(a.imports, 1)))
	}
	if w.lags {
		w.plan(w.from, notes, 0, 0)
	}
	if slices.ContainsFunc(w.everybody(), func(t *account) bool { return t.rest > 0 }) {
		w.plan(time.Second/2, rests, 1, 0)
	}
	w.planFaults()
	return w
}

// build makes dispatchers and nodes.
func (w *world) build() {
	parts, n := partsAll, w.scene.dispatchers
	switch {
	case w.design.local:
		parts, n = w.scene.nodes, w.scene.nodes
	case w.design.central:
		n = 1
	}
	w.dispatchers = make([]dispatcher, n)
	for i := range w.dispatchers {
		w.start(int32(i))
		w.plan(tick*time.Duration(i+1)/time.Duration(n), ticks, int32(i), 0)
	}
	w.owners = make([]int32, parts)
	for p := range w.owners {
		w.owners[p] = int32(p % n)
		w.assign(&w.dispatchers[p%n], int32(p), true, nil)
	}
	w.buildNodes()
}

// settle brings in the files that never end; dispatchers start in random order.
func (w *world) settle() {
	for i := range w.accounts {
		t := &w.accounts[i]
		if w.window > 0 {
			t.windows = make([]time.Duration, (w.to-w.from)/w.window)
		}
		for range t.files {
			l := w.ledger.enter(t, 0, 0)
			w.endless = append(w.endless, l)
			w.fill(l)
		}
	}
	for i := range w.dispatchers {
		w.dispatchers[i].schedule.Shuffle()
	}
}

// greet lets nodes that start read the demand of all dispatchers before they ask any: else the
// first they hear of would have all their slots at once.
func (w *world) greet() {
	if w.design.local {
		return
	}
	for i := range w.nodes {
		for d := range w.dispatchers {
			w.nodes[i].view.Hear(int32(d), w.dispatchers[d].demand(), w.chance.Float64())
		}
	}
}

// fill stages what an endless file has waiting: at a design that schedules at nodes
// it waits at every one.
func (w *world) fill(l *importState) {
	parts := 1
	if w.design.local {
		parts = len(w.owners)
	}
	for p := range parts {
		for range depth {
			b := w.ledger.stage(l, w.now)
			if w.design.local {
				b.partition = int32(p)
			}
			w.push(b)
		}
	}
}

func (w *world) step() {
	e := w.agenda.next()
	if w.now >= w.from && w.now < w.to {
		dt := min(e.at, w.to) - w.now
		w.found.idle += dt * time.Duration(min(w.free, w.waiting))
		w.found.capacity += dt * time.Duration(w.open)
	}
	w.now = e.at
	switch e.kind {
	case arrives:
		w.arrive()
	case asks:
		w.ask(e.a, e.b > 0)
	case ends:
		w.end(e.a, e.b)
	case ticks:
		w.tick(e.a)
	case looks:
		w.look(e.a)
	case rises:
		w.rise(e.a)
	case wakes:
		w.wake(e.a, int(e.b))
	case notes:
		w.note()
	case rests:
		w.rest(e.a == 1 && !w.draining)
	default:
		w.fault(e)
	}
}

// arrive brings in the next import of the list.
func (w *world) arrive() {
	if w.draining {
		return
	}
	a := &w.arrivals[w.upcoming]
	if w.upcoming++; w.upcoming < len(w.arrivals) {
		w.plan(w.arrivals[w.upcoming].at, arrives, 0, 0)
	}
	w.enter(a.account, a.batches).measured = a.measured
}

// enter stages an import.
func (w *world) enter(a *account, batches int) *importState {
	l := w.ledger.enter(a, batches, w.now)
	for range batches {
		b := w.ledger.stage(l, w.now)
		if w.design.local {
			b.partition = int32(w.chance.IntN(len(w.owners)))
		}
		w.push(b)
	}
	return l
}

// clock is the simulated time as the scheduler has it.
func (w *world) clock() time.Time { return epoch.Add(w.now) }

// tick lets a dispatcher do what time demands.
func (w *world) tick(o int32) {
	if d := &w.dispatchers[o]; d.alive {
		d.schedule.Tick(w.clock())
	}
	w.plan(w.now+tick, ticks, o, 0)
}

// push gives a batch to the dispatcher of its partition. Without one it waits in the
// topic for the next owner.
func (w *world) push(b *batch) {
	o := w.owners[b.partition]
	if o < 0 {
		b.imp.felt = true
		return
	}
	d := &w.dispatchers[o]
	d.schedule.Add(w.clock(), b.ref, &bulk.Offset{Partition: b.partition})
	if t := b.imp.account; t.weight > 1 {
		d.schedule.Steer(w.clock(), bulk.Controls{Weights: map[bulk.AccountID]int{t.id: t.weight}}, schedule.Subjects{})
	}
}

// queued notes that a batch waits in the queue of its dispatcher.
func (w *world) queued(b *batch) {
	b.queued = true
	b.imp.waiting++
	w.waiting++
	if o := w.owners[b.partition]; w.gaps {
		b.imp.gap(o, len(w.dispatchers)).push(w.dispatchers[o].queue.rounds())
	}
}

// taken notes that a batch left its queue, by a grant or with its dispatcher.
func (w *world) taken(b *batch, by drr.Grant) {
	b.queued = false
	w.waiting--
	if b.imp.waiting--; b.imp.waiting == 0 {
		b.imp.breaks++
	}
	if o := w.owners[b.partition]; w.gaps {
		b.imp.gap(o, len(w.dispatchers)).take(w.dispatchers[o].queue.rounds(), by)
	}
}

// breakOff ends the measure of imports that have not ended: they count as if they did now.
func (w *world) breakOff() {
	for _, b := range w.ledger.batches {
		if !b.free && b.imp.measured {
			b.imp.measured = false
			w.found.samples = append(w.found.samples, sample{batches: b.imp.batches, latency: w.now - b.imp.arrived})
		}
	}
}

// rest pauses what accounts pause, or lets it go on.
func (w *world) rest(on bool) {
	paused, of := map[bulk.ImportID]bool{}, schedule.SubjectsOf(nil)
	length := time.Second
	for _, b := range w.ledger.batches {
		if !b.free && b.imp.account.rest > 0 {
			paused[b.imp.id], of.Imports[b.imp.id] = on, true
			length = b.imp.account.rest
		}
	}
	for i := range w.dispatchers {
		if d := &w.dispatchers[i]; len(paused) > 0 && d.alive {
			d.schedule.Steer(w.clock(), bulk.Controls{Paused: paused}, of)
		}
	}
	switch {
	case on:
		w.plan(w.now+length, rests, 0, 0)
	case !w.draining:
		w.plan(w.now+max(time.Second-length, time.Millisecond), rests, 1, 0)
	}
}

// drain lets everything end.
func (w *world) drain() {
	w.draining = true
	for _, l := range w.endless {
		l.batches = l.staged
	}
	for w.busy > 0 || w.ledger.staged != w.ledger.committed || w.unsettled() {
		w.step()
		if w.now > limit {
			return // the audit says what is left
		}
	}
}

// unsettled reports whether a dispatcher has work that it does not know to have ended.
func (w *world) unsettled() bool {
	return slices.ContainsFunc(w.dispatchers, func(d dispatcher) bool { return d.alive && d.schedule.Jobs() > 0 })
}
