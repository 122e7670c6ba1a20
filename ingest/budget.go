package ingest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bulkhead/internal/bulk"
)

// budget is the memory that requests may take. Each holds what it has at this moment,
// asks for more before it takes more, and gives back what it no longer needs.
//
// An account gets something only as long as it then holds no more than what is left
// (dynamic thresholds: Choudhury and Hahne, 1998): at most half of all, a third when
// another wants as much, and there is always room for one that comes.
//
// Who finds too little waits for a while. Served first are requests that have begun, and
// those whose account holds least. While somebody waits there is a least rate: requests
// whose clients are slower are told to leave, the slowest first, as far as that helps.
type budget struct {
	mu      sync.Mutex
	total   int64
	taken   int64
	held    map[bulk.AccountID]int64
	holds   map[*hold]struct{}
	waiting []*want
	looked  time.Time        // when somebody was last told to leave
	gauge   prometheus.Gauge // of what is taken
}

// hold is what one request holds. Its methods are for the request's goroutines.
type hold struct {
	budget  *budget
	account bulk.AccountID
	n       int64
	leave   chan struct{} // closed: somebody else needs the memory more
	leaving bool
	awaited time.Time // since when the client is waited for; zero: it is not
	came    int64     // bytes, while it was waited for
	waited  time.Duration
}

// want is a request that waits for room.
type want struct {
	hold  *hold
	n     int64
	given chan struct{}
}

const (
	// leastRate is how many bytes a second a client has to send while others wait,
	// measured over what it was waited for, which is at least rateAfter.
	leastRate = 32 << 10
	rateAfter = time.Second
	// rateSpan bounds how much of the past a rate remembers.
	rateSpan = 10 * time.Second
	// lookAgain is how often those who wait look for clients that became too slow.
	lookAgain = 200 * time.Millisecond
	// mostWaiting bounds the requests that wait for memory; others are refused at once.
	mostWaiting = 1000
)

func newBudget(total int64, gauge prometheus.Gauge) *budget {
	return &budget{total: total, held: map[bulk.AccountID]int64{}, holds: map[*hold]struct{}{}, gauge: gauge}
}

// The reasons for a refusal.
const (
	refusedProcess = "process" // nobody could have so much now
	refusedAccount = "account" // the rest is for others
	refusedSlow    = "slow"    // others need it who send faster
)

var refusals = map[string]string{
	refusedProcess: "Too many files are being received at this moment. Try again shortly; nothing is lost.",
	refusedAccount: "As many of your files are being received as there is room for. Try again shortly; nothing is lost.",
	refusedSlow:    "The file comes slowly, and others wait for the room that it takes. What arrived is kept; continue the upload from there.",
}

// refusal tells a client to come again, since there is no memory for what it sends.
type refusal struct {
	error
	reason string
}

func refused(why string) error {
	return &refusal{bulk.Errorf(bulk.KindUnavailable, bulk.ErrBusy, "%s", refusals[why]), why}
}

// Unwrap returns what the client is told.
func (r *refusal) Unwrap() error { return r.error }

// noteRefusal counts an answer that is a refusal.
func (u *Uploads) noteRefusal(err error) {
	if r, ok := errors.AsType[*refusal](err); ok {
		u.Metrics.Refused.WithLabelValues(r.reason).Inc()
	}
}

// open returns a hold of nothing; the caller closes it.
func (b *budget) open(account bulk.AccountID) *hold {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := &hold{budget: b, account: account, leave: make(chan struct{})}
	b.holds[h] = struct{}{}
	return h
}

// close gives everything back.
func (h *hold) close() {
	h.shrink(h.n)
	h.budget.mu.Lock()
	defer h.budget.mu.Unlock()
	delete(h.budget.holds, h)
}

// fits says why the hold cannot have n more now, "" if it can.
func (b *budget) fits(h *hold, n int64) (why string) {
	switch left := b.total - b.taken; {
	case n > left:
		return refusedProcess
	case b.held[h.account]+n > left:
		return refusedAccount
	}
	return ""
}

func (b *budget) add(h *hold, n int64) {
	h.n += n
	b.taken += n
	if b.held[h.account] += n; b.held[h.account] == 0 {
		delete(b.held, h.account)
	}
	b.gauge.Add(float64(n))
}

// try takes n bytes more if nobody waits for them.
func (h *hold) try(n int64) bool {
	b := h.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) > 0 || b.fits(h, n) != "" {
		return false
	}
	b.add(h, n)
	return true
}

// grow takes n bytes more, and waits for them as long as patience; after that it
// returns why not.
func (h *hold) grow(ctx context.Context, n int64, patience time.Duration) (why string) {
	if h.try(n) {
		return ""
	}
	b, w := h.budget, &want{hold: h, n: n, given: make(chan struct{})}
	if why := b.queue(w); why != "" {
		return why
	}
	limit, again := time.NewTimer(patience), time.NewTicker(lookAgain)
	defer limit.Stop()
	defer again.Stop()
	for {
		select {
		case <-w.given:
			return ""
		case <-again.C:
			b.mu.Lock()
			b.share()
			b.mu.Unlock()
		case <-h.leave:
			return b.withdraw(w, refusedSlow)
		case <-ctx.Done():
			return b.withdraw(w, refusedProcess)
		case <-limit.C:
			return b.withdraw(w, "")
		}
	}
}

func (b *budget) queue(w *want) (why string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) >= mostWaiting {
		return refusedProcess
	}
	b.waiting = append(b.waiting, w)
	b.looked = time.Time{}
	b.share()
	return ""
}

// withdraw takes a want back, unless it was just granted, and says why it was not.
func (b *budget) withdraw(w *want, why string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.Index(b.waiting, w)
	if i < 0 {
		return ""
	}
	b.waiting = slices.Delete(b.waiting, i, i+1)
	return cmp.Or(why, b.fits(w.hold, w.n), refusedProcess)
}

func (h *hold) shrink(n int64) {
	if n == 0 {
		return
	}
	h.budget.mu.Lock()
	defer h.budget.mu.Unlock()
	h.budget.add(h, -n)
	h.budget.share()
}

// share gives what is there to those who wait, and makes room for the others.
func (b *budget) share() {
	slices.SortStableFunc(b.waiting, func(x, y *want) int {
		return cmp.Or(cmp.Compare(x.rank(), y.rank()), cmp.Compare(b.held[x.hold.account], b.held[y.hold.account]))
	})
	b.waiting = slices.DeleteFunc(b.waiting, func(w *want) bool {
		if b.fits(w.hold, w.n) != "" {
			return false
		}
		b.add(w.hold, w.n)
		close(w.given)
		return true
	})
	if now := time.Now(); len(b.waiting) > 0 && now.Sub(b.looked) >= lookAgain/2 {
		b.looked = now
		b.makeRoom(now)
	}
}

// rank puts requests that have begun before those that want to, since they soon end.
func (w *want) rank() int {
	if w.hold.n > 0 {
		return 0
	}
	return 1
}

// makeRoom tells requests whose clients are too slow to leave until what they hold is
// enough for those who wait: those of the account of the first that waits before
// others', the slowest first.
func (b *budget) makeRoom(now time.Time) {
	first := b.waiting[0].hold.account
	missing := b.wanted() - (b.total - b.taken)
	var slow []*hold
	for h := range b.holds {
		if h.leaving {
			missing -= h.n
		} else if h.rate(now) < leastRate {
			slow = append(slow, h)
		}
	}
	other := func(h *hold) int {
		if h.account == first {
			return 0
		}
		return 1
	}
	slices.SortFunc(slow, func(x, y *hold) int {
		return cmp.Or(cmp.Compare(other(x), other(y)), cmp.Compare(x.rate(now), y.rate(now)))
	})
	for _, h := range slow {
		if missing <= 0 {
			return
		}
		missing -= h.n
		h.leaving = true
		close(h.leave)
	}
}

// wanted is how much has to be left so that those who wait may have it, at most half.
func (b *budget) wanted() int64 {
	all, most := int64(0), int64(0)
	for _, w := range b.waiting {
		all += w.n
		most = max(most, b.held[w.hold.account]+w.n)
	}
	return min(max(all, most), b.total/2)
}

// rate is how many bytes a second the client sends, while it is waited for.
func (h *hold) rate(now time.Time) int64 {
	waited := h.waited
	if h.awaited.IsZero() {
		return leastRate // it waits for us
	}
	if waited += now.Sub(h.awaited); waited < rateAfter {
		return leastRate
	}
	return int64(float64(h.came) / waited.Seconds())
}

// await notes that the client is waited for from now on.
func (h *hold) await() {
	h.budget.mu.Lock()
	defer h.budget.mu.Unlock()
	h.awaited = time.Now()
}

// arrived notes that it sent so much meanwhile.
func (h *hold) arrived(n int) {
	h.budget.mu.Lock()
	defer h.budget.mu.Unlock()
	h.waited += time.Since(h.awaited)
	h.came += int64(n)
	h.awaited = time.Time{}
	if h.waited > rateSpan {
		h.waited, h.came = h.waited/2, h.came/2
	}
}

// admit reserves memory for a request, or returns a KindUnavailable error. The caller
// calls leave when it is done.
func (u *Uploads) admit(ctx context.Context, work string, account bulk.AccountID, n int64) (h *hold, leave func(), err error) {
	h = u.budget.open(account)
	if why := h.grow(ctx, n, u.RoomWait); why != "" {
		h.close()
		err := refused(why)
		u.noteRefusal(err)
		return nil, nil, err
	}
	active := u.Metrics.Active.WithLabelValues(work)
	active.Inc()
	return h, func() {
		h.close()
		active.Dec()
	}, nil
}
