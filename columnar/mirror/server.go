package mirror

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"bulkhead/internal/bulk"
)

// serverEngine speaks ClickHouse's native protocol, whose blocks carry checksums: a cut
// stream is an error, never a shorter insert.
type serverEngine struct {
	options clickhouse.Options // of the address as given, for making the database
	silence atomic.Int64       // that connections bear
	name    string
	conn    driver.Conn
}

// Server returns the engine at a clickhouse:// address, without connecting to it. The
// address's own database is only where the connection begins that makes ours.
func Server(address, database string) (Engine, error) {
	o, err := clickhouse.ParseDSN(address)
	if err != nil || o.Protocol != clickhouse.Native {
		return nil, bulk.Errorf(bulk.KindInvalid, "bad_analytics", "Analytics is not a clickhouse://HOST:PORT address of the native protocol.")
	}
	if o.Compression == nil {
		o.Compression = &clickhouse.Compression{Method: clickhouse.CompressionLZ4}
	}
	if o.DialTimeout == 0 {
		o.DialTimeout = silence
	}
	s := &serverEngine{name: database}
	s.silence.Store(int64(silence))
	o.DialContext = s.dialer(o.TLS, o.DialTimeout)
	own := *o
	own.Auth.Database = database
	if s.conn, err = clickhouse.Open(&own); err != nil {
		return nil, fmt.Errorf("clickhouse client: %w", err)
	}
	s.options = *o
	return s, nil
}

// dialer connects with a bound on every wait.
func (s *serverEngine) dialer(secure *tls.Config, within time.Duration) func(ctx context.Context, address string) (net.Conn, error) {
	plain := &net.Dialer{Timeout: within}
	return func(ctx context.Context, address string) (c net.Conn, err error) {
		if secure != nil {
			c, err = (&tls.Dialer{NetDialer: plain, Config: secure}).DialContext(ctx, "tcp", address)
		} else {
			c, err = plain.DialContext(ctx, "tcp", address)
		}
		if err != nil {
			return nil, err
		}
		return deadlineConn{c, &s.silence}, nil
	}
}

func (s *serverEngine) Alive(ctx context.Context) error { return s.Exec(ctx, "SELECT 1") }

func (s *serverEngine) Prepare(ctx context.Context) error {
	o := s.options
	first, err := clickhouse.Open(&o)
	if err != nil {
		return fmt.Errorf("clickhouse client: %w", err)
	}
	err = first.Exec(ctx, "CREATE DATABASE IF NOT EXISTS "+ident(s.name))
	return errors.Join(err, first.Close())
}

func (s *serverEngine) Exec(ctx context.Context, sql string) error { return s.conn.Exec(ctx, sql) }

func (s *serverEngine) Close() error { return s.conn.Close() }

// Fold has a connection of its own: the server says nothing while it folds.
func (s *serverEngine) Fold(ctx context.Context, table string) error {
	slow := &serverEngine{}
	slow.silence.Store(int64(longestCall))
	o := s.options
	o.Auth.Database, o.ReadTimeout = s.name, longestCall
	o.DialContext = slow.dialer(o.TLS, o.DialTimeout)
	conn, err := clickhouse.Open(&o)
	if err != nil {
		return fmt.Errorf("clickhouse client: %w", err)
	}
	return errors.Join(conn.Exec(ctx, "OPTIMIZE TABLE "+ident(table)+" FINAL"), conn.Close())
}

// Insert is given more time after one that ran out of it: a slow disk must not keep it
// from ever ending.
func (s *serverEngine) Insert(ctx context.Context, table string, columns []Column, fill func(Writer) error) error {
	err := s.insert(ctx, table, columns, fill)
	s.judge(err)
	return err
}

func (s *serverEngine) judge(err error) {
	switch {
	case err == nil:
		s.silence.Store(int64(silence))
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.silence.Store(min(2*s.silence.Load(), int64(longestSilence)))
	}
}

func (s *serverEngine) insert(ctx context.Context, table string, columns []Column, fill func(Writer) error) error {
	b, err := s.conn.PrepareBatch(ctx, insertInto(table, columns))
	if err != nil {
		return err
	}
	defer b.Close()
	if err := fill(blocks{b}); err != nil {
		return err
	}
	return b.Send()
}

type blocks struct{ driver.Batch }

func (b blocks) Row(values []any) error { return b.Append(values...) }

func (s *serverEngine) Query(ctx context.Context, sql string, each func(row []any) error) error {
	rows, err := s.conn.Query(ctx, sql)
	if err != nil {
		return err
	}
	defer rows.Close()
	types := rows.ColumnTypes()
	for rows.Next() {
		dest := make([]any, len(types))
		for i, t := range types {
			dest[i] = reflect.New(t.ScanType()).Interface()
		}
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		for i, d := range dest {
			dest[i] = pointed(reflect.ValueOf(d))
		}
		if err := each(dest); err != nil {
			return err
		}
	}
	return rows.Err()
}

// pointed follows pointers to a value; nil stands for NULL.
func pointed(v reflect.Value) any {
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	return v.Interface()
}
