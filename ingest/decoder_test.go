package ingest_test

import (
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bulkhead/ingest"
	"bulkhead/internal/bulk"
)

// archive is a store with one archive that waits for a decoder.
type archive struct {
	*memory
	data   []byte
	fetch  chan struct{} // holds parts back, unless nil
	slow   time.Duration // that a fetch takes
	sealed chan struct{}
	once   sync.Once

	fetched atomic.Int64

	mu     sync.Mutex
	epoch  int64
	checks int
	worked time.Time
}

// Undecoded implements ingest.Ledger.
func (a *archive) Undecoded(context.Context, int) ([]bulk.Undecoded, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return []bulk.Undecoded{{Import: "archive", Account: "A", Epoch: a.epoch, Worked: a.worked.UnixNano(), Idle: time.Since(a.worked)}}, nil
}

// TakeDecoding implements ingest.Ledger.
func (a *archive) TakeDecoding(_ context.Context, seen bulk.Undecoded) (bulk.Upload, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if seen.Epoch != a.epoch || seen.Worked != a.worked.UnixNano() {
		return bulk.Upload{}, bulk.ErrSuperseded
	}
	a.epoch, a.worked = a.epoch+1, time.Now()
	size := int64(len(a.data))
	whole := sha256.New()
	whole.Write(a.data)
	digest, _ := whole.(encoding.BinaryMarshaler).MarshalBinary()
	part := sha256.Sum256(a.data)
	return bulk.Upload{
		Import: bulk.Import{ID: "archive", AccountID: "A"}, Spec: a.spec, Epoch: a.epoch, Spooled: true, Offset: size, Length: size, Digest: digest,
		Checks: a.checks, Parts: []bulk.Part{{Object: "part", Size: size, SHA256: hex.EncodeToString(part[:])}},
	}, nil
}

// Worked implements ingest.Ledger.
func (a *archive) Worked(_ context.Context, _ bulk.AccountID, _ bulk.ImportID, epoch int64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if epoch != a.epoch {
		return bulk.ErrSuperseded
	}
	a.worked = time.Now()
	return nil
}

// Get implements ingest.Objects.
func (a *archive) Get(ctx context.Context, _ string) ([]byte, error) {
	if a.fetch != nil {
		<-a.fetch
	}
	a.fetched.Add(1)
	select {
	case <-time.After(a.slow):
		return a.data, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Advance implements ingest.Ledger.
func (a *archive) Advance(_ context.Context, p bulk.Progress) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p.Import != "archive" {
		return nil
	}
	if p.Epoch != a.epoch {
		return bulk.ErrSuperseded
	}
	a.worked = time.Now()
	if p.Check {
		a.checks++
	}
	if p.Seal != nil {
		a.once.Do(func() { close(a.sealed) })
	}
	return nil
}

func (a *archive) uploads(f *fixture, reg *prometheus.Registry) *ingest.Uploads {
	return f.another(func(c *config) {
		c.Ledger, c.Objects, c.Memory, c.Patience, c.Sweep, c.Metrics = a, a, 1, time.Millisecond, time.Millisecond, ingest.NewMetrics(reg)
	})
}

// A decoder that waits for a part holds no permit, of which there is one here.
func TestDecoderFetchesWithoutAPermit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{t: t, moved: make(chan struct{}, 1)}
		a := &archive{memory: &memory{spec: things}, data: []byte(zipped(plain)), fetch: make(chan struct{}), sealed: make(chan struct{})}
		u := a.uploads(f, prometheus.NewRegistry())
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error)
		go func() { ran <- u.Run(ctx) }()
		a.fetch <- struct{}{} // it looked at the beginning, and fetches again to check the whole
		synctest.Wait()
		received := make(chan error, 1)
		go func() {
			received <- u.Receive(t.Context(), "b", "quick", bulk.Body{Reader: strings.NewReader(plain), Length: int64(len(plain))})
		}()
		synctest.Wait()
		select {
		case err := <-received:
			f.must(err)
		default:
			t.Error("another account waits for a permit")
		}
		close(a.fetch)
		<-a.sealed
		cancel()
		f.must(<-ran)
	})
}

// Few bytes of an archive can be much text: a decoder yields its permit each time it
// has made some of it, also while it only checks.
func TestDecoderYieldsItsPermit(t *testing.T) {
	var text strings.Builder
	text.WriteString("id,name,size\n")
	for i := range 400_000 {
		fmt.Fprintf(&text, "%d,name,%d\n", i, i)
	}
	f, reg := &fixture{t: t, moved: make(chan struct{}, 1)}, prometheus.NewRegistry()
	a := &archive{memory: &memory{spec: things}, data: []byte(zipped(text.String())), sealed: make(chan struct{})}
	u := a.uploads(f, reg)
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error)
	go func() { ran <- u.Run(ctx) }()
	<-a.sealed
	cancel()
	f.must(<-ran)
	// Of the text, which is read twice, a permit makes half a mebibyte. Each batch takes one
	// to encode it and one to go on behind it.
	batches := 400_000/8192 + 1
	if permits, want := int(measured(t, reg, "bulkhead_ingest_turn_wait_seconds", "")), 2*(text.Len()>>19)+2*batches; permits < want {
		t.Errorf("%d bytes of text took %d permits, want at least %d", text.Len(), permits, want)
	}
}

// process is an ingest process that decodes, with the patience that is usual.
func (a *archive) process(t *testing.T) (stop func()) {
	f := &fixture{t: t, moved: make(chan struct{}, 1)}
	u := f.another(func(c *config) { c.Ledger, c.Objects = a, a })
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error)
	go func() { ran <- u.Run(ctx) }()
	return func() {
		cancel()
		f.must(<-ran)
	}
}

// A decoder whose steps take long is not taken over from, not even while it only checks.
func TestWorkingDecoderIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &archive{memory: &memory{spec: things}, data: []byte(zipped(plain)), slow: time.Hour, sealed: make(chan struct{})}
		for range 3 {
			defer a.process(t)()
		}
		<-a.sealed
		if a.epoch != 1 {
			t.Errorf("%d decoders took the archive, one after the other", a.epoch)
		}
	})
}

// One that died is taken over from within the patience and a sweep, also while it checks.
func TestDeadDecoderIsReplacedSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &archive{memory: &memory{spec: things}, data: []byte(zipped(plain)), slow: time.Hour, sealed: make(chan struct{}), worked: time.Now()}
		stop := a.process(t)
		<-time.After(90 * time.Minute)
		defer a.process(t)()
		<-time.After(time.Minute)
		stop()
		if a.epoch != 1 {
			t.Fatalf("%d took it while the first was working", a.epoch)
		}
		died := time.Now()
		for a.taken() == 1 {
			<-time.After(time.Second)
		}
		if after := time.Since(died); after < 10*time.Second || after > 19*time.Second {
			t.Errorf("it was taken over after %v", after)
		}
	})
}

func (a *archive) taken() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.epoch
}

// Processes that die during the check, again and again, do not keep a file from being
// read: the fourth decoder reads it without.
func TestCheckIsNotRepeatedForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &archive{memory: &memory{spec: things}, data: []byte(zipped(plain)), slow: time.Hour, sealed: make(chan struct{})}
		for range 3 {
			stop := a.process(t)
			<-time.After(90 * time.Minute) // half of the check
			stop()
		}
		before := a.fetched.Load()
		defer a.process(t)()
		<-a.sealed
		if n := a.fetched.Load() - before; n != 1 || a.checks != 3 {
			t.Errorf("after %d checks it was read %d times", a.checks, n)
		}
	})
}
