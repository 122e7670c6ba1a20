package store

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"bulkhead/internal/bulk"
)

// sqliteEngine has one writer: a transaction begins by taking the write lock, so
// what it reads cannot change before it ends.
type sqliteEngine struct{}

// sqliteReaders is how many connections read; one writes.
const sqliteReaders = 4

// openSQLite opens a pool that writes, and one that reads.
func openSQLite(path string) (write, read *db, err error) {
	if write, err = sqlitePool(path, "immediate", 1); err != nil {
		return nil, nil, err
	}
	read, err = sqlitePool(path, "deferred", sqliteReaders)
	return write, read, err
}

// sqlitePool opens one pool. synchronous(full) makes a commit survive a loss of
// power; a bounded cache keeps memory flat whatever the tables' size.
func sqlitePool(path, txlock string, conns int) (*db, error) {
	q := url.Values{"_txlock": {txlock}, "_time_format": {"sqlite"}, "_pragma": {
		"busy_timeout(30000)", "journal_mode(wal)", "synchronous(full)", "foreign_keys(on)",
		"cache_size(-16000)", "temp_store(memory)", "journal_size_limit(67108864)",
	}}
	pool, err := sqlx.Open("sqlite", "file:"+path+"?"+q.Encode())
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	return &db{pool}, nil
}

func (sqliteEngine) name() string { return "sqlite" }

func (sqliteEngine) goose() goose.Dialect { return goose.DialectSQLite3 }

// One process has the file; see the lock of its data directory.
func (sqliteEngine) migrationLock() ([]goose.ProviderOption, error) { return nil, nil }

// As the driver writes times, to the millisecond.
func (sqliteEngine) now() string { return `STRFTIME('%Y-%m-%d %H:%M:%f+00:00', 'now')` }

func (sqliteEngine) ahead() string {
	return `STRFTIME('%Y-%m-%d %H:%M:%f+00:00', 'now', ? || ' seconds')`
}

func (sqliteEngine) sharedClock() string { return "" }

func (sqliteEngine) bytewise(text string) string { return text }

func (sqliteEngine) rowLock() string { return "" }

func (sqliteEngine) millis() string { return "CAST(unixepoch('subsec') * 1000 AS INTEGER)" }

// Decimals are text, since SQLite's numbers are not exact.
func (sqliteEngine) columnType(t bulk.Type) string {
	switch t {
	case bulk.TypeInteger:
		return "BIGINT"
	case bulk.TypeFloat:
		return "DOUBLE PRECISION"
	case bulk.TypeBoolean:
		return "BOOLEAN"
	default:
		return "TEXT"
	}
}

func (sqliteEngine) ordered(c bulk.Column) string { return fmt.Sprintf(`t.%q`, c.Name) }

// Without a rowid the table is its primary key's tree: one write a row, in key order.
func (sqliteEngine) tableOptions() string { return "WITHOUT ROWID" }

// One process has the file, and it is the console itself.
func (sqliteEngine) rls() string { return "" }

func (sqliteEngine) afterTable(string) []string { return nil }

func (sqliteEngine) fault(err error) fault {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return notDatabase
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY:
		return faultRetryable
	case sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH:
		return faultData
	}
	return faultUnknown
}

func (sqliteEngine) trouble(err error) *bulk.Error {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return nil
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return bulk.DiskFull(theStore)
	case sqlite3.SQLITE_IOERR:
		return bulk.DiskFailing(theStore)
	case sqlite3.SQLITE_READONLY:
		return bulk.ReadOnly(theStore)
	}
	return nil
}

func (sqliteEngine) value(t bulk.Type, v any) bulk.Value {
	if x, ok := v.(int64); ok {
		switch t {
		case bulk.TypeBoolean:
			return x != 0
		case bulk.TypeFloat:
			return float64(x)
		}
	}
	return v
}
