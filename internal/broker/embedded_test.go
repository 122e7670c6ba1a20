package broker_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bulkhead/internal/broker"
)

// TestKilledBrokerLosesNothing copies the data directory of a running broker, as a
// kill -9 would leave it, and starts another on the copy.
func TestKilledBrokerLosesNothing(t *testing.T) {
	dir := t.TempDir()
	r := newRig(t, embedded(t, dir).Seeds())
	for i := range 5 {
		r.relay(r.ref(1, i))
	}
	m := r.join()
	r.await("5 references", func() bool { return len(m.references()) == 5 })
	refs := m.references()
	m.Done(refs[0].Offset)
	m.Done(refs[1].Offset)
	r.await("a commit", func() bool { return r.committed(refs[0].Offset.Partition) == refs[0].Offset.At+2 })

	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	after := newRig(t, embedded(t, copied).Seeds()) // another port
	after.cfg.Group, after.run = r.cfg.Group, r.run
	began := time.Now()
	again := after.join()
	after.await("the three that were not finished", func() bool { return len(again.references()) == 3 })
	t.Logf("redelivered %v after the restart", time.Since(began).Round(time.Millisecond))
	if no := again.references()[0].Ref.No; no != 2 {
		t.Errorf("redelivery begins at batch %d, want 2: the committed offset was lost", no)
	}
	after.relay(after.ref(2, 0))
	after.await("a new reference", func() bool { return len(again.references()) == 4 })
}

func TestRelayOutlivesALedgerThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log buffer
		box := &outbox{fail: errDown}
		relay, err := broker.NewRelay(broker.Config{Seeds: []string{"127.0.0.1:1"}, Log: slog.New(slog.NewTextHandler(&log, nil))}, box)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- relay.Run(ctx) }()
		<-time.After(5 * time.Minute) // of the bubble's clock
		box.mu.Lock()
		box.fail = nil
		box.mu.Unlock()
		<-time.After(time.Minute)
		stop()
		if err := <-ended; err != nil {
			t.Errorf("relay ended with %v", err)
		}
		if n := strings.Count(log.String(), "cannot be published"); n != 1 {
			t.Errorf("said %d times that the ledger is down, want once:\n%s", n, log.String())
		}
		if n := strings.Count(log.String(), "works again"); n != 1 {
			t.Errorf("said %d times that it works again, want once:\n%s", n, log.String())
		}
	})
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
