package ingest_test

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bulkhead/ingest"
	"bulkhead/internal/bulk"
)

// drip is a body that brings much at once and then a byte a second.
type drip struct {
	io.Reader
	stop chan struct{}
}

func (d *drip) Read(p []byte) (int, error) {
	if n, err := d.Reader.Read(p); err == nil {
		return n, nil
	}
	select {
	case <-time.After(time.Second):
		p[0] = '1'
		return 1, nil
	case <-d.stop:
		return 0, io.ErrUnexpectedEOF
	}
}

// Uploads whose clients send a byte now and then, and come again later when they are told to
// leave, keep nobody else from the memory, however many they are and of how many accounts.
// That is not promised of many accounts that each send 1 MiB at once, again and again: who
// has just come cannot be told from a fast client, and a file beside them may be refused
// for as long as they go on.
func TestSlowUploadsMakeRoom(t *testing.T) {
	file := "id,name,size\n" + strings.Repeat("1,a name of some length,2\n", 14<<20/26)
	for _, c := range []struct{ uploads, accounts, at int }{{6, 3, 3 << 20}, {20, 1, 3 << 20}, {500, 25, 0}, {500, 25, 200 << 10}, {500, 500, 64 << 10}} {
		t.Run(fmt.Sprintf("%d of %d accounts after %d bytes", c.uploads, c.accounts, c.at), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, reg := &memory{spec: things}, prometheus.NewRegistry()
				f := &fixture{t: t, moved: make(chan struct{}, 1)}
				u := f.another(func(cfg *config) {
					cfg.Ledger, cfg.Objects, cfg.Metrics, cfg.Memory = m, m, ingest.NewMetrics(reg), 512<<20 // as a process of all roles has
				})
				stop := make(chan struct{})
				var all sync.WaitGroup
				for i := range c.uploads {
					all.Go(func() {
						for {
							body := &drip{io.LimitReader(strings.NewReader(file), int64(c.at)), stop}
							err := u.Receive(t.Context(), bulk.AccountID(fmt.Sprint("slow", i%c.accounts)), bulk.ImportID(fmt.Sprint(i)), bulk.Body{Reader: body, Length: -1})
							if bulk.KindOf(err) != bulk.KindUnavailable {
								return
							}
							select {
							case <-stop:
								return
							case <-time.After(10 * time.Second):
							}
						}
					})
				}
				<-time.After(30 * time.Second)
				begun := time.Now()
				for range 3 {
					if err := u.Receive(t.Context(), "quick", "quick", bulk.Body{Reader: strings.NewReader(file), Length: int64(len(file))}); err != nil {
						t.Errorf("another account's file: %v", err)
					}
				}
				waited := time.Since(begun) / 3
				t.Logf("another account's file took %v beside %d slow uploads; %.0f MB are reserved, %.0f were told to leave", waited, c.uploads,
					measured(t, reg, "bulkhead_ingest_memory_bytes", "reserved")/1e6, measured(t, reg, "bulkhead_ingest_refused_total", ""))
				if waited > 2*time.Second {
					t.Errorf("another account's file took %v", waited)
				}
				close(stop)
				all.Wait()
			})
		})
	}
}
