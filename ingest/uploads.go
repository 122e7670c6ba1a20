package ingest

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/permits"
)

// Config says what an Uploads works with. Zero numbers mean the default.
type Config struct {
	Ledger   Ledger
	Objects  Objects
	Notifier Notifier
	// Principal returns who a request of Content comes from.
	Principal func(context.Context) (bulk.Principal, bool)
	// Infer guesses the columns of a preview from sample rows, one for each header
	// name; spec may be nil. Without it a preview has no columns.
	Infer  func(header []string, rows [][]string, spec *bulk.Spec) []bulk.PreviewColumn
	Limits bulk.Limits // default: bulk.DefaultLimits
	Logger *slog.Logger

	Metrics *Metrics // default: registered nowhere

	// Memory is what files being read may take at most, in bytes, default 1 GiB; it is
	// raised to what one file of any size takes. A request that finds too little left waits
	// and is then refused. See budget and divide.
	Memory     int64
	RoomWait   time.Duration // for memory, default 5 s
	BatchRows  int           // most rows of a batch; default bulk.MaxBatchRows
	BatchBytes int           // a batch closes at so many bytes, default 4 MiB
	// TailBytes is the most that a request leaves unstaged at its end, one broken record
	// apart; default 1 MiB, at least Limits.PreviewBytes. What ends below it is not even
	// looked at unless it ends the file, so that small pieces cost linear time. A file's
	// header must end within it.
	TailBytes int
	PartBytes int           // of one part of a spooled file, default 8 MiB
	Sweep     time.Duration // between two looks for spooled files to decode, default 3 s
	Patience  time.Duration // until a decoding on which nobody shows work is taken for abandoned, default 15 s
	Grace     time.Duration // for storing what arrived once a request has ended, default 8 s
}

// Uploads takes files in. Its methods may be called concurrently.
type Uploads struct {
	Config
	budget      *budget
	permits     *permits.Permits
	readPermits *permits.Permits // of uploads whose records are read
	decoders    int              // spooled files that may be decoded at once; an account gets one
	scheduler   decodeScheduler
	content     http.Handler
}

// New returns an Uploads. It does no I/O.
func New(c Config) (*Uploads, error) {
	if c.Ledger == nil || c.Objects == nil || c.Notifier == nil || c.Principal == nil {
		return nil, errors.New("ingest: Ledger, Objects, Notifier and Principal are required")
	}
	if c.Limits == (bulk.Limits{}) {
		c.Limits = bulk.DefaultLimits()
	}
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	if c.Metrics == nil {
		c.Metrics = NewMetrics(nil)
	}
	c.Memory = cmp.Or(c.Memory, 1<<30)
	c.BatchRows = cmp.Or(c.BatchRows, bulk.MaxBatchRows)
	c.BatchBytes = cmp.Or(c.BatchBytes, 4<<20)
	c.TailBytes = max(cmp.Or(c.TailBytes, 1<<20), c.Limits.PreviewBytes)
	c.PartBytes = cmp.Or(c.PartBytes, 8<<20)
	c.Sweep = cmp.Or(c.Sweep, 3*time.Second)
	c.Patience = cmp.Or(c.Patience, 15*time.Second)
	c.RoomWait = cmp.Or(c.RoomWait, 5*time.Second)
	c.Grace = cmp.Or(c.Grace, 8*time.Second)
	u := &Uploads{Config: c, scheduler: newDecodeScheduler()}
	computing, decoders, readers, requests := u.divide()
	u.permits = permits.New(permits.Config{Limit: permits.Fixed(computing), Waited: func(d time.Duration) { c.Metrics.PermitWait.Observe(d.Seconds()) }})
	u.readPermits = permits.New(permits.Config{Limit: permits.Fixed(readers)})
	u.decoders, u.budget = decoders, newBudget(requests, c.Metrics.Memory.WithLabelValues("reserved"))
	c.Metrics.Memory.WithLabelValues("budget").Set(float64(requests + int64(readers)*u.readingBytes()))
	u.content = &content{u: u, visits: newVisits()}
	return u, nil
}

// Content serves HEAD, PATCH, DELETE and OPTIONS of /v1/imports/{id}/content, and POST
// that stands for one of them: tus 1.0 and the IETF's resumable uploads, both without
// creation, which belongs to POST /v1/imports.
func (u *Uploads) Content() http.Handler { return u.content }

// Busy reports whether a file is being scanned, decoded or encoded at this moment.
func (u *Uploads) Busy() bool { return u.permits.Busy() }

// idle is how long a request may go without a byte.
func (u *Uploads) idle() time.Duration { return u.Limits.Idle() }

// outlive returns a context that ends a while after ctx does, so that what a
// request brought is stored although its client has left.
func outlive(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var mu sync.Mutex
	var timer *time.Timer
	stop := context.AfterFunc(ctx, func() {
		mu.Lock()
		defer mu.Unlock()
		timer = time.AfterFunc(grace, cancel)
	})
	return out, func() {
		stop()
		cancel()
		mu.Lock()
		defer mu.Unlock()
		if timer != nil {
			timer.Stop()
		}
	}
}
