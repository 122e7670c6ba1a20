package ingest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/requestid"
)

// decodeScheduler is what a process knows of spooled files that wait for a decoder.
//
// Several processes may see the same file. The one that took in its last byte begins
// at once; another only when nobody has worked on it for Config.Patience, by the
// ledger's clock. Whoever decodes shows it (see showWork), so one who works is never
// taken over from, and one who died soon is.
type decodeScheduler struct {
	mu      sync.Mutex
	nudge   chan struct{}                // a look at the ledger is due
	own     map[bulk.ImportID]lastByte   // this process took in the last byte
	running map[bulk.AccountID]bool      // at most one an account
	long    int                          // of these, of long files
	ended   map[bulk.AccountID]time.Time // when the last one of an account that waits again ended
}

// lastByte is how an upload stood when its last byte was stored.
type lastByte struct {
	epoch int64
	at    time.Time
}

// undecodedAtOnce is how many waiting files are looked at; accounts have few open uploads each.
const undecodedAtOnce = 1000

// longFile is the length from which files together leave a decoder for shorter ones,
// which would else wait for hours.
const longFile = 64 << 20

func newDecodeScheduler() decodeScheduler {
	return decodeScheduler{
		nudge: make(chan struct{}, 1), own: map[bulk.ImportID]lastByte{}, running: map[bulk.AccountID]bool{},
		ended: map[bulk.AccountID]time.Time{},
	}
}

// announce says that a file's last byte is stored.
func (d *decodeScheduler) announce(up *bulk.Upload) {
	d.mu.Lock()
	d.own[up.Import.ID] = lastByte{up.Epoch, time.Now()}
	d.mu.Unlock()
	d.wake()
}

func (d *decodeScheduler) wake() {
	select {
	case d.nudge <- struct{}{}:
	default: // one is due already
	}
}

// Run decodes spooled files until ctx ends, then waits for its decoders to stop.
func (u *Uploads) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ticker := time.NewTicker(u.Sweep)
	defer ticker.Stop()
	for {
		waiting, err := u.Ledger.Undecoded(ctx, undecodedAtOnce)
		if err != nil && ctx.Err() == nil {
			u.Logger.ErrorContext(ctx, "spooled files cannot be listed", "error", err)
		}
		for _, up := range u.scheduler.begin(waiting, u.decoders, u.Patience, time.Now()) {
			wg.Go(func() {
				defer u.scheduler.wake()
				defer u.scheduler.done(up)
				u.decodeLogged(ctx, up)
			})
		}
		select {
		case <-ctx.Done():
			return nil
		case <-u.scheduler.nudge:
		case <-ticker.C:
		}
	}
}

// begin returns those of the waiting files to decode now, and marks their accounts,
// of which the one whose last decoding ended longest ago is first.
func (d *decodeScheduler) begin(waiting []bulk.Undecoded, decoders int, patience time.Duration, now time.Time) (due []bulk.Undecoded) {
	d.mu.Lock()
	defer d.mu.Unlock()
	slices.SortStableFunc(waiting, func(a, b bulk.Undecoded) int {
		return d.ended[a.Account].Compare(d.ended[b.Account])
	})
	there, waits := map[bulk.ImportID]bool{}, map[bulk.AccountID]bool{}
	for _, up := range waiting {
		there[up.Import], waits[up.Account] = true, true
		own, mine := d.own[up.Import]
		mine = mine && own.epoch == up.Epoch // else somebody took it
		switch {
		case !mine && up.Idle < patience, d.running[up.Account], len(d.running) >= decoders:
			continue
		case up.Length >= longFile && d.long >= max(decoders-1, 1):
			continue
		case up.Length >= longFile:
			d.long++
		}
		d.running[up.Account] = true
		delete(d.own, up.Import) // should it fail, the patience is its back-off
		due = append(due, up)
	}
	maps.DeleteFunc(d.ended, func(account bulk.AccountID, _ time.Time) bool { return !waits[account] })
	maps.DeleteFunc(d.own, func(id bulk.ImportID, e lastByte) bool { return !there[id] && now.Sub(e.at) > patience })
	return due
}

func (d *decodeScheduler) done(up bulk.Undecoded) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if up.Length >= longFile {
		d.long--
	}
	delete(d.running, up.Account)
	d.ended[up.Account] = time.Now()
}

func (u *Uploads) decodeLogged(ctx context.Context, up bulk.Undecoded) {
	ctx = requestid.With(ctx, up.RequestID)
	active := u.Metrics.Active.WithLabelValues(workDecoding)
	active.Inc()
	defer active.Dec()
	err := u.decode(ctx, up)
	refusal, refused := errors.AsType[*bulk.Error](err) // and logged; or the import takes no bytes any more
	if err == nil {
		u.Logger.InfoContext(ctx, "file decoded", "import_id", up.Import, "account_id", up.Account, "bytes", up.Length)
	}
	if err == nil || refused && refusal.Kind != bulk.KindUnavailable || errors.Is(err, bulk.ErrSuperseded) || ctx.Err() != nil {
		return
	}
	u.Logger.ErrorContext(ctx, "spooled file cannot be decoded now", "import_id", up.Import, "account_id", up.Account, "error", err)
}
