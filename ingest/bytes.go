package ingest

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/wait"
)

// bytesNoted is how often the ledger is told that bytes of an upload still come.
const bytesNoted = 20 * time.Second

// noteBytes tells the ledger now and then that bytes still come, for a slow sender fills no
// step for minutes and is not to be taken for one who is gone. It ends with rest.
func (u *Uploads) noteBytes(ctx context.Context, up *bulk.Upload, body io.Reader) (counted io.Reader, rest func()) {
	ctx, cancel := context.WithCancel(ctx)
	c := &counter{r: body}
	var wg sync.WaitGroup
	noted := int64(0)
	wg.Go(func() {
		_ = wait.Every(ctx, bytesNoted, func(ctx context.Context) {
			if came := c.n.Load(); came != noted {
				noted = came
				_ = u.Ledger.Worked(ctx, up.Import.AccountID, up.Import.ID, up.Epoch) // a step says the same, and why it cannot
			}
		})
	})
	return c, func() { cancel(); wg.Wait() }
}

// counter counts what is read of r.
type counter struct {
	r io.Reader
	n atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}
