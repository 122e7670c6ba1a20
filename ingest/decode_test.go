package ingest_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bulkhead/ingest"
	"bulkhead/internal/bulk"
)

func TestSpooledCutAnywhereIsTheSameAsUncut(t *testing.T) {
	text := awkward(40)
	file := zipped(text)
	f := newFixture(t, small, quick)
	whole, err := f.receive(file, bulk.Options{})
	f.must(err)
	f.decodeAll(whole)
	want := f.result(whole, int64(len(text)))
	if want.sha256 != sum(file) || len(want.rows) != 56 || want.batches < 10 {
		t.Fatalf("uncut: %d rows in %d batches, SHA-256 %s", len(want.rows), want.batches, want.sha256)
	}
	plainID, err := f.receive(text, bulk.Options{})
	f.must(err)
	plain := f.result(plainID, int64(len(text)))
	plain.sha256, plain.layout.Dialect.Compression = want.sha256, "gzip"
	same(t, want, plain)
	for _, n := range []int{1, 7, 64, 90, 101, 250} {
		id := f.open(int64(len(file)), bulk.Options{})
		f.must(f.pieces(id, file, n))
		up, err := f.store.TakeDecoding(t.Context(), f.undecoded(id))
		f.must(err)
		at := int64(0)
		for _, part := range up.Parts {
			if part.From != at || part.Size == 0 {
				t.Fatalf("pieces of %d: part %+v at byte %d", n, part, at)
			}
			at += part.Size
		}
		if at != int64(len(file)) || len(up.Tail) != 0 {
			t.Fatalf("pieces of %d: parts end at %d of %d, tail of %d", n, at, len(file), len(up.Tail))
		}
		f.decodeAll(id)
		same(t, f.result(id, int64(len(text))), want)
	}
}

// quick makes decoders impatient.
func quick(c *ingest.Config) { c.Sweep, c.Patience = time.Millisecond, time.Millisecond }

// undecoded returns an upload as one that waits for a decoder.
func (f *fixture) undecoded(id bulk.ImportID) bulk.Undecoded {
	f.t.Helper()
	list, err := f.store.Undecoded(f.t.Context(), 1000)
	f.must(err)
	for _, up := range list {
		if up.Import == id {
			return up
		}
	}
	f.t.Fatalf("%s does not wait for a decoder", id)
	return bulk.Undecoded{}
}

// breaking fails every Put of a batch after the first few.
type breaking struct {
	ingest.Objects
	left atomic.Int64
}

var errBroken = errors.New("the object store is gone")

func (b *breaking) Put(ctx context.Context, key string, data []byte) error {
	if strings.HasPrefix(key, "batches/") && b.left.Add(-1) < 0 {
		return errBroken
	}
	return b.Objects.Put(ctx, key, data)
}

func TestDecodingGoesOnWhereItBroke(t *testing.T) {
	text := awkward(40)
	file := zipped(text)
	f := newFixture(t, small)
	whole, err := f.receive(file, bulk.Options{})
	f.must(err)
	f.decodeAll(whole)
	want := f.result(whole, int64(len(text)))
	broken := &breaking{Objects: f.objects}
	id := f.open(-1, bulk.Options{})
	f.must(f.Receive(t.Context(), f.account, id, bulk.Body{Reader: strings.NewReader(file), Length: -1}))
	for batches := int64(0); !f.imp(id).Sealed; batches += 3 { // each process dies after three batches
		broken.left.Store(3)
		u := f.another(small, quick, func(c *config) { c.Objects = broken })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- u.Run(ctx) }()
		f.until(func() bool { return f.imp(id).Batches.Total >= batches+3 || f.imp(id).Sealed })
		cancel()
		f.must(<-done)
	}
	same(t, f.result(id, int64(len(text))), want)
}

func TestFailedStoreLosesNothingThatWasAcknowledged(t *testing.T) {
	file := awkward(40)
	f := newFixture(t, small)
	broken := &breaking{Objects: f.objects}
	broken.left.Store(4)
	u := f.another(small, func(c *config) { c.Objects = broken })
	id := f.open(int64(len(file)), bulk.Options{})
	got, err := u.Write(t.Context(), f.account, id, bulk.Body{Reader: strings.NewReader(file), Length: int64(len(file))})
	up, uerr := f.store.Upload(t.Context(), f.account, id)
	f.must(uerr)
	if !errors.Is(err, errBroken) || got != up.Offset || up.Boundary.BatchNo != 4 {
		t.Fatalf("got %d, %v; the ledger stands at %d after %d batches", got, err, up.Offset, up.Boundary.BatchNo)
	}
	_, err = f.Write(t.Context(), f.account, id, bulk.Body{Reader: strings.NewReader(file[got:]), Offset: got, Length: int64(len(file))})
	f.must(err)
	if r := f.result(id, int64(len(file))); len(r.rows) != 56 || r.sha256 != sum(file) {
		t.Errorf("%d rows, SHA-256 %s", len(r.rows), r.sha256)
	}
}

func TestDamagedPartIsNotTakenForABadFile(t *testing.T) {
	f := newFixture(t, quick)
	file := zipped(plain)
	id, err := f.receive(file, bulk.Options{})
	f.must(err)
	up, err := f.store.TakeDecoding(t.Context(), f.undecoded(id))
	f.must(err)
	key := up.Parts[0].Object
	f.must(f.objects.Delete(t.Context(), key))
	f.must(f.objects.Put(t.Context(), key, []byte(strings.Replace(file, file[20:22], "\x00\x01", 1))))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- f.Run(ctx) }()
	f.until(func() bool {
		now, err := f.store.Upload(t.Context(), f.account, id)
		f.must(err)
		return now.Epoch > up.Epoch
	})
	cancel()
	f.must(<-done)
	if imp := f.imp(id); imp.State.Terminal() || imp.Error != nil {
		t.Errorf("the import is %s: %v", imp.State, imp.Error)
	}
}

func TestCancelledSpooledFileIsLeftAlone(t *testing.T) {
	f := newFixture(t)
	id, err := f.receive(zipped(plain), bulk.Options{})
	f.must(err)
	_, err = f.store.Cancel(t.Context(), f.account, id)
	f.must(err)
	if imp := f.decodeAll(id); imp.State != bulk.StateCancelled || imp.Sealed {
		t.Errorf("the import is %s, sealed: %v", imp.State, imp.Sealed)
	}
}
