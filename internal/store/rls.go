package store

import (
	"context"
	"database/sql"

	"github.com/jmoiron/sqlx"

	"bulkhead/internal/bulk"
)

// reader is what the methods that read for one account work with.
type reader interface {
	querier
	QueryxContext(ctx context.Context, query string, args ...any) (*sqlx.Rows, error)
	QueryRowxContext(ctx context.Context, query string, args ...any) *sqlx.Row
}

// asAccount reads for one account behind the second wall: where the engine has one, the
// database itself shows no row of another account, whatever the query says.
func (s *Store) asAccount(ctx context.Context, op string, account bulk.AccountID, fn func(q reader) error) error {
	rls := s.engine.rls()
	if rls == "" {
		return s.error(op, fn(s.read))
	}
	tx, err := s.read.BeginTxx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return s.error(op, err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, tx.Rebind(rls), string(account)); err != nil {
		return s.error(op, err)
	}
	if err := fn(&txn{Tx: tx}); err != nil {
		return s.error(op, err)
	}
	return s.error(op, tx.Commit())
}
