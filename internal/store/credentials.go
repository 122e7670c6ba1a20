package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"bulkhead/internal/bulk"
)

var keyColumns = columnsOf[bulk.APIKey]()

// lastUsedEvery bounds how often the use of a key is written down.
const lastUsedEvery = time.Minute

func unauthorized(what string) error {
	return bulk.Errorf(bulk.KindUnauthorized, "unauthorized", "The %s is not accepted. Sign in, or check the API key.", what)
}

// CreateKey stores a key by the hash of its secret.
func (s *Store) CreateKey(ctx context.Context, k bulk.APIKey, hash string) error {
	if _, err := s.Account(ctx, k.Account); err != nil {
		return err
	}
	return s.tx(ctx, "create key", func(tx *txn) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO api_keys (account_id, id, name, prefix, hash, operator, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			k.Account, k.ID, k.Name, k.Prefix, hash, k.Operator, now())
		return err
	})
}

// ListKeys lists an account's keys, newest first.
func (s *Store) ListKeys(ctx context.Context, account bulk.AccountID) ([]bulk.APIKey, error) {
	out := []bulk.APIKey{}
	err := s.read.SelectContext(ctx, &out, `
		SELECT `+keyColumns+`
		FROM api_keys WHERE account_id = ? ORDER BY id DESC`, account)
	return out, s.error("list keys", err)
}

// RevokeKey ends a key and the sessions that it opened.
func (s *Store) RevokeKey(ctx context.Context, account bulk.AccountID, id bulk.KeyID) error {
	return s.tx(ctx, "revoke key", func(tx *txn) error {
		n, err := changed(tx.ExecContext(ctx, `
			UPDATE api_keys SET revoked_at = COALESCE(revoked_at, ?) WHERE account_id = ? AND id = ?`, now(), account, id))
		if err != nil {
			return err
		}
		if n == 0 {
			return bulk.Errorf(bulk.KindNotFound, "not_found", "There is no such key.")
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM sessions WHERE account_id = ? AND key_id = ?`, account, id)
		return err
	})
}

// KeyPrincipal resolves an API key by the hash of its secret.
func (s *Store) KeyPrincipal(ctx context.Context, hash string) (p bulk.Principal, err error) {
	var k bulk.APIKey
	err = s.read.GetContext(ctx, &k, `
		SELECT `+keyColumns+`
		FROM api_keys WHERE hash = ? AND revoked_at IS NULL`, hash)
	if errors.Is(err, sql.ErrNoRows) {
		return p, unauthorized("API key")
	}
	if err != nil {
		return p, s.error("resolve key", err)
	}
	if k.LastUsedAt == nil || time.Since(*k.LastUsedAt) > lastUsedEvery {
		err = s.tx(ctx, "note use of key", func(tx *txn) error {
			_, err := tx.ExecContext(ctx, `UPDATE api_keys SET last_used_at = ? WHERE account_id = ? AND id = ?`, now(), k.Account, k.ID)
			return err
		})
	}
	return bulk.Principal{Account: k.Account, Operator: k.Operator, Name: k.Name, Key: k.ID}, err
}

// SessionPrincipal resolves a session by the hash of its token.
func (s *Store) SessionPrincipal(ctx context.Context, hash string) (p bulk.Principal, err error) {
	row := s.read.QueryRowxContext(ctx, `
		SELECT account_id, user_id, key_id, name, operator FROM sessions WHERE hash = ? AND expires_at > ?`, hash, now())
	err = row.Scan(&p.Account, &p.User, &p.Key, &p.Name, &p.Operator)
	if errors.Is(err, sql.ErrNoRows) {
		return p, unauthorized("session")
	}
	return p, s.error("resolve session", err)
}

// RedeemLogin spends a login link: the second to try finds it gone.
func (s *Store) RedeemLogin(ctx context.Context, linkHash, sessionHash string, expires time.Time) error {
	return s.tx(ctx, "redeem login link", func(tx *txn) error {
		var p bulk.Principal
		row := tx.QueryRowxContext(ctx, `DELETE FROM login_links WHERE hash = ? AND expires_at > ? RETURNING account_id, user_id`, linkHash, now())
		if err := row.Scan(&p.Account, &p.User); errors.Is(err, sql.ErrNoRows) {
			return unauthorized("login link")
		} else if err != nil {
			return err
		}
		row = tx.QueryRowxContext(ctx, `SELECT name, operator FROM users WHERE account_id = ? AND id = ?`, p.Account, p.User)
		if err := row.Scan(&p.Name, &p.Operator); err != nil {
			return err
		}
		return openSession(ctx, tx, p, sessionHash, expires)
	})
}

// OpenSession opens a session for a principal.
func (s *Store) OpenSession(ctx context.Context, p bulk.Principal, sessionHash string, expires time.Time) error {
	return s.tx(ctx, "open session", func(tx *txn) error { return openSession(ctx, tx, p, sessionHash, expires) })
}

func openSession(ctx context.Context, tx *txn, p bulk.Principal, hash string, expires time.Time) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE expires_at <= ?`, now()); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO sessions (account_id, hash, user_id, key_id, name, operator, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		p.Account, hash, p.User, p.Key, p.Name, p.Operator, expires.UTC())
	return err
}

// CloseSession ends a session.
func (s *Store) CloseSession(ctx context.Context, sessionHash string) error {
	return s.tx(ctx, "close session", func(tx *txn) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE hash = ?`, sessionHash)
		return err
	})
}
