package store

import (
	"github.com/pressly/goose/v3"

	"bulkhead/internal/bulk"
)

// engine is where PostgreSQL and SQLite differ; all other SQL is common to both.
type engine interface {
	name() string // of its folder of migrations
	goose() goose.Dialect
	migrationLock() ([]goose.ProviderOption, error)
	now() string                         // expression: the database's clock, at the beginning of the statement
	ahead() string                       // the same, so many seconds (?) later
	sharedClock() string                 // expression of the database's own time; "" where this process is the only one
	bytewise(text string) string         // orders a text, and folds its case, by bytes, whatever the database's language
	rowLock() string                     // clause that locks selected rows; "" where there is one writer anyway
	millis() string                      // the database's own time, in milliseconds since 1970
	columnType(t bulk.Type) string       // of a typed table
	ordered(c bulk.Column) string        // expression over a column of table t by which keys are in order
	tableOptions() string                // that follow CREATE TABLE
	rls() string                         // statement that narrows a transaction to one account (?), "" for none
	afterTable(table string) []string    // statements that follow the creation of a typed table
	fault(err error) fault               // what an error speaks of
	trouble(err error) *bulk.Error       // why writes fail for the machine's sake; nil: that is not it
	rows(s *Store, tx *txn) rowTable     // how a batch's rows are written
	value(t bulk.Type, v any) bulk.Value // a column's Go type for what the driver returned
}
