package ingest_test

import (
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
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
	sealed chan struct{}
	once   sync.Once
}

// Undecoded implements ingest.Ledger.
func (a *archive) Undecoded(context.Context, int) ([]bulk.Upload, error) {
	return []bulk.Upload{{Import: bulk.Import{ID: "archive", AccountID: "A"}}}, nil
}

// TakeUpload implements ingest.Ledger.
func (a *archive) TakeUpload(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Upload, error) {
	up, err := a.memory.TakeUpload(ctx, account, id)
	if id == "archive" {
		size := int64(len(a.data))
		whole := sha256.New()
		whole.Write(a.data)
		up.Digest, _ = whole.(encoding.BinaryMarshaler).MarshalBinary()
		part := sha256.Sum256(a.data)
		up.Spooled, up.Offset, up.Length = true, size, size
		up.Parts = []bulk.Part{{Object: "part", Size: size, SHA256: hex.EncodeToString(part[:])}}
	}
	return up, err
}

// Get implements ingest.Objects.
func (a *archive) Get(context.Context, string) ([]byte, error) {
	if a.fetch != nil {
		<-a.fetch
	}
	return a.data, nil
}

// Advance implements ingest.Ledger.
func (a *archive) Advance(_ context.Context, p bulk.Progress) error {
	if p.Import == "archive" && p.Seal != nil {
		a.once.Do(func() { close(a.sealed) })
	}
	return nil
}

func (a *archive) uploads(f *fixture, reg *prometheus.Registry) *ingest.Uploads {
	return f.another(func(c *config) {
		c.Ledger, c.Objects, c.Memory, c.Patience, c.Sweep, c.Metrics = a, a, 1, time.Millisecond, time.Millisecond, ingest.NewMetrics(reg)
	})
}

// A decoder that waits for a part holds no turn, of which there is one here.
func TestDecoderFetchesWithoutATurn(t *testing.T) {
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
			received <- u.Receive(t.Context(), "b", "quick", strings.NewReader(plain), int64(len(plain)))
		}()
		synctest.Wait()
		select {
		case err := <-received:
			f.must(err)
		default:
			t.Error("another account waits for a turn")
		}
		close(a.fetch)
		<-a.sealed
		cancel()
		f.must(<-ran)
	})
}

// Few bytes of an archive can be much text: a decoder gives its turn back each time it
// has made some of it, also while it only checks.
func TestDecoderTakesTurns(t *testing.T) {
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
	// Of the text, which is read twice, a turn makes half a mebibyte. Each batch takes one
	// to encode it and one to go on behind it.
	batches := 400_000/8192 + 1
	if turns, want := int(measured(t, reg, "bulkhead_ingest_turn_wait_seconds", "")), 2*(text.Len()>>19)+2*batches; turns < want {
		t.Errorf("%d bytes of text took %d turns, want at least %d", text.Len(), turns, want)
	}
}
