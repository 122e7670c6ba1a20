package ingest_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bulkhead/internal/bulk"
)

// busy is a store in which one account's objects wait until they may go on.
type busy struct {
	*memory
	slow   bulk.ImportID
	resume chan struct{}
}

// Put implements ingest.Objects.
func (b *busy) Put(ctx context.Context, key string, data []byte) error {
	if strings.Contains(key, string(b.slow)) {
		<-b.resume
	}
	return b.memory.Put(ctx, key, data)
}

// alone returns an Uploads that has one permit, in front of a slow store of
// objects for the import "slow".
func alone(f *fixture, tweaks ...func(*config)) (uploads, *busy) {
	b := &busy{memory: &memory{spec: things}, slow: "slow", resume: make(chan struct{})}
	return f.another(append(tweaks, func(c *config) { c.Ledger, c.Objects, c.Memory = b, b, 1 })...), b
}

type uploads interface {
	Receive(ctx context.Context, account bulk.AccountID, id bulk.ImportID, body bulk.Body) error
	Preview(ctx context.Context, sample bulk.Sample) (bulk.Preview, error)
}

// A client that sends nothing, and a store that does not answer, are waited for without
// a permit, of which there is one here. Were it held, the other upload would wait for time
// to pass, until the first one's client counts as gone.
func TestWhoWaitsHoldsNoPermit(t *testing.T) {
	for name, length := range map[string]int64{"for its client": 1000, "for the store": int64(len(plain))} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fixture{t: t, moved: make(chan struct{}, 1)}
				u, store := alone(f, func(c *config) { c.BatchRows = 1 })
				feed, end := io.Pipe()
				slow := make(chan error)
				go func() {
					slow <- u.Receive(t.Context(), "A", "slow", bulk.Body{Reader: io.MultiReader(strings.NewReader(plain), feed), Length: length})
				}()
				synctest.Wait()
				begun := time.Now()
				f.must(u.Receive(t.Context(), "b", "quick", bulk.Body{Reader: strings.NewReader(plain), Length: int64(len(plain))}))
				if _, err := u.Preview(t.Context(), bulk.Sample{Bytes: []byte(plain), Whole: true}); err != nil {
					t.Errorf("Preview = %v", err)
				}
				if waited := time.Since(begun); waited > 0 {
					t.Errorf("another account waited for %v", waited)
				}
				end.Close()
				close(store.resume)
				<-slow
			})
		})
	}
}

// What panics, which a server survives, gives its permit and its memory back.
func TestPanicReleasesThePermit(t *testing.T) {
	f := &fixture{t: t, moved: make(chan struct{}, 1)}
	fail := true
	u, _ := alone(f, func(c *config) {
		c.Infer = func([]string, [][]string, *bulk.Spec) []bulk.PreviewColumn {
			if fail {
				panic("no types today")
			}
			return nil
		}
	})
	preview := func() (err error) {
		defer func() {
			if recover() != nil {
				fail = false
			}
		}()
		_, err = u.Preview(t.Context(), bulk.Sample{Bytes: []byte(plain), Whole: true})
		return err
	}
	for range 2 {
		f.must(preview())
	}
	f.must(u.Receive(t.Context(), "A", "all the memory", bulk.Body{Reader: bytes.NewReader([]byte(plain)), Length: -1}))
}
