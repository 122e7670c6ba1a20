package store

import (
	"context"
	"unicode/utf8"

	"bulkhead/internal/bulk"
)

var accountColumns = columnsOf[bulk.Account]()

// CreateAccount makes an account; its name must be free.
func (s *Store) CreateAccount(ctx context.Context, name string, quota int64, weight int) (bulk.Account, error) {
	a := bulk.Account{ID: bulk.NewAccountID(), Name: name, Weight: weight, RecordQuota: quota, CreatedAt: now()}
	if err := checkAccount(name, quota, weight); err != nil {
		return a, err
	}
	return a, s.makeOnce(ctx, "create account", func(tx *txn) error {
		var taken int
		if err := tx.GetContext(ctx, &taken, `SELECT COUNT(*) FROM accounts WHERE name = ?`, name); err != nil {
			return err
		}
		if taken > 0 {
			return bulk.Errorf(bulk.KindConflict, "name_taken", "An account named %q exists already. Choose another name.", name)
		}
		_, err := tx.NamedExecContext(ctx, `
			INSERT INTO accounts (id, name, weight, record_quota, created_at)
			VALUES (:id, :name, :weight, :record_quota, :created_at)`, a)
		return err
	})
}

func checkAccount(name string, quota int64, weight int) error {
	switch {
	case name == "" || utf8.RuneCountInString(name) > bulk.MaxName:
		return bulk.Errorf(bulk.KindInvalid, "bad_account", "An account's name has 1 to %d characters.", bulk.MaxName)
	case quota < 0:
		return bulk.Errorf(bulk.KindInvalid, "bad_quota", "A quota is a number of records, 0 or more.")
	}
	return bulk.CheckWeight(weight)
}

// Account reads one account.
func (s *Store) Account(ctx context.Context, id bulk.AccountID) (a bulk.Account, err error) {
	err = s.read.GetContext(ctx, &a, `SELECT `+accountColumns+` FROM accounts WHERE id = ?`, id)
	return a, s.error("read account", noRows(err, "account"))
}

// ListAccounts lists every account by name.
func (s *Store) ListAccounts(ctx context.Context) ([]bulk.Account, error) {
	out := []bulk.Account{}
	err := s.read.SelectContext(ctx, &out, `SELECT `+accountColumns+` FROM accounts ORDER BY `+s.engine.bytewise("name"))
	return out, s.error("list accounts", err)
}

// SetQuota changes how many records the account may hold. Records above a lowered
// quota stay; no new one is created until there is room.
func (s *Store) SetQuota(ctx context.Context, id bulk.AccountID, quota int64) error {
	if quota < 0 {
		return bulk.Errorf(bulk.KindInvalid, "bad_quota", "A quota is a number of records, 0 or more.")
	}
	return s.setAccount(ctx, "set quota", `UPDATE accounts SET record_quota = ? WHERE id = ?`, quota, id)
}

// SetWeight changes the account's share of slot time, 1 to bulk.MaxWeight.
func (s *Store) SetWeight(ctx context.Context, id bulk.AccountID, weight int) error {
	if err := bulk.CheckWeight(weight); err != nil {
		return err
	}
	return s.setAccount(ctx, "set weight", `UPDATE accounts SET weight = ?, steered_at = `+s.engine.now()+` WHERE id = ?`, weight, id)
}

// SetCap bounds how many batches of the account may be in flight at once: nil lifts
// the bound, 0 pauses the account. What is in flight already ends as usual.
func (s *Store) SetCap(ctx context.Context, id bulk.AccountID, limit *int) error {
	if limit != nil && (*limit < 0 || *limit > bulk.MaxCap) {
		return bulk.Errorf(bulk.KindInvalid, "bad_cap", "A cap is a number of batches, 0 to %d.", bulk.MaxCap)
	}
	return s.setAccount(ctx, "set cap", `UPDATE accounts SET slot_cap = ?, steered_at = `+s.engine.now()+` WHERE id = ?`, limit, id)
}

func (s *Store) setAccount(ctx context.Context, op, query string, args ...any) error {
	return s.tx(ctx, op, func(tx *txn) error {
		n, err := changed(tx.ExecContext(ctx, query, args...))
		if err == nil && n == 0 {
			err = bulk.Errorf(bulk.KindNotFound, "not_found", "There is no such account.")
		}
		return err
	})
}

// Usage reads an account's records against its quota, by dataset.
func (s *Store) Usage(ctx context.Context, id bulk.AccountID) (u bulk.Usage, err error) {
	a, err := s.Account(ctx, id)
	if err != nil {
		return u, err
	}
	u = bulk.Usage{Records: a.RecordsUsed, Quota: a.RecordQuota, ByDataset: []bulk.DatasetUsage{}}
	err = s.asAccount(ctx, "read usage", id, func(q reader) error {
		return q.SelectContext(ctx, &u.ByDataset, `SELECT `+columnsOf[bulk.DatasetUsage]()+` FROM dataset_usage WHERE account_id = ? ORDER BY `+s.engine.bytewise("dataset"), id)
	})
	return u, err
}

// CreateUser makes a person who signs in by login links.
func (s *Store) CreateUser(ctx context.Context, account bulk.AccountID, name string, operator bool) (bulk.UserID, error) {
	id := bulk.NewUserID()
	return id, s.tx(ctx, "create user", func(tx *txn) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO users (account_id, id, name, operator, created_at) VALUES (?, ?, ?, ?, ?)`,
			account, id, name, operator, now())
		return err
	})
}

// FirstOperator returns the oldest operator, for the login link of a start.
func (s *Store) FirstOperator(ctx context.Context) (account bulk.AccountID, user bulk.UserID, err error) {
	row := s.read.QueryRowxContext(ctx, `SELECT account_id, id FROM users WHERE operator ORDER BY created_at, id LIMIT 1`)
	err = row.Scan(&account, &user)
	return account, user, s.error("find operator", noRows(err, "operator"))
}
