package mirror

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"bulkhead/internal/bulk"
)

// server speaks ClickHouse's native protocol, whose blocks carry checksums: a cut
// stream is an error, never a shorter insert.
type server struct {
	options clickhouse.Options // of the address as given, for making the database
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
		o.DialTimeout = 5 * time.Second
	}
	own := *o
	own.Auth.Database = database
	conn, err := clickhouse.Open(&own)
	if err != nil {
		return nil, fmt.Errorf("clickhouse client: %w", err)
	}
	return &server{options: *o, name: database, conn: conn}, nil
}

func (s *server) Prepare(ctx context.Context) error {
	o := s.options
	first, err := clickhouse.Open(&o)
	if err != nil {
		return fmt.Errorf("clickhouse client: %w", err)
	}
	err = first.Exec(ctx, "CREATE DATABASE IF NOT EXISTS "+ident(s.name))
	return errors.Join(err, first.Close())
}

func (s *server) Exec(ctx context.Context, sql string) error { return s.conn.Exec(ctx, sql) }

func (s *server) Close() error { return s.conn.Close() }

func (s *server) Insert(ctx context.Context, table string, columns []Column, fill func(Writer) error) error {
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

func (s *server) Query(ctx context.Context, sql string, each func(row []any) error) error {
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
