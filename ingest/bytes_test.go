package ingest

import (
	"context"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bulkhead/internal/bulk"
)

// heard is a ledger that counts what it is told of work.
type heard struct {
	Ledger
	times atomic.Int64
}

func (h *heard) Worked(context.Context, bulk.AccountID, bulk.ImportID, int64) error {
	h.times.Add(1)
	return nil
}

// A slow sender fills no step for minutes; the ledger hears of it, and only while bytes come.
func TestSlowSenderIsHeardOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &heard{}
		body, sender := io.Pipe()
		u := &Uploads{Config: Config{Ledger: h}}
		counted, rest := u.noteBytes(t.Context(), &bulk.Upload{}, body)
		defer rest()
		go io.Copy(io.Discard, counted)
		for range 60 { // five minutes of a byte each five seconds
			sender.Write([]byte{'x'})
			<-time.After(5 * time.Second)
		}
		synctest.Wait()
		if got := h.times.Load(); got < 14 || got > 15 {
			t.Errorf("heard %d times in five minutes, want about 15", got)
		}
		<-time.After(time.Minute)
		before := h.times.Load()
		<-time.After(5 * time.Minute)
		if got := h.times.Load(); got != before {
			t.Errorf("heard %d times more while nothing came", got-before)
		}
		sender.Close()
	})
}
