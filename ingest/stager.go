package ingest

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"bulkhead/columnar"
	"bulkhead/internal/bulk"
	"bulkhead/internal/permits"
)

// stager makes an upload's writes durable, one after the other, while its caller reads
// on: a batch's object first, then the step in the ledger. After a failure it makes
// no further write.
type stager struct {
	u      *Uploads
	ctx    context.Context
	permit *permits.Permit // for encoding
	hold   *hold           // of the parts; nil for none
	acked  int64           // offset in the ledger; read it after finish
	queue  chan write      // unbuffered, for a batch is much memory
	done   chan struct{}   // closed when the queue is worked off
	fail   chan struct{}   // closed at the first failure
	err    error           // of it
}

// write is a step in the ledger with the batch that it stages or the part that it
// stores, if any. One of no import is none: who hands it over has waited for the others.
type write struct {
	bulk.Progress
	rec  arrow.Record  // nil for none
	from bulk.Boundary // where rec begins
	part []byte        // that Part describes
}

// newStager begins at the upload's position. The caller ends it with finish.
func newStager(ctx context.Context, u *Uploads, up *bulk.Upload, hold *hold) *stager {
	s := &stager{
		u: u, ctx: ctx, hold: hold, permit: u.permits.Of(up.Import.AccountID), acked: up.Offset,
		queue: make(chan write), done: make(chan struct{}), fail: make(chan struct{}),
	}
	go s.run()
	return s
}

// put hands a write over, and waits while one is being made. The batch is released.
func (s *stager) put(next write) error {
	select {
	case s.queue <- next:
		return nil
	case <-s.fail:
		release(next.rec)
		return s.err
	}
}

// finish waits until all writes are made and returns the first failure.
func (s *stager) finish() error {
	close(s.queue)
	<-s.done
	return s.err
}

func (s *stager) run() {
	defer close(s.done)
	for next := range s.queue {
		if s.err != nil {
			release(next.rec)
			continue
		}
		if s.err = s.apply(next); s.err != nil {
			close(s.fail)
		}
	}
}

func (s *stager) apply(next write) (err error) {
	if next.Import == "" {
		return nil
	}
	begun := time.Now()
	next.From = s.acked
	if next.rec != nil {
		if next.Batch, err = s.store(&next); err != nil {
			return err
		}
	}
	if next.Part != nil {
		if err := s.u.Objects.Put(s.ctx, next.Part.Object, next.part); err != nil {
			return fmt.Errorf("store part: %w", err)
		}
		s.hold.shrink(int64(cap(next.part)))
	}
	if err := s.u.Ledger.Advance(s.ctx, next.Progress); err != nil {
		return fmt.Errorf("advance upload: %w", err)
	}
	s.u.Metrics.Bytes.Add(float64(next.Offset - s.acked))
	s.acked = next.Offset
	if next.Batch != nil {
		s.u.Metrics.Stage.Observe(time.Since(begun).Seconds())
		s.u.Notifier.Staged()
	}
	return nil
}

// encode makes a batch's object, with a permit, and releases the batch.
func (s *stager) encode(rec arrow.Record) (data []byte, sum string, err error) {
	defer rec.Release()
	s.permit.Acquire()
	defer s.permit.Release()
	return columnar.Encode(rec)
}

// store writes the batch's object under a key that no other attempt uses. The object
// then stands for the batch, which is not kept beside it.
func (s *stager) store(next *write) (*bulk.Batch, error) {
	rows := next.rec.NumRows()
	data, sum, err := s.encode(next.rec)
	next.rec = nil
	if err != nil {
		return nil, fmt.Errorf("encode batch: %w", err)
	}
	key := fmt.Sprintf("batches/%s/%d-%s.parquet", next.Import, next.from.BatchNo, strings.ToLower(rand.Text()))
	if err := s.u.Objects.Put(s.ctx, key, data); err != nil {
		return nil, fmt.Errorf("store batch: %w", err)
	}
	return &bulk.Batch{
		Import: next.Import, No: next.from.BatchNo, State: bulk.BatchStaged, Object: key, Size: int64(len(data)), SHA256: sum,
		FirstRow: next.from.Row + 1, ByteFrom: next.from.Offset, ByteTo: next.Boundary.Offset,
		Rows: bulk.Counts{Read: rows}, StagedAt: time.Now().UTC(),
	}, nil
}

func release(rec arrow.Record) {
	if rec != nil {
		rec.Release()
	}
}
