package schedule

import (
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
)

// Discipline orders the batches that wait. [drr.Queue] is the one that runs in
// production; others are there to be compared with it.
type Discipline interface {
	Push(ref bulk.BatchRef) bool
	Adopt(ref bulk.BatchRef) bool // in flight already: another dispatcher granted it
	PopFor(ask drr.Ask) (drr.Grant, bool)
	Charge(ref bulk.BatchRef, cost time.Duration) // beside what PopFor charged
	Finish(id bulk.BatchID) bool
	Heard(mean drr.Virtual, idle bool)
	Evict(gone func(bulk.AccountID) bool) []bulk.BatchID
	Shuffle()

	SetWeight(id bulk.AccountID, weight int)
	SetCap(id bulk.AccountID, n int)
	Pause(id bulk.ImportID)
	Unpause(id bulk.ImportID)
	Drop(id bulk.ImportID) []bulk.BatchID

	Demand() drr.Demand
	Waiting() int
	InFlight() int
	Weight() int
	Waits(id bulk.ImportID) bool
	Import(id bulk.ImportID) (drr.ImportView, bool)
	Accounts() []bulk.AccountQueue
	Due(id bulk.AccountID) (may bool, ahead time.Duration)
	Oldest() (staged time.Time, waits bool)
}

// Observer hears of what was decided. Its methods must not call the scheduler.
type Observer interface {
	Ended(m bulk.Offset)                           // a reference's batch ended here
	Due()                                          // something may have become due
	Began(took, median, upper time.Duration)       // an import that had to wait has its first lease
	Leased(waited time.Duration, batches int64)    // a batch for the first time, of an import of so many so far
	Copied()                                       // a batch for the second time
	Expired(l bulk.Lease)                          // a node went silent; the batch comes again
	Delayed(ref bulk.BatchRef, n int, t time.Time) // a batch failed n times in a row and comes again
}

// Config sets a scheduler up. Zero values take the defaults.
type Config struct {
	// Discipline makes the queue; predict is the slot time of a batch. Default: a [drr.Queue].
	Discipline func(predict func(bulk.BatchRef) time.Duration) Discipline
	Quantum    time.Duration // see [drr.Config]
	FIFO       bool          // see [drr.Config]
	Seed       uint64        // of the order in which rounds start
	FirstLease uint64        // leases are numbered from here on
	// Cost, if set, predicts slot times for ever: nothing is learnt.
	Cost func(bulk.BatchRef) time.Duration
	// NoCopies leaves slow batches to the node that has them.
	NoCopies bool
	// PartitionOf returns the partition that an account's references are in. Required.
	PartitionOf func(bulk.AccountID) int32
	Observer    Observer // required
}

// Scheduler holds what waits and what is on lease at one dispatcher.
type Scheduler struct {
	cfg      Config
	queue    Discipline
	jobs     map[bulk.BatchID]*job
	accounts map[bulk.AccountID]*accountState
	imports  map[bulk.ImportID]*importState
	leases   map[uint64]*lease
	granted  []*lease                // the same in order, and some that ended since the last tick
	late     []bulk.BatchRef         // that ran longer than predicted at the last tick
	lagging  []*job                  // in flight for so long that a second copy pays
	adopted  map[bulk.BatchID]*lease // that others granted, of partitions that came here, until references bring the batches
	delayed  delays
	assigned map[int32]bool // partitions
	last     uint64         // lease
	retired  time.Time      // when accounts were last looked through
	meter    meter

	pace      pace // of all imports
	tail      drr.Stragglers
	nodes     map[bulk.NodeID]drr.Slowness
	slowness  drr.Slowness // of all nodes together
	estimator drr.Estimator
}

// job is a batch from its first reference to its end.
type job struct {
	ref       bulk.BatchRef
	partition int32
	offsets   []bulk.Offset // of every reference to it
	attempts  int           // leases so far
	failures  int           // of these, in a row
	leases    []*lease      // none: it waits; two: the second is a copy
	due       time.Time     // end of its back-off
	delay     int           // its place in the heap of back-offs, -1: none

	waits  bulk.Waits    // that ended
	since  time.Time     // of the wait that goes on, in the queue or in a back-off
	paused time.Duration // of its import, before since
}

// lease is a granted right.
type lease struct {
	bulk.Lease
	job       *job          // nil: another copy ended the batch, or no reference has brought it yet
	predicted time.Duration // slot time
	cost      time.Duration // that was charged so far
	granted   time.Time
	expires   time.Time
}

// importState is an import with batches here.
type importState struct {
	account bulk.AccountID
	jobs    int
	delayed int   // of its jobs, those in a back-off
	last    int64 // greatest batch number seen: how large the import is
	paused  bool
	since   time.Time     // it is paused
	before  time.Duration // it was paused, since it is known here
	pace    pace
	late    pace      // the same of a batch that runs longer than predicted, 0: none does
	wait    *forecast // of its first lease, until then
}

// New returns a scheduler that owns no partition.
func New(cfg Config) *Scheduler {
	s := &Scheduler{
		cfg:      cfg,
		jobs:     make(map[bulk.BatchID]*job),
		accounts: make(map[bulk.AccountID]*accountState),
		imports:  make(map[bulk.ImportID]*importState),
		leases:   make(map[uint64]*lease),
		adopted:  make(map[bulk.BatchID]*lease),
		nodes:    make(map[bulk.NodeID]drr.Slowness),
		assigned: make(map[int32]bool),
		last:     cfg.FirstLease,
	}
	if cfg.Discipline == nil {
		cfg.Discipline = func(predict func(bulk.BatchRef) time.Duration) Discipline {
			return drr.New(drr.Config{Quantum: cfg.Quantum, FIFO: cfg.FIFO, Seed: cfg.Seed, Cost: predict})
		}
	}
	s.queue = cfg.Discipline(s.predict)
	return s
}

// Tick does what time demands. It is to be called about every 100 ms.
func (s *Scheduler) Tick(now time.Time) {
	s.measure(now)
	s.expire(now)
	s.overrun(now)
	s.retry(now)
	s.findLagging(now)
	s.expireAdopted(now)
	s.retire(now)
}

// Shuffle gives the accounts a random order, unlike that of other dispatchers. It is
// called once the first references of an assignment were added.
func (s *Scheduler) Shuffle() { s.queue.Shuffle() }

// Busy reports whether something is due that no slot has taken yet.
func (s *Scheduler) Busy() bool { return s.queue.Weight() > 0 }
