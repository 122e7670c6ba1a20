package store

import (
	"cmp"
	"context"
	"time"
)

// Times that processes compare are the database's; its clock is asked for in SQL alone:
//
//   - engine.now and ahead compare with it, within a query that an index may serve;
//   - tx.clock writes it down as a time, clockColumn and readClock read it so;
//   - engine.millis is the same in milliseconds, for the uploads' worked_at.
//
// SQLite has one process, whose own clock stands for it where microseconds matter.

// clockParameter makes a ? of now() the database's own time where it has one: the clocks of
// processes differ, and times of one batch or import are compared.
func clockParameter(e engine) string {
	if e.sharedClock() == "" {
		return "?"
	}
	return "COALESCE(" + e.sharedClock() + ", ?)"
}

// Now is the time by the database's clock where processes share one, else by our own.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	at, err := readClock(ctx, s.read, s.engine)
	return at, s.error("read clock", err)
}

// readClock reads what tx.clock writes.
func readClock(ctx context.Context, q querier, e engine) (at time.Time, err error) {
	if e.sharedClock() == "" {
		return now(), nil
	}
	err = q.GetContext(ctx, &at, `SELECT `+e.sharedClock())
	return at.UTC(), err
}

// asOf is the time at which a row was read, of which the engine's clock gave the value if
// it has one.
func asOf(clock *time.Time) time.Time {
	if clock == nil {
		return now()
	}
	return clock.UTC()
}

// now is this process's clock: UTC with the microseconds that every engine keeps.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// clockColumn is the engine's clock as a column of a query, NULL where it has none.
func (s *Store) clockColumn() string { return cmp.Or(s.engine.sharedClock(), "NULL") + " AS clock" }
