package cli

import (
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bulkhead/internal/bulk"
)

// The rate is of what moves now: neither what was done before somebody looked, nor rows
// that were never processed, nor a pause count.
func TestProgressRateIsOfNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProgress(io.Discard, "people.csv", -1)
		defer p.close()
		saw := func(created, unprocessed int64) {
			p.saw(bulk.Import{Sealed: true, State: bulk.StateProcessing, Rows: bulk.Counts{Read: 2_000_000, Created: created, Unprocessed: unprocessed}})
		}
		saw(1_000_000, 0) // done before
		for n := range int64(5) {
			<-time.After(time.Second)
			saw(1_000_000+(n+1)*1000, 500_000)
		}
		if line := p.line(time.Now()); !strings.Contains(line, "1,005,000 landed of 2,000,000 rows read  1,000 rows/s") || !strings.Contains(line, "about 16m35s left") {
			t.Errorf("while it works: %s", line)
		}
		<-time.After(time.Minute)
		if line := p.line(time.Now()); !strings.HasSuffix(line, "of 2,000,000 rows read  sent 0 B") {
			t.Errorf("after a minute without news: %s", line)
		}
	})
}
