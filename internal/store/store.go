// Package store is the transactional store: accounts, datasets, the ledger of
// imports and batches, and the typed tables where records land. It stands on
// PostgreSQL, or on SQLite for one machine; both pass the same tests.
//
// It guarantees that a batch is applied at most once, that an account never
// holds more records than its quota at any moment, that of two rows with one key
// the greater (op_seq, row_no) stays whatever order they commit in, and that no
// method returns or changes what belongs to another account than the one given.
// Each of these is decided inside one transaction; nothing is decided from memory.
//
// SQL stands beside the one method that runs it, one file a noun, with ? for
// parameters; engine.go says what else differs between the engines. Locks are
// taken in the order batch, keys, account, import.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"

	"bulkhead/internal/bulk"
)

//go:embed migrations
var migrations embed.FS

// Store is safe for concurrent use.
type Store struct {
	engine engine
	write  *db
	read   *db
	writes writes

	mu       sync.Mutex
	specs    map[specVersion]bulk.Spec // immutable once stored, so never stale
	overlaps map[bulk.ImportID]int     // batches for which an import is expected to meet existing keys
}

// mostRemembered bounds what a store remembers of specs, and of imports.
const mostRemembered = 4096

type specVersion struct {
	name    bulk.DatasetName
	version int64
}

// Config says where the store is.
type Config struct {
	URL string // "sqlite:PATH" or "postgres://…", see [pgx.ParseConfig]
}

// New prepares a store without touching it.
func New(c Config) (*Store, error) {
	s := &Store{specs: map[specVersion]bulk.Spec{}, overlaps: map[bulk.ImportID]int{}, writes: newWrites()}
	var err error
	if path, ok := strings.CutPrefix(c.URL, "sqlite:"); ok && path != "" {
		s.engine = sqliteEngine{}
		s.write, s.read, err = openSQLite(path)
	} else if strings.HasPrefix(c.URL, "postgres://") || strings.HasPrefix(c.URL, "postgresql://") {
		s.engine = postgresEngine{}
		s.write, s.read, err = openPostgres(c.URL)
	} else {
		err = bulk.Errorf(bulk.KindInvalid, "bad_store", "The store is %q; use sqlite:PATH or postgres://HOST/DATABASE.", redact(c.URL))
	}
	return s, err
}

// redact keeps a password out of messages.
func redact(url string) string {
	scheme, _, _ := strings.Cut(url, ":")
	return scheme + ":…"
}

// Migrate brings the schema up to date. Repeating it is harmless, and so are
// several processes doing it at once.
func (s *Store) Migrate(ctx context.Context) error {
	dir, err := fs.Sub(migrations, "migrations/"+s.engine.name())
	if err != nil {
		return err
	}
	options, err := s.engine.migrationLock()
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	p, err := goose.NewProvider(s.engine.goose(), s.write.DB.DB, dir, options...)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// Close ends all connections.
func (s *Store) Close() error {
	return errors.Join(s.write.Close(), s.read.Close())
}

// ReadersAtOnce is how many may read at once. They have connections of their own, so
// whatever they do, no transaction that writes waits for one.
func (s *Store) ReadersAtOnce() int { return s.read.Stats().MaxOpenConnections }

// querier is what reading needs: the pool or a transaction.
type querier interface {
	GetContext(ctx context.Context, dest any, query string, args ...any) error
	SelectContext(ctx context.Context, dest any, query string, args ...any) error
}

// db is a pool that takes ? for parameters.
type db struct{ *sqlx.DB }

func (d *db) GetContext(ctx context.Context, dest any, query string, args ...any) error {
	if err := checkTexts(args); err != nil {
		return err
	}
	return d.DB.GetContext(ctx, dest, d.Rebind(query), args...)
}

func (d *db) SelectContext(ctx context.Context, dest any, query string, args ...any) error {
	if err := checkTexts(args); err != nil {
		return err
	}
	return d.DB.SelectContext(ctx, dest, d.Rebind(query), args...)
}

func (d *db) QueryxContext(ctx context.Context, query string, args ...any) (*sqlx.Rows, error) {
	if err := checkTexts(args); err != nil {
		return nil, err
	}
	return d.DB.QueryxContext(ctx, d.Rebind(query), args...)
}

func (d *db) QueryRowxContext(ctx context.Context, query string, args ...any) *sqlx.Row {
	return d.DB.QueryRowxContext(ctx, d.Rebind(query), args...)
}

// checkTexts refuses texts that PostgreSQL cannot compare with anything, and that nothing
// is called by on any engine.
func checkTexts(args []any) error {
	for _, a := range args {
		if v := reflect.ValueOf(a); v.Kind() == reflect.String && (!utf8.ValidString(v.String()) || strings.ContainsRune(v.String(), 0)) {
			return bulk.Errorf(bulk.KindInvalid, "bad_parameter", "A name or text of the request is not UTF-8, or has a NUL in it. Nothing is called so.")
		}
	}
	return nil
}

// txn is a transaction that takes ? for parameters.
type txn struct {
	*sqlx.Tx
	engine
	conn  *sqlx.Conn // that it runs on
	lock  string     // ends a SELECT whose rows the transaction will change
	clock string     // stands for a ? of now(), and is the database's own time where processes share one
}

func (t *txn) GetContext(ctx context.Context, dest any, query string, args ...any) error {
	if err := checkTexts(args); err != nil {
		return err
	}
	return t.Tx.GetContext(ctx, dest, t.Rebind(query), args...)
}

func (t *txn) SelectContext(ctx context.Context, dest any, query string, args ...any) error {
	if err := checkTexts(args); err != nil {
		return err
	}
	return t.Tx.SelectContext(ctx, dest, t.Rebind(query), args...)
}

func (t *txn) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := checkTexts(args); err != nil {
		return nil, err
	}
	return t.Tx.ExecContext(ctx, t.Rebind(query), args...)
}

func (t *txn) QueryxContext(ctx context.Context, query string, args ...any) (*sqlx.Rows, error) {
	if err := checkTexts(args); err != nil {
		return nil, err
	}
	return t.Tx.QueryxContext(ctx, t.Rebind(query), args...)
}

func (t *txn) QueryRowxContext(ctx context.Context, query string, args ...any) *sqlx.Row {
	return t.Tx.QueryRowxContext(ctx, t.Rebind(query), args...)
}

func (t *txn) PreparexContext(ctx context.Context, query string) (*sqlx.Stmt, error) {
	return t.Tx.PreparexContext(ctx, t.Rebind(query))
}

// tx runs fn in one write transaction: all of it or nothing.
func (s *Store) tx(ctx context.Context, op string, fn func(tx *txn) error) error {
	conn, err := s.write.Connx(ctx)
	if err != nil {
		return s.error(op, err)
	}
	defer conn.Close()
	tx, err := conn.BeginTxx(ctx, nil)
	if err != nil {
		return s.error(op, err)
	}
	defer tx.Rollback()
	if err := fn(&txn{Tx: tx, engine: s.engine, conn: conn, lock: s.engine.rowLock(), clock: clockParameter(s.engine)}); err != nil {
		return s.error(op, err)
	}
	return s.error(op, tx.Commit())
}

// makeOnce is tx for what makes a thing that has a name. Of two that do so at once, the
// later fails with a violated constraint, begins again and sees what the earlier made.
func (s *Store) makeOnce(ctx context.Context, op string, fn func(tx *txn) error) error {
	err := s.tx(ctx, op, fn)
	if s.engine.fault(err) == faultData {
		err = s.tx(ctx, op, fn)
	}
	return err
}

// changed returns how many rows a statement changed.
func changed(r sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// noRows turns an absent row into a KindNotFound error about the thing.
func noRows(err error, what string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return bulk.Errorf(bulk.KindNotFound, "not_found", "There is no such %s, or it belongs to another account. Check its id or name.", what)
	}
	return err
}
