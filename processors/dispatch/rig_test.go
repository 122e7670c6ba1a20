package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/dispatch"
)

const node = bulk.NodeID("node")

// rig is a running dispatcher in a bubble of its own time.
type rig struct {
	*testing.T
	d      *dispatch.Dispatcher
	ledger *ledger
	topic  *topic
	nodes  *holders
}

// play runs a test against a dispatcher that owns partitions 0 to 3.
func play(t *testing.T, test func(*rig)) { playWith(t, dispatch.Config{}, test) }

// playWith is play with a dispatcher of a configuration.
func playWith(t *testing.T, cfg dispatch.Config, test func(*rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{T: t, ledger: &ledger{staged: map[bulk.BatchID]bulk.BatchRef{}}, topic: newTopic(), nodes: &holders{}}
		var err error
		cfg.Ledger, cfg.References, cfg.Holders, cfg.Seed = r.ledger, r.topic, r.nodes, 1
		r.d, err = dispatch.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.d.Run(ctx) }()
		r.topic.fetches <- bulk.Fetch{Assigned: []int32{0, 1, 2, 3}}
		test(r)
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run ended with %v", err)
		}
	})
}

// ref makes a staged batch; the account's partition is its number modulo 4.
func (r *rig) ref(account, no int) bulk.BatchRef {
	id := fmt.Sprint(account)
	ref := bulk.BatchRef{Account: bulk.AccountID(id), Import: bulk.ImportID("i" + id), No: int64(no), Rows: 5000, StagedAt: time.Now()}
	r.ledger.stage(ref)
	return ref
}

func (r *rig) deliver(refs ...bulk.BatchRef) {
	d := bulk.Fetch{}
	for _, ref := range refs {
		d.Messages = append(d.Messages, bulk.Message{Ref: ref, Offset: r.topic.next(ref)})
	}
	r.topic.fetches <- d
	synctest.Wait()
}

func (r *rig) lease() bulk.Lease {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), time.Hour)
	defer cancel()
	l, err := r.d.Lease(ctx, node)
	if err != nil {
		r.Fatalf("lease: %v", err)
	}
	return l
}

// nothing asserts that no batch becomes due within a time.
func (r *rig) nothing(within time.Duration) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), within)
	defer cancel()
	if l, err := r.d.Lease(ctx, node); !errors.Is(err, context.DeadlineExceeded) {
		r.Fatalf("leased %s (%v), want nothing", l.Ref.ID(), err)
	}
}

// pass lets time go by.
func (r *rig) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (r *rig) give(l bulk.Lease, result bulk.Result) {
	r.Helper()
	if result == bulk.ResultFinished {
		r.ledger.finish(l.Ref.ID())
	}
	if _, err := r.d.Return(r.Context(), l, bulk.Outcome{Result: result, Service: 10 * time.Millisecond}); err != nil {
		r.Fatal(err)
	}
}

// took finishes a batch after a time.
func (r *rig) took(l bulk.Lease, service time.Duration) {
	r.Helper()
	r.ledger.finish(l.Ref.ID())
	r.returns(node, l, service)
}

func (r *rig) returns(on bulk.NodeID, l bulk.Lease, service time.Duration) {
	r.Helper()
	if _, err := r.d.Return(r.Context(), l, bulk.Outcome{Result: bulk.ResultFinished, Service: service}); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) same(l bulk.Lease, want bulk.BatchRef) {
	r.Helper()
	if l.Ref.ID() != want.ID() {
		r.Fatalf("leased %s, want %s", l.Ref.ID(), want.ID())
	}
}

const tick = 250 * time.Millisecond
