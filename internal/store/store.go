// Package store is the transactional store: accounts, datasets, the ledger of
// imports and batches, and the typed tables where records land.
//
// It guarantees that a batch is applied at most once, that an account never
// holds more records than its quota at any moment, that of two rows with one key
// the greater (op_seq, row_no) stays whatever order they commit in, and that no
// method returns or changes what belongs to another account than the one given.
// Each of these is decided inside one transaction; nothing is decided from memory.
//
// SQL stands beside the one method that runs it, one file a noun. Locks are taken
// in the order batch, keys ascending, import, account.
package store

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"bulkhead/internal/bulk"
)

//go:embed migrations
var migrations embed.FS

// Store is safe for concurrent use.
type Store struct {
	write *sqlx.DB // one connection: SQLite has one writer
	read  *sqlx.DB

	mu    sync.Mutex
	specs map[specVersion]bulk.Spec // immutable once stored, so never stale
}

type specVersion struct {
	name    bulk.DatasetName
	version int64
}

// Config says where the store is.
type Config struct {
	URL     string // "sqlite:PATH"
	Readers int    // connections for reading; 0: 4
}

// New prepares a store without touching it.
func New(c Config) (*Store, error) {
	path, ok := strings.CutPrefix(c.URL, "sqlite:")
	if !ok || path == "" {
		return nil, bulk.Errorf(bulk.KindInvalid, "bad_store", "The store is %q; use sqlite:PATH.", c.URL)
	}
	write, err := openSQLite(path, "immediate", 1)
	if err != nil {
		return nil, err
	}
	read, err := openSQLite(path, "deferred", cmp.Or(c.Readers, 4))
	if err != nil {
		return nil, err
	}
	return &Store{write: write, read: read, specs: map[specVersion]bulk.Spec{}}, nil
}

// openSQLite opens a pool. synchronous(full) makes a commit survive a loss of
// power; a bounded cache keeps memory flat whatever the tables' size.
func openSQLite(path, txlock string, conns int) (*sqlx.DB, error) {
	q := url.Values{"_txlock": {txlock}, "_time_format": {"sqlite"}, "_pragma": {
		"busy_timeout(30000)", "journal_mode(wal)", "synchronous(full)", "foreign_keys(on)",
		"cache_size(-16000)", "temp_store(memory)", "journal_size_limit(67108864)",
	}}
	db, err := sqlx.Open("sqlite", "file:"+path+"?"+q.Encode())
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// Migrate brings the schema up to date. Repeating it is harmless.
func (s *Store) Migrate(ctx context.Context) error {
	dir, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, s.write.DB, dir)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// Ready reports whether the store answers.
func (s *Store) Ready(ctx context.Context) error {
	var one int
	return s.read.GetContext(ctx, &one, `SELECT 1 FROM accounts LIMIT 1`)
}

// Close ends all connections.
func (s *Store) Close() error { return errors.Join(s.write.Close(), s.read.Close()) }

// tx runs fn in one write transaction: all of it or nothing.
func (s *Store) tx(ctx context.Context, op string, fn func(tx *sqlx.Tx) error) error {
	tx, err := s.write.BeginTxx(ctx, nil)
	if err != nil {
		return storeError(op, err)
	}
	defer tx.Rollback()
	if err := fn(tx); err != nil {
		return storeError(op, err)
	}
	return storeError(op, tx.Commit())
}

// storeError names the operation and turns a busy or full database into an error
// that tells its receiver to come again.
func storeError(op string, err error) error {
	if err == nil || bulk.KindOf(err) != "" {
		return err
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR:
			return fmt.Errorf("%s: %v: %w", op, err, bulk.Errorf(bulk.KindUnavailable, "store_busy", "The store is busy. Try again."))
		}
	}
	return fmt.Errorf("%s: %w", op, err)
}

// changed returns how many rows a statement changed.
func changed(r sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// now is the store's clock: UTC with the microseconds that every engine keeps.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// noRows turns an absent row into a KindNotFound error about the thing.
func noRows(err error, what string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return bulk.Errorf(bulk.KindNotFound, "not_found", "There is no such %s.", what)
	}
	return err
}
