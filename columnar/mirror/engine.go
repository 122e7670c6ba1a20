package mirror

import (
	"context"
	"strings"
)

// Engine is a ClickHouse with one database of ours: a server, or the engine as a
// library in a child process. Its methods are safe for concurrent use. Every error
// may pass; nothing is lost by trying again. Every call ends: one that hears nothing
// from the engine for [silence] is an error, whatever the engine does.
type Engine interface {
	// Alive asks whether the engine answers.
	Alive(ctx context.Context) error
	// Prepare makes the database if there is none.
	Prepare(ctx context.Context) error
	// Exec runs a statement without a result.
	Exec(ctx context.Context, sql string) error
	// Insert adds the rows that fill writes. After an error some of them may be there.
	Insert(ctx context.Context, table string, columns []Column, fill func(Writer) error) error
	// Query calls each for every row of the result; the row is each's to keep. Values
	// are nil, string, bool, time.Time or a number of any type.
	Query(ctx context.Context, sql string, each func(row []any) error) error
	// Fold makes the rows of a table that are there more than once one; it may take minutes.
	Fold(ctx context.Context, table string) error
	// Close ends connections and processes.
	Close() error
}

// Column is a column of a table: its name and its ClickHouse type, which is String,
// Int64, UInt64, Float64, UInt8 or DateTime('UTC'), or Nullable of one.
type Column struct{ Name, Kind string }

// Writer takes the rows of one insert.
type Writer interface {
	// Row adds a row: nil, string, int64, uint64, float64, bool or time.Time a column.
	Row(values []any) error
	// Flush ends a block: what was written so far may be sent.
	Flush() error
}

// ident quotes a name. No name of ours has a backtick.
func ident(name string) string { return "`" + name + "`" }

func idents(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = ident(n)
	}
	return strings.Join(out, ", ")
}

// literal quotes a text.
func literal(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\x00", `\0`).Replace(s) + "'"
}

// insertInto renders the head of an insert.
func insertInto(table string, columns []Column) string {
	return "INSERT INTO " + ident(table) + " (" + idents(names(columns)) + ")"
}

func names(columns []Column) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = c.Name
	}
	return out
}
