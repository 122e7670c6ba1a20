package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"bulkhead/internal/bulk"
)

// theStore is what messages call it.
const theStore = "the store"

// busy tells the receiver of an error to come again.
func busy() *bulk.Error {
	return bulk.Errorf(bulk.KindUnavailable, "store_busy", "The store is busy, or cannot be reached. Try again.")
}

// error names the operation and turns what may pass (a busy or unreachable database, a
// deadlock, a full disk) into an error that says so. That writes fail is remembered, for
// Ready.
func (s *Store) error(op string, err error) error {
	switch {
	case err == nil || bulk.KindOf(err) != "":
		return err
	case s.engine.fault(err) == faultRetryable:
		why := cmp.Or(s.engine.trouble(err), busy())
		err = fmt.Errorf("%s: %w (%w)", op, why, err)
		if bulk.TakesNoWrites(why) {
			s.writes.note(err)
		}
		return err
	case s.engine.fault(err) != notDatabase:
		return fmt.Errorf("%s: %w: %w", op, bulk.ErrDatabase, err)
	default:
		return fmt.Errorf("%s: %w", op, err)
	}
}

// Whether writes succeed is tried when somebody asks, and remembered when they failed: a
// small one may find room where a large one did not.
const (
	probeEvery   = 2 * time.Second
	probeBytes   = 16 << 10
	probeWithin  = 2 * time.Second
	failureCount = 10 * time.Second // for so long after a write failed no probe speaks against it
)

// writes is what is known of whether the store takes writes.
type writes struct {
	id  string        // of this process's row
	one chan struct{} // holds a token while nobody looks at the rest

	failed  error // the last write that failed for the machine's sake
	at      time.Time
	probed  time.Time
	outcome error // of that probe
}

func newWrites() writes {
	w := writes{id: rand.Text(), one: make(chan struct{}, 1)}
	w.one <- struct{}{}
	return w
}

// note remembers a failure, unless somebody is probing, who finds out.
func (w *writes) note(err error) {
	select {
	case <-w.one:
		w.failed, w.at = err, time.Now()
		w.one <- struct{}{}
	default:
	}
}

// Ready reports whether the store answers, has its schema and takes writes; a
// KindUnavailable error says what is wrong.
func (s *Store) Ready(ctx context.Context) error {
	var n int
	if err := s.read.GetContext(ctx, &n, `SELECT COUNT(*) FROM accounts WHERE id = ''`); err != nil {
		return s.error("check store", err)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.writes.one:
	}
	w := &s.writes
	defer func() { w.one <- struct{}{} }()
	if w.failed != nil && time.Since(w.at) < failureCount {
		return w.failed
	}
	if time.Since(w.probed) >= probeEvery {
		w.outcome, w.probed = s.probe(ctx), time.Now()
	}
	return w.outcome
}

// probe writes something. That it has to wait is no failure: others are writing then.
func (s *Store) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	b := make([]byte, probeBytes)
	rand.Read(b) // never fails, see crypto/rand
	err := s.tx(ctx, "probe", func(tx *txn) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM probes WHERE at < `+tx.ahead(), -nodeMemory.Seconds()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `
			INSERT INTO probes (id, filling, at) VALUES (?, ?, `+tx.now()+`)
			ON CONFLICT (id) DO UPDATE SET filling = excluded.filling, at = excluded.at`, s.writes.id, b)
		return err
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}
