package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"bulkhead/internal/bulk"
)

// postgresEngine has many writers; what a transaction will change it locks first.
type postgresEngine struct{}

// timestampForm is the canonical form of timestamps, in UTC.
const timestampForm = "2006-01-02T15:04:05.000000Z"

// applicationName marks our own sessions, so that the reaper touches no others.
const applicationName = "bulkhead"

// The most connections of a process to PostgreSQL.
const (
	postgresWriters = 16
	postgresReaders = 8
)

// openPostgres opens a pool that writes, and one that reads. Timeouts end sessions whose
// process is paused or gone, which would otherwise hold their locks.
func openPostgres(url string) (write, read *db, err error) {
	c, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, nil, bulk.Errorf(bulk.KindInvalid, "bad_store", "The store's address is not a PostgreSQL URL.")
	}
	for name, value := range map[string]string{
		"application_name": applicationName, "timezone": "UTC", "idle_in_transaction_session_timeout": "30s", "lock_timeout": "20s",
		"tcp_user_timeout": "30000",
	} {
		if _, set := c.RuntimeParams[name]; !set {
			c.RuntimeParams[name] = value
		}
	}
	return postgresPool(*c, postgresWriters), postgresPool(*c, postgresReaders), nil
}

func postgresPool(c pgx.ConnConfig, conns int) *db {
	pool := sqlx.NewDb(stdlib.OpenDB(c), "pgx")
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	return &db{pool}
}

func (postgresEngine) name() string { return "postgres" }

func (postgresEngine) goose() goose.Dialect { return goose.DialectPostgres }

// Processes that start together take turns.
func (postgresEngine) migrationLock() ([]goose.ProviderOption, error) {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300)) // one try a second
	if err != nil {
		return nil, err
	}
	return []goose.ProviderOption{goose.WithSessionLocker(locker)}, nil
}

// Unlike now() it does not stand still in a transaction, and unlike clock_timestamp() an
// index can be searched with it.
func (postgresEngine) now() string { return `statement_timestamp()` }

func (postgresEngine) ahead() string { return `(statement_timestamp() + ? * INTERVAL '1 second')` }

// Unlike now() it goes on within a transaction.
func (postgresEngine) sharedClock() string { return `clock_timestamp()` }

// The collation "C" also folds ASCII alone, as SQLite does.
func (postgresEngine) bytewise(text string) string { return text + ` COLLATE "C"` }

// Foreign keys to a locked row may still be checked.
func (postgresEngine) rowLock() string { return " FOR NO KEY UPDATE" }

func (postgresEngine) millis() string {
	return "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT"
}

// Text compares by its bytes, as it does in keys, cursors and every other engine.
func (postgresEngine) columnType(t bulk.Type) string {
	switch t {
	case bulk.TypeInteger:
		return "BIGINT"
	case bulk.TypeDecimal:
		return "NUMERIC"
	case bulk.TypeFloat:
		return "DOUBLE PRECISION"
	case bulk.TypeBoolean:
		return "BOOLEAN"
	case bulk.TypeDate:
		return "DATE"
	case bulk.TypeTimestamp:
		return "TIMESTAMPTZ"
	case bulk.TypeJSON:
		return "JSON"
	default:
		return `TEXT COLLATE "C"`
	}
}

// Decimals are text elsewhere, so they are in the order of that.
func (postgresEngine) ordered(c bulk.Column) string {
	if c.Type == bulk.TypeDecimal {
		return fmt.Sprintf(`CAST(t.%q AS TEXT) COLLATE "C"`, c.Name)
	}
	return fmt.Sprintf(`t.%q`, c.Name)
}

func (postgresEngine) tableOptions() string { return "" }

// Both settings end with the transaction.
func (postgresEngine) rls() string {
	return `SELECT set_config('bulkhead.account', ?, true), set_config('role', 'bulkhead_reader', true)`
}

func (postgresEngine) afterTable(table string) []string {
	return []string{
		fmt.Sprintf(`ALTER TABLE %q ENABLE ROW LEVEL SECURITY`, table),
		fmt.Sprintf(`CREATE POLICY own ON %q FOR SELECT TO bulkhead_reader USING (_account_id = current_setting('bulkhead.account', true))`, table),
		fmt.Sprintf(`GRANT SELECT ON %q TO bulkhead_reader`, table),
	}
}

// fault: what passes is a lost connection, a deadlock or serialization failure, too many
// connections, a shutdown, or a full disk. Of the data speak its exceptions, violated
// constraints, and limits of the program such as the size of a row.
func (postgresEngine) fault(err error) fault {
	e, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case !ok && broken(err):
		return faultRetryable
	case !ok:
		return notDatabase
	case e.Code == "57014": // the caller itself gave up
		return faultUnknown
	case e.Code == "25P03", e.Code == "25006": // idle in a transaction too long, read-only for now
		return faultRetryable
	}
	switch e.Code[:2] {
	case "08", "40", "53", "55", "57", "58":
		return faultRetryable
	case "22", "23", "54":
		return faultData
	}
	return faultUnknown
}

func (postgresEngine) trouble(err error) *bulk.Error {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return nil
	}
	switch e.Code {
	case "53100":
		return bulk.DiskFull(theStore)
	case "58030":
		return bulk.DiskFailing(theStore)
	case "25006":
		return bulk.ReadOnly(theStore)
	}
	return nil
}

// broken reports whether it is the way to the database that failed.
func broken(err error) bool {
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	return connecting || pgconn.SafeToRetry(err) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

func (postgresEngine) value(t bulk.Type, v any) bulk.Value {
	switch x := v.(type) {
	case []byte:
		return string(x)
	case time.Time:
		if t == bulk.TypeDate {
			return x.Format(time.DateOnly)
		}
		return x.UTC().Format(timestampForm)
	}
	return v
}

// Reap ends sessions of ours that hold locks although nobody waits for them any
// more: a process that was paused in the middle of a COPY keeps its locks past every
// timeout. It returns how many it ended.
func (s *Store) Reap(ctx context.Context, stuckFor time.Duration) (int64, error) {
	if _, ok := s.engine.(postgresEngine); !ok {
		return 0, nil
	}
	n, err := changed(s.write.ExecContext(ctx, `
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE application_name = $1 AND usename = current_user AND datname = current_database() AND pid <> pg_backend_pid()
			AND state <> 'idle' AND xact_start < now() - make_interval(secs => $2)
			AND (wait_event_type = 'Client' OR state LIKE 'idle in transaction%')`, applicationName, stuckFor.Seconds()))
	return n, s.error("reap sessions", err)
}

// copyFrom streams rows into a table within the transaction.
func (t *txn) copyFrom(ctx context.Context, table string, columns []string, src pgx.CopyFromSource) (n int64, err error) {
	err = t.conn.Raw(func(c any) error {
		conn, ok := c.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("copy needs a pgx connection, have %T", c)
		}
		n, err = conn.Conn().CopyFrom(ctx, pgx.Identifier{table}, columns, src)
		return err
	})
	return n, err
}

// uniqueViolation reports whether a key existed already.
func uniqueViolation(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == "23505"
}
