package broker_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"bulkhead/internal/broker"
	"bulkhead/internal/bulk"
)

// TestConformance runs the same suite on every broker there is.
func TestConformance(t *testing.T) {
	t.Run("embedded", func(t *testing.T) {
		conformance(t, func(t *testing.T) []string { return embedded(t, t.TempDir()).Seeds() })
	})
	t.Run("kafka", func(t *testing.T) {
		seeds := os.Getenv("BULKHEAD_TEST_KAFKA")
		if seeds == "" {
			if os.Getenv("BULKHEAD_REQUIRE_SERVICES") == "1" {
				t.Fatal("BULKHEAD_TEST_KAFKA is not set, and services are required")
			}
			t.Skip("SKIPPED: BULKHEAD_TEST_KAFKA is not set, nothing was tested on a real Kafka")
		}
		conformance(t, func(*testing.T) []string { return strings.Split(seeds, ",") })
	})
}

func conformance(t *testing.T, seeds func(*testing.T) []string) {
	for name, test := range map[string]func(*rig){
		"what is staged arrives once and is marked": (*rig).publishes,
		"watermark holds back at the unfinished":    (*rig).watermark,
		"two members share the partitions":          (*rig).rebalances,
		"garbage is skipped":                        (*rig).garbage,
		"commits have a topic of their own":         (*rig).commits,
		"clusters that share a broker stay apart":   (*rig).neighbours,
	} {
		t.Run(name, func(t *testing.T) { test(newRig(t, seeds(t))) })
	}
}

// rig is one test's broker, group and outbox.
type rig struct {
	*testing.T
	cfg    broker.Config
	outbox *outbox
	admin  *kadm.Client
	run    string // makes accounts of this test unlike those of earlier ones on the same topic
}

func newRig(t *testing.T, seeds []string) *rig {
	run := fmt.Sprint(time.Now().UnixNano())
	cfg := broker.Config{Seeds: seeds, Group: "test-" + run}
	if err := broker.EnsureTopics(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if err := broker.EnsureTopics(t.Context(), cfg); err != nil {
		t.Fatalf("ensuring topics again: %v", err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(seeds...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &rig{T: t, cfg: cfg, outbox: &outbox{marked: map[bulk.BatchID]int{}}, admin: kadm.NewClient(client), run: run}
}

func embedded(t *testing.T, dir string) *broker.Cluster {
	t.Helper()
	c, err := broker.Embedded(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func (r *rig) ref(account, no int) bulk.BatchRef {
	id := fmt.Sprintf("%s-%d", r.run, account)
	return bulk.BatchRef{
		Account: bulk.AccountID(id), Import: bulk.ImportID(id), No: int64(no), Priority: bulk.PriorityNormal,
		Rows: 10, Bytes: 100, StagedAt: time.Now().UTC().Truncate(time.Millisecond),
	}
}

// relay stages the references and publishes until none is left.
func (r *rig) relay(refs ...bulk.BatchRef) {
	r.Helper()
	r.outbox.add(refs...)
	relay, err := broker.NewRelay(r.cfg, r.outbox)
	if err != nil {
		r.Fatal(err)
	}
	ctx, stop := context.WithCancel(r.Context())
	ended := make(chan error)
	go func() { ended <- relay.Run(ctx) }()
	relay.Staged()
	r.await("an empty outbox", func() bool { return r.outbox.len() == 0 })
	stop()
	if err := <-ended; err != nil {
		r.Errorf("relay ended with %v", err)
	}
}

// member is a consumer with what it was given.
type member struct {
	*broker.Consumer
	stop func()

	mu       sync.Mutex
	got      []bulk.Message
	assigned []int32
	revoked  []int32
}

func (r *rig) join() *member {
	c, err := broker.NewConsumer(r.cfg)
	if err != nil {
		r.Fatal(err)
	}
	m := &member{Consumer: c}
	ctx, cancel := context.WithCancel(context.Background())
	var both sync.WaitGroup
	both.Go(func() { c.Run(ctx) })
	both.Go(func() {
		for {
			d, err := c.Poll(ctx)
			if err != nil {
				return
			}
			m.take(d, r.run)
		}
	})
	m.stop = sync.OnceFunc(func() { cancel(); both.Wait() })
	r.Cleanup(m.stop)
	return m
}

func (m *member) take(d bulk.Fetch, run string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d.Assigned != nil {
		m.assigned = d.Assigned
	}
	m.revoked = append(m.revoked, d.Revoked...)
	for _, ref := range d.Messages {
		if strings.HasPrefix(string(ref.Ref.Account), run) {
			m.got = append(m.got, ref)
		} else {
			m.Done(ref.Offset) // of another test on the same topic
		}
	}
}

func (m *member) references() []bulk.Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]bulk.Message(nil), m.got...)
}

func (m *member) owned() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.assigned)
}

func (r *rig) await(what string, ok func() bool) {
	r.Helper()
	deadline := time.NewTimer(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer deadline.Stop()
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			r.Fatalf("waited 30 s for %s", what)
		case <-tick.C:
		}
	}
}

func (r *rig) committed(partition int32) int64 {
	offsets, err := r.admin.FetchOffsets(r.Context(), r.cfg.Group)
	if err != nil {
		r.Fatal(err)
	}
	o, ok := offsets.Lookup("bulkhead."+broker.TopicBatches, partition)
	if !ok {
		return -1
	}
	return o.At
}

func (r *rig) publishes() {
	var want []bulk.BatchRef
	for i := range 50 {
		want = append(want, r.ref(i%10, i))
	}
	r.relay(want...)
	m := r.join()
	r.await("50 references", func() bool { return len(m.references()) >= len(want) })
	got := map[bulk.BatchID]bulk.Message{}
	for _, ref := range m.references() {
		got[ref.Ref.ID()] = ref
	}
	for _, w := range want {
		g := got[w.ID()]
		if g.Ref != w {
			r.Errorf("got %+v, want %+v", g.Ref, w)
		}
		if p := m.PartitionOf(w.Account); p != g.Offset.Partition {
			r.Errorf("account %s: came from partition %d, PartitionOf says %d", w.Account, g.Offset.Partition, p)
		}
		if n := r.outbox.times(w.ID()); n != 1 {
			r.Errorf("%s marked %d times, want once", w.ID(), n)
		}
	}
}

func (r *rig) watermark() {
	for i := range 5 {
		r.relay(r.ref(1, i))
	}
	m := r.join()
	r.await("5 references", func() bool { return len(m.references()) == 5 })
	refs := m.references()
	p, first := refs[0].Offset.Partition, refs[0].Offset.At
	for _, i := range []int{0, 1, 3, 4} { // all but the third
		m.Done(refs[i].Offset)
	}
	r.await("a commit", func() bool { return r.committed(p) >= first+2 })
	old := refs[2].Offset
	old.Generation--
	m.Done(old) // of an earlier assignment: void
	m.stop()
	if got, want := r.committed(p), first+2; got != want {
		r.Fatalf("committed %d, want %d: before the unfinished one", got, want)
	}
	again := r.join()
	r.await("redelivery", func() bool { return len(again.references()) == 3 })
	for i, ref := range again.references() {
		if ref.Ref.No != int64(i+2) {
			r.Errorf("redelivered batch %d, want %d", ref.Ref.No, i+2)
		}
		again.Done(ref.Offset)
	}
	again.stop() // commits a last time
	if got, want := r.committed(p), first+5; got != want {
		r.Errorf("committed %d in the end, want %d", got, want)
	}
}

func (r *rig) rebalances() {
	one := r.join()
	r.await("16 partitions", func() bool { return one.owned() == 16 })
	two := r.join()
	r.await("8 and 8 partitions", func() bool { return one.owned() == 8 && two.owned() == 8 })
	one.mu.Lock()
	two.mu.Lock()
	if len(one.revoked) != 8 {
		r.Errorf("revoked %v, want 8 partitions", one.revoked)
	}
	for _, p := range two.assigned {
		if slices.Contains(one.assigned, p) {
			r.Errorf("partition %d is owned twice", p)
		}
	}
	one.mu.Unlock()
	two.mu.Unlock()
	two.stop()
	r.await("all partitions back", func() bool { return one.owned() == 16 })
	r.relay(r.ref(1, 0), r.ref(2, 0), r.ref(3, 0))
	r.await("3 references", func() bool { return len(one.references()) == 3 })
}

func (r *rig) garbage() {
	client, err := kgo.NewClient(kgo.SeedBrokers(r.cfg.Seeds...))
	if err != nil {
		r.Fatal(err)
	}
	defer client.Close()
	good := r.ref(1, 7)
	bad := &kgo.Record{Topic: "bulkhead." + broker.TopicBatches, Key: []byte(good.Account), Value: []byte(`{"import":`)}
	if err := client.ProduceSync(r.Context(), bad).FirstErr(); err != nil {
		r.Fatal(err)
	}
	r.relay(good)
	m := r.join()
	r.await("the good one", func() bool { return len(m.references()) == 1 })
	ref := m.references()[0]
	m.Done(ref.Offset)
	m.stop()
	if got := r.committed(ref.Offset.Partition); got != ref.Offset.At+1 {
		r.Errorf("committed %d, want %d: garbage must not hold the watermark back", got, ref.Offset.At+1)
	}
}

func (r *rig) commits() {
	batches := r.cfg
	r.cfg.Topic = broker.TopicCommits
	want := r.ref(1, 3)
	r.relay(want)
	m := r.join()
	r.await("the reference", func() bool { return len(m.references()) == 1 })
	if got := m.references()[0].Ref; got != want {
		r.Errorf("got %+v, want %+v", got, want)
	}
	m.Done(m.references()[0].Offset)
	m.stop()
	r.cfg = batches
	r.relay(r.ref(1, 4))
	other := r.join()
	r.await("the staged one", func() bool { return len(other.references()) == 1 })
	if got := other.references()[0].Ref.No; got != 4 {
		r.Errorf("the topic of batches gave batch %d, want 4 alone", got)
	}
}

func (r *rig) neighbours() {
	ours := r.join()
	here := r.cfg
	r.cfg.Prefix, r.cfg.Group = "neighbour", ""
	if err := broker.EnsureTopics(r.Context(), r.cfg); err != nil {
		r.Fatal(err)
	}
	r.relay(r.ref(1, 5))
	theirs := r.join()
	r.await("the neighbour's", func() bool { return len(theirs.references()) == 1 })
	r.cfg = here
	r.relay(r.ref(1, 6))
	r.await("ours", func() bool { return len(ours.references()) > 0 })
	if got := ours.references(); len(got) != 1 || got[0].Ref.No != 6 {
		r.Errorf("got %+v, want batch 6 alone", got)
	}
	if ours.owned() != 16 {
		r.Errorf("%d partitions are ours, want all 16: the neighbour has a group of its own", ours.owned())
	}
}

// outbox is the ledger's list in memory.
type outbox struct {
	mu     sync.Mutex
	refs   []bulk.BatchRef
	marked map[bulk.BatchID]int
	fail   error
}

func (o *outbox) add(refs ...bulk.BatchRef) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refs = append(o.refs, refs...)
}

func (o *outbox) len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.refs)
}

func (o *outbox) times(id bulk.BatchID) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.marked[id]
}

func (o *outbox) Unpublished(_ context.Context, limit int) ([]bulk.BatchRef, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail != nil {
		return nil, o.fail
	}
	return append([]bulk.BatchRef(nil), o.refs[:min(limit, len(o.refs))]...), nil
}

func (o *outbox) MarkPublished(_ context.Context, ids []bulk.BatchID, _ time.Duration) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	gone := map[bulk.BatchID]bool{}
	for _, id := range ids {
		gone[id] = true
		o.marked[id]++
	}
	var left []bulk.BatchRef
	for _, ref := range o.refs {
		if !gone[ref.ID()] {
			left = append(left, ref)
		}
	}
	o.refs = left
	return nil
}

var errDown = errors.New("the store is down")
