package processors_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bulkhead/columnar"
	"bulkhead/internal/bulk"
	"bulkhead/processors"
	"bulkhead/processors/replay"
)

var contacts = bulk.Spec{
	Name: "contacts", Key: []string{"id"},
	Columns: []bulk.Column{{Name: "id", Type: bulk.TypeText}, {Name: "age", Type: bulk.TypeInteger}},
}

// rig is a node with one slot between fakes that a test steers.
type rig struct {
	*testing.T
	dispatcher *dispatcher
	ledger     *ledger
	objects    objects
	stopTaking context.CancelFunc
	stopWork   context.CancelFunc
	ended      chan error
}

// play runs a test against a working node in a bubble of its own time.
func play(t *testing.T, test func(*rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{T: t, dispatcher: newDispatcher(), ledger: &ledger{work: map[bulk.BatchID]bulk.BatchTask{}}, objects: objects{}, ended: make(chan error, 1)}
		n, err := processors.New(processors.Config{
			Node: "node", Slots: 1, Dispatcher: r.dispatcher, Ledger: r.ledger, Batches: replay.NewReader(r.objects),
			Metrics: processors.NewMetrics(prometheus.NewRegistry()),
		})
		if err != nil {
			t.Fatal(err)
		}
		var take, work context.Context
		take, r.stopTaking = context.WithCancel(t.Context())
		work, r.stopWork = context.WithCancel(t.Context())
		go func() { r.ended <- n.Run(take, work) }()
		test(r)
		r.stopTaking()
		r.stopWork()
		if err := <-r.ended; err != nil {
			t.Errorf("Run ended with %v", err)
		}
	})
}

// stage makes a batch of rows "id,age" and gives it to the ledger and the objects.
func (r *rig) stage(no int64, rows ...[2]string) bulk.BatchTask {
	b := columnar.NewBuilder([]string{"id", "age"})
	for i, row := range rows {
		b.Append(int64(i+1), int64(i+2), int64(10*i), [][]byte{[]byte(row[0]), []byte(row[1])})
	}
	rec := b.Finish()
	defer rec.Release()
	data, sum, err := columnar.Encode(rec)
	if err != nil {
		r.Fatal(err)
	}
	w := bulk.BatchTask{
		Account: "acc", Spec: contacts, OpSeq: 1,
		Import: bulk.Import{ID: "imp", Layout: &bulk.Layout{Header: []string{"id", "age"}, Fields: []string{"id", "age"}}},
		Batch:  bulk.Batch{Import: "imp", No: no, Object: fmt.Sprint("imp/", no), SHA256: sum, Rows: bulk.Counts{Read: int64(len(rows))}},
	}
	r.objects[w.Batch.Object] = data
	r.ledger.set(w)
	return w
}

// run leases a batch to the node and waits for what it returns.
func (r *rig) run(w bulk.BatchTask) bulk.Outcome {
	r.dispatcher.grant(w)
	return <-r.dispatcher.returned
}

func (r *rig) want(got bulk.Outcome, want bulk.Result) {
	r.Helper()
	if got.Result != want {
		r.Errorf("returned %s, want %s", got.Result, want)
	}
}

func TestBatchIsValidatedAndCommitted(t *testing.T) {
	play(t, func(r *rig) {
		w := r.stage(0, [2]string{"b", "2"}, [2]string{"a", "1"}, [2]string{"c", "old"}, [2]string{"b", "3"})
		r.ledger.delay = 3 * time.Second
		out := r.run(w)
		r.want(out, bulk.ResultFinished)
		if out.Service != 3*time.Second {
			t.Errorf("service time %v, want the 3 s that the commit took", out.Service)
		}
		c := r.ledger.commits[0]
		if !slices.Equal(c.Records.Keys, []string{"a", "b"}) || c.Superseded != 1 || c.Rejected != 1 || c.Lease.Node != "node" {
			t.Errorf("committed keys %q, %d superseded, %d rejected by %s; want a and b, 1, 1, node", c.Records.Keys, c.Superseded, c.Rejected, c.Lease.Node)
		}
		if len(c.RejectGroups) != 1 || c.RejectGroups[0].Code != bulk.CodeInvalidInteger {
			t.Errorf("groups %+v, want one of invalid_integer", c.RejectGroups)
		}
	})
}

func TestDryRunChecksOnly(t *testing.T) {
	play(t, func(r *rig) {
		w := r.stage(0, [2]string{"a", "1"})
		w.DryRun = true
		r.ledger.set(w)
		r.want(r.run(w), bulk.ResultFinished)
		if len(r.ledger.commits) != 0 || len(r.ledger.checks) != 1 {
			t.Errorf("%d commits, %d checks; want 0, 1", len(r.ledger.commits), len(r.ledger.checks))
		}
	})
}

func TestErrorsDecideWhatComesNext(t *testing.T) {
	busy := bulk.Errorf(bulk.KindUnavailable, "store_busy", "Busy.")
	internal := errors.New("batch 1 does not balance")
	for name, c := range map[string]struct {
		work, commit error
		want         bulk.Result
		failures     int
	}{
		"applied before":          {work: bulk.ErrSkip, want: bulk.ResultFinished},
		"applied meanwhile":       {commit: bulk.ErrSkip, want: bulk.ResultFinished},
		"paused":                  {work: bulk.ErrPaused, want: bulk.ResultPaused},
		"paused meanwhile":        {commit: bulk.ErrPaused, want: bulk.ResultPaused},
		"ledger down":             {work: errors.New("connection refused"), want: bulk.ResultRetry},
		"ledger busy":             {commit: fmt.Errorf("commit: %w", busy), want: bulk.ResultRetry},
		"ledger timed out":        {commit: context.DeadlineExceeded, want: bulk.ResultRetry},
		"ledger's schema":         {commit: fmt.Errorf("commit: %w: cached plan must not change result type", bulk.ErrDatabase), want: bulk.ResultRetry},
		"does not balance":        {commit: internal, want: bulk.ResultRetry, failures: 1},
		"panic in the commitment": {commit: errPanic, want: bulk.ResultRetry, failures: 1},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(r *rig) {
				w := r.stage(0, [2]string{"a", "1"})
				r.ledger.workErr, r.ledger.commitErr = c.work, c.commit
				r.want(r.run(w), c.want)
				if len(r.ledger.failures) != c.failures {
					t.Errorf("failures %q, want %d", r.ledger.failures, c.failures)
				}
				for _, why := range r.ledger.failures {
					if want := "An internal error stopped this batch; the log of node node has the details."; why != want {
						t.Errorf("people are told %q, want %q", why, want)
					}
				}
			})
		})
	}
}

func TestBrokenObjectIsQuarantined(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(*rig, *bulk.BatchTask)
		want string
	}{
		"missing": {func(r *rig, w *bulk.BatchTask) { delete(r.objects, w.Batch.Object) }, "The batch object is not in the object store."},
		"flipped": {func(r *rig, w *bulk.BatchTask) { r.objects[w.Batch.Object][20] ^= 1 }, ""},
		"other rows": {
			func(r *rig, w *bulk.BatchTask) { w.Batch.Rows.Read = 7; r.ledger.set(*w) },
			"The batch object has 1 rows, the ledger says 7.",
		},
		"no header": {func(r *rig, w *bulk.BatchTask) { w.Import.Layout = nil; r.ledger.set(*w) }, "The import has staged rows but no header."},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(r *rig) {
				w := r.stage(0, [2]string{"a", "1"})
				c.harm(r, &w)
				for range bulk.MaxFailures - 1 {
					r.want(r.run(w), bulk.ResultRetry)
				}
				r.want(r.run(w), bulk.ResultFinished)
				if len(r.ledger.failures) != bulk.MaxFailures || len(r.ledger.commits) != 0 {
					t.Errorf("%d failures, %d commits; want %d, 0", len(r.ledger.failures), len(r.ledger.commits), bulk.MaxFailures)
				}
				if got := r.ledger.failures[0]; c.want != "" && got != c.want {
					t.Errorf("reason %q, want %q", got, c.want)
				}
			})
		})
	}
}

func TestFailureThatCannotBeCountedComesAgain(t *testing.T) {
	play(t, func(r *rig) {
		w := r.stage(0, [2]string{"a", "1"})
		delete(r.objects, w.Batch.Object)
		r.ledger.failErr = errors.New("down")
		for range bulk.MaxFailures + 1 {
			r.want(r.run(w), bulk.ResultRetry)
		}
	})
}

func TestLeaseIsExtendedWhileWorkGoesOn(t *testing.T) {
	play(t, func(r *rig) {
		w := r.stage(0, [2]string{"a", "1"})
		r.ledger.delay = 2 * time.Minute
		r.want(r.run(w), bulk.ResultFinished)
		if r.dispatcher.extensions < 10 { // every 10 s of a term of 30 s
			t.Errorf("extended %d times in 2 min, want 11 or 12", r.dispatcher.extensions)
		}
	})
}

func TestLostLeaseStopsTheWork(t *testing.T) {
	play(t, func(r *rig) {
		w := r.stage(0, [2]string{"a", "1"})
		r.ledger.delay = time.Hour
		r.dispatcher.lost = true
		out := r.run(w)
		r.want(out, bulk.ResultRetry)
		if out.Service > time.Minute || len(r.ledger.commits) != 0 || len(r.ledger.failures) != 0 {
			t.Errorf("worked %v, %d commits, %d failures; want the work stopped", out.Service, len(r.ledger.commits), len(r.ledger.failures))
		}
	})
}

func TestDrainFinishesWhatWasLeased(t *testing.T) {
	play(t, func(r *rig) {
		w := r.stage(0, [2]string{"a", "1"})
		r.ledger.delay = time.Minute
		r.dispatcher.grant(w)
		synctest.Wait()
		r.stopTaking()
		r.want(<-r.dispatcher.returned, bulk.ResultFinished)
	})
}

func TestStoppedWorkIsGivenBack(t *testing.T) {
	play(t, func(r *rig) {
		w := r.stage(0, [2]string{"a", "1"})
		r.ledger.delay = time.Hour
		r.dispatcher.grant(w)
		synctest.Wait()
		r.stopTaking()
		r.stopWork()
		r.want(<-r.dispatcher.returned, bulk.ResultRetry)
	})
}

func TestDispatcherThatIsDownIsAskedAgain(t *testing.T) {
	play(t, func(r *rig) {
		w := r.stage(0, [2]string{"a", "1"})
		for range 5 {
			r.dispatcher.broken <- errors.New("connection refused")
		}
		r.want(r.run(w), bulk.ResultFinished)
	})
}

// dispatcher hands out what a test grants.
type dispatcher struct {
	leases     chan bulk.Lease
	broken     chan error
	returned   chan bulk.Outcome
	id         uint64
	extensions int
	lost       bool
}

func newDispatcher() *dispatcher {
	return &dispatcher{leases: make(chan bulk.Lease), broken: make(chan error), returned: make(chan bulk.Outcome, 1)}
}

func (d *dispatcher) grant(w bulk.BatchTask) {
	d.id++
	d.leases <- bulk.Lease{
		Ref: bulk.BatchRef{Account: w.Account, Import: w.Import.ID, No: w.Batch.No, Rows: w.Batch.Rows.Read},
		ID:  d.id, Attempt: 1, Term: 30 * time.Second,
	}
}

func (d *dispatcher) Lease(ctx context.Context, node bulk.NodeID) (bulk.Lease, error) {
	select {
	case <-ctx.Done():
		return bulk.Lease{}, ctx.Err()
	case err := <-d.broken:
		return bulk.Lease{}, err
	case l := <-d.leases:
		l.Node = node
		return l, nil
	}
}

func (d *dispatcher) Extend(context.Context, bulk.Lease) (bool, error) {
	d.extensions++
	return !d.lost, nil
}

func (d *dispatcher) Return(ctx context.Context, _ bulk.Lease, o bulk.Outcome) (bool, error) {
	d.returned <- o
	return false, ctx.Err()
}

var errPanic = errors.New("panic, please")

// ledger keeps what a node told it.
type ledger struct {
	mu                          sync.Mutex
	work                        map[bulk.BatchID]bulk.BatchTask
	workErr, commitErr, failErr error
	delay                       time.Duration // of a commit
	commits, checks             []bulk.ValidatedBatch
	failures                    []string
}

func (l *ledger) set(w bulk.BatchTask) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.work[bulk.BatchID{Import: w.Import.ID, No: w.Batch.No}] = w
}

func (l *ledger) BatchTask(_ context.Context, id bulk.BatchID) (bulk.BatchTask, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.work[id], l.workErr
}

func (l *ledger) Commit(ctx context.Context, c bulk.ValidatedBatch) (bulk.Counts, error) {
	select {
	case <-ctx.Done():
		return bulk.Counts{}, errors.New("interrupted (9)") // what SQLite says
	case <-time.After(l.delay):
	}
	if errors.Is(l.commitErr, errPanic) {
		panic(errPanic)
	}
	c.Records.Keys = slices.Clone(c.Records.Keys)
	for i, k := range c.Records.Keys {
		c.Records.Keys[i] = string([]byte(k)) // the batch's memory ends with the call
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.commits = append(l.commits, c)
	return bulk.Counts{Created: int64(c.Records.Len())}, l.commitErr
}

func (l *ledger) Check(_ context.Context, c bulk.ValidatedBatch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.checks = append(l.checks, c)
	return nil
}

func (l *ledger) Fail(_ context.Context, _ bulk.BatchID, _ bulk.NodeID, why string) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failErr != nil {
		return false, l.failErr
	}
	l.failures = append(l.failures, why)
	return len(l.failures) == bulk.MaxFailures, nil
}

type objects map[string][]byte

func (o objects) Get(_ context.Context, key string) ([]byte, error) {
	if data, ok := o[key]; ok {
		return data, nil
	}
	return nil, fmt.Errorf("get %s: %w", key, bulk.ErrNotFound)
}
