package ingest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"bulkhead/internal/bulk"
)

// decodes is what a process knows of spooled files that wait for a decoder.
//
// Several processes may see the same file. The one that took in its last byte begins
// at once; another only when the file has not moved for a while, which means that its
// decoder is gone. Should both work on it, the ledger lets only the later one go on.
type decodes struct {
	mu      sync.Mutex
	nudge   chan struct{}                // a look at the ledger is due
	own     map[bulk.ImportID]time.Time  // this process took in the last byte, then
	running map[bulk.AccountID]bool      // at most one an account
	ended   map[bulk.AccountID]time.Time // when the last one of an account that waits again ended
	seen    map[bulk.ImportID]sighting   // files of others
}

// sighting is how a file stood when it was last seen to move.
type sighting struct {
	epoch, boundary int64
	at              time.Time
}

// slowestSkip is the rate, in bytes a second, at which a decoder surely gets back to
// where the one before it stood. A file that far in is waited for that much longer.
const slowestSkip = 64 << 20

// undecodedAtOnce is how many waiting files are looked at; accounts have few open uploads each.
const undecodedAtOnce = 1000

func newDecodes() decodes {
	return decodes{
		nudge: make(chan struct{}, 1), own: map[bulk.ImportID]time.Time{}, running: map[bulk.AccountID]bool{},
		ended: map[bulk.AccountID]time.Time{}, seen: map[bulk.ImportID]sighting{},
	}
}

// announce says that a file's last byte is stored.
func (d *decodes) announce(id bulk.ImportID) {
	d.mu.Lock()
	d.own[id] = time.Now()
	d.mu.Unlock()
	d.wake()
}

func (d *decodes) wake() {
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
		for _, up := range u.decodes.begin(waiting, u.decoders, u.Patience, time.Now()) {
			wg.Go(func() {
				defer u.decodes.wake()
				defer u.decodes.done(up.Import.AccountID)
				u.decodeLogged(ctx, up.Import.AccountID, up.Import.ID)
			})
		}
		select {
		case <-ctx.Done():
			return nil
		case <-u.decodes.nudge:
		case <-ticker.C:
		}
	}
}

// begin returns those of the waiting files to decode now, and marks their accounts,
// which take turns: the one whose last decoding ended longest ago is first.
func (d *decodes) begin(waiting []bulk.Upload, decoders int, patience time.Duration, now time.Time) (due []bulk.Upload) {
	d.mu.Lock()
	defer d.mu.Unlock()
	slices.SortStableFunc(waiting, func(a, b bulk.Upload) int {
		return d.ended[a.Import.AccountID].Compare(d.ended[b.Import.AccountID])
	})
	there, waits := map[bulk.ImportID]bool{}, map[bulk.AccountID]bool{}
	for _, up := range waiting {
		there[up.Import.ID], waits[up.Import.AccountID] = true, true
		if !d.due(&up, patience, now) || d.running[up.Import.AccountID] || len(d.running) >= decoders {
			continue
		}
		d.running[up.Import.AccountID] = true
		delete(d.own, up.Import.ID) // should it fail, the patience is its back-off
		delete(d.seen, up.Import.ID)
		due = append(due, up)
	}
	maps.DeleteFunc(d.ended, func(account bulk.AccountID, _ time.Time) bool { return !waits[account] })
	maps.DeleteFunc(d.seen, func(id bulk.ImportID, _ sighting) bool { return !there[id] })
	maps.DeleteFunc(d.own, func(id bulk.ImportID, at time.Time) bool { return !there[id] && now.Sub(at) > patience })
	return due
}

// due reports whether the file is this process's to decode.
func (d *decodes) due(up *bulk.Upload, patience time.Duration, now time.Time) bool {
	if _, own := d.own[up.Import.ID]; own {
		return true
	}
	s, known := d.seen[up.Import.ID]
	if !known || s.epoch != up.Epoch || s.boundary != up.Boundary.Offset {
		d.seen[up.Import.ID] = sighting{epoch: up.Epoch, boundary: up.Boundary.Offset, at: now}
		return false
	}
	return now.Sub(s.at) >= patience+time.Duration(up.Boundary.Offset/slowestSkip)*time.Second
}

func (d *decodes) done(account bulk.AccountID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.running, account)
	d.ended[account] = time.Now()
}

func (u *Uploads) decodeLogged(ctx context.Context, account bulk.AccountID, id bulk.ImportID) {
	active := u.Metrics.Active.WithLabelValues(workDecoding)
	active.Inc()
	defer active.Dec()
	err := u.decode(ctx, account, id)
	_, refused := errors.AsType[*bulk.Error](err) // and logged; or the import takes no bytes any more
	if err == nil || refused || errors.Is(err, bulk.ErrSuperseded) || ctx.Err() != nil {
		return
	}
	u.Logger.ErrorContext(ctx, "spooled file cannot be decoded now", "import_id", id, "account_id", account, "error", err)
}
