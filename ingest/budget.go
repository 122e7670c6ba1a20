package ingest

import (
	"math"
	"runtime"
	"sync"

	"bulkhead/internal/bulk"
)

// budget is the memory that requests may take. Each reserves the most that it can need
// before it reads a byte, and is refused when that is not there.
//
// An account gets something only as long as it then holds no more than what is left
// (dynamic thresholds: Choudhury and Hahne, 1998): at most half of all, a third when
// another wants as much, and there is always room for one that comes.
type budget struct {
	mu    sync.Mutex
	total int64
	taken int64
	held  map[bulk.AccountID]int64
}

func newBudget(total int64) *budget {
	return &budget{total: total, held: map[bulk.AccountID]int64{}}
}

// The reasons for a refusal.
const (
	refusedProcess = "process" // nobody could have so much now
	refusedAccount = "account" // the rest is for others
)

var refusals = map[string]string{
	refusedProcess: "Too many files are being received at this moment. Try again shortly; nothing is lost.",
	refusedAccount: "As many of your files are being received as there is room for. Try again shortly; nothing is lost.",
}

// reserve takes n bytes, or returns why not. The caller gives them back with release.
func (b *budget) reserve(account bulk.AccountID, n int64) (refused string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch left := b.total - b.taken; {
	case n > left:
		return refusedProcess
	case b.held[account]+n > left:
		return refusedAccount
	}
	b.taken += n
	b.held[account] += n
	return ""
}

func (b *budget) release(account bulk.AccountID, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.taken -= n
	if b.held[account] -= n; b.held[account] == 0 {
		delete(b.held, account)
	}
}

// admit reserves memory for a request, or returns a KindUnavailable error. The caller
// calls leave when it is done.
func (u *Uploads) admit(work string, account bulk.AccountID, n int64) (leave func(), err error) {
	if why := u.budget.reserve(account, n); why != "" {
		u.Metrics.Refused.WithLabelValues(why).Inc()
		return nil, bulk.Errorf(bulk.KindUnavailable, bulk.ErrBusy, "%s", refusals[why])
	}
	active, reserved := u.Metrics.Active.WithLabelValues(work), u.Metrics.Memory.WithLabelValues("reserved")
	active.Inc()
	reserved.Add(float64(n))
	return func() {
		u.budget.release(account, n)
		active.Dec()
		reserved.Sub(float64(n))
	}, nil
}

// divide says what becomes of the process's memory: at most a quarter is for encoding,
// which needs most while it lasts, at most a third for decoders, which outlive every
// request, and the rest for requests. There is always enough for one of each.
func (u *Uploads) divide() (turns, decoders int, requests int64) {
	turns = int(min(int64(runtime.GOMAXPROCS(0)), max(1, u.Memory/4/u.turnBytes())))
	decoders = int(min(maxDecoders, max(1, u.Memory/3/u.decoderBytes())))
	requests = u.Memory - int64(turns)*u.turnBytes() - int64(decoders)*u.decoderBytes()
	return turns, decoders, max(requests, u.uploadBytes(-1))
}

// maxDecoders is how many spooled files are decoded at once where memory suffices.
const maxDecoders = 4

// The most memory that things take, in bytes. TestReservationsHold compares it with
// what they do take when they are made to take most.

// anythingBytes is what no length or bound of a file governs: stacks, schemas, a
// connection's buffers.
const anythingBytes = 1 << 20

// anything is the length of a file that may have any.
const anything = math.MaxInt64 / 64

// uploadBytes is what taking in a file of so many bytes takes, -1 for one of unknown
// length: what was read since the last boundary, and what readingBytes says; or two
// parts, of which one grows by copying.
func (u *Uploads) uploadBytes(length int64) int64 {
	n := length
	if n < 0 {
		n = anything
	}
	rows, parts := min(2*n, int64(u.room()))+u.readingBytes(n), 5*min(n, int64(u.PartBytes))/2
	return anythingBytes + pullBytes + max(rows, parts)
}

// decoderBytes is what decoding a spooled file takes: two parts while it is checked, a
// window and a sample of the text besides.
func (u *Uploads) decoderBytes() int64 {
	return anythingBytes + 2*int64(u.PartBytes) + maxWindow + int64(u.Limits.PreviewBytes) + u.readingBytes(anything)
}

// readingBytes is a record in the reader, as it stands and unquoted, and one batch that
// is built while another is made an object. Their columns are sized by the batch before,
// which may have had other long ones, and grow by copying.
func (u *Uploads) readingBytes(n int64) int64 { return 2*u.recordBytes(n) + 5*u.batchBytes(n) }

// previewBytes is what a preview takes, most of it for cells that are a byte each.
func (u *Uploads) previewBytes(compressed bool) int64 {
	n := anythingBytes + 64*int64(u.Limits.PreviewBytes)
	if compressed {
		n += maxWindow
	}
	return n
}

// turnBytes is what encoding a batch takes besides the batch.
func (u *Uploads) turnBytes() int64 { return 5 * u.batchBytes(anything) }

// recordBytes is the longest record of n bytes, which is one of a rejects.csv.
func (u *Uploads) recordBytes(n int64) int64 { return min(n, 2*int64(u.Limits.RecordBytes)+64<<10) }

// batchBytes is the largest batch of n bytes, which its last record makes too large. In
// a short file a byte is at most a cell, of 5 bytes, and a row, of 36.
func (u *Uploads) batchBytes(n int64) int64 {
	return min(int64(u.BatchBytes)+u.recordBytes(n), 5*n+36*min(n, int64(u.BatchRows)))
}

// room is how many bytes an upload keeps since its last boundary.
func (u *Uploads) room() int { return u.BatchBytes + 4*u.Limits.RecordBytes + u.TailBytes }
