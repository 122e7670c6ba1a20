package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
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
			INSERT INTO api_keys (account_id, id, name, prefix, hash, operator, created_at) VALUES (?, ?, ?, ?, ?, ?, `+tx.now()+`)`,
			k.Account, k.ID, k.Name, k.Prefix, hash, k.Operator)
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
			UPDATE api_keys SET revoked_at = COALESCE(revoked_at, `+tx.now()+`) WHERE account_id = ? AND id = ?`, account, id))
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

// Principals returns whom those of the credentials stand for that are accepted now:
// keys that are not revoked, and sessions that have not expired and whose key or person
// is still there. What those may do, the sessions may.
func (s *Store) Principals(ctx context.Context, credentials []bulk.Credential) (map[bulk.Credential]bulk.Principal, error) {
	var keys, sessions []string
	for _, c := range credentials {
		if c.Session {
			sessions = append(sessions, c.Hash)
		} else {
			keys = append(keys, c.Hash)
		}
	}
	out := make(map[bulk.Credential]bulk.Principal, len(credentials))
	for _, of := range []struct {
		session bool
		query   string
		hashes  []string
	}{{false, principalsOfKeys, keys}, {true, principalsOfSessions + s.engine.now(), sessions}} {
		found, err := selectIn[principalRow](ctx, s, of.query, of.hashes)
		if err != nil {
			return nil, err
		}
		for _, r := range found {
			out[bulk.Credential{Hash: r.Hash, Session: of.session}] = bulk.Principal{Account: r.Account, User: r.User, Key: r.Key, Name: r.Name, Operator: r.Operator}
		}
	}
	return out, nil
}

type principalRow struct {
	Hash     string         `db:"hash"`
	Account  bulk.AccountID `db:"account_id"`
	User     bulk.UserID    `db:"user_id"`
	Key      bulk.KeyID     `db:"key_id"`
	Name     string         `db:"name"`
	Operator bool           `db:"operator"`
}

const (
	principalsOfKeys = `
		SELECT hash, account_id, '' AS user_id, id AS key_id, name, operator FROM api_keys WHERE hash IN (?) AND revoked_at IS NULL`
	principalsOfSessions = `
		SELECT s.hash, s.account_id, s.user_id, s.key_id, COALESCE(k.name, u.name) AS name, COALESCE(k.operator, u.operator) AS operator
		FROM sessions s
		LEFT JOIN api_keys k ON k.account_id = s.account_id AND k.id = s.key_id AND k.revoked_at IS NULL
		LEFT JOIN users u ON u.account_id = s.account_id AND u.id = s.user_id
		WHERE s.hash IN (?) AND (k.id IS NOT NULL OR u.id IS NOT NULL) AND s.expires_at > `
)

// NoteUse writes down that the keys of the principals were used just now, to the minute.
func (s *Store) NoteUse(ctx context.Context, by []bulk.Principal) error {
	by = slices.SortedFunc(slices.Values(by), func(a, b bulk.Principal) int { // two processes may note the same ones
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Key, b.Key))
	})
	return s.tx(ctx, "note use of keys", func(tx *txn) error {
		for _, p := range by {
			if _, err := tx.ExecContext(ctx, `
				UPDATE api_keys SET last_used_at = `+tx.now()+`
				WHERE account_id = ? AND id = ? AND (last_used_at IS NULL OR last_used_at < `+tx.ahead()+`)`,
				p.Account, p.Key, -lastUsedEvery.Seconds()); err != nil {
				return err
			}
		}
		return nil
	})
}

// OpenSession opens a session for the holder of an API key, given by its hash. The key
// stays locked until the session is there, so that one that is revoked meanwhile either
// opens none or ends it.
func (s *Store) OpenSession(ctx context.Context, keyHash, sessionHash string, life time.Duration) error {
	return s.tx(ctx, "open session", func(tx *txn) error {
		var p bulk.Principal
		row := tx.QueryRowxContext(ctx, `SELECT account_id, id, name, operator FROM api_keys WHERE hash = ? AND revoked_at IS NULL`+tx.lock, keyHash)
		if err := row.Scan(&p.Account, &p.Key, &p.Name, &p.Operator); errors.Is(err, sql.ErrNoRows) {
			return unauthorized("API key")
		} else if err != nil {
			return err
		}
		return tx.openSession(ctx, p, sessionHash, life)
	})
}

// CreateLogin stores a one-time login link by its hash.
func (s *Store) CreateLogin(ctx context.Context, l bulk.LoginLink) error {
	return s.tx(ctx, "create login link", func(tx *txn) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO login_links (account_id, hash, user_id, expires_at) VALUES (?, ?, ?, `+tx.ahead()+`)`,
			l.Account, l.Hash, l.User, l.Life.Seconds())
		return err
	})
}

// RedeemLogin spends a login link: the second to try finds it gone. Its person stays
// locked until the session is there.
func (s *Store) RedeemLogin(ctx context.Context, linkHash, sessionHash string, life time.Duration) error {
	return s.tx(ctx, "redeem login link", func(tx *txn) error {
		var p bulk.Principal
		row := tx.QueryRowxContext(ctx, `DELETE FROM login_links WHERE hash = ? AND expires_at > `+tx.now()+` RETURNING account_id, user_id`, linkHash)
		if err := row.Scan(&p.Account, &p.User); errors.Is(err, sql.ErrNoRows) {
			return unauthorized("login link")
		} else if err != nil {
			return err
		}
		row = tx.QueryRowxContext(ctx, `SELECT name, operator FROM users WHERE account_id = ? AND id = ?`+tx.lock, p.Account, p.User)
		if err := row.Scan(&p.Name, &p.Operator); errors.Is(err, sql.ErrNoRows) {
			return unauthorized("login link")
		} else if err != nil {
			return err
		}
		return tx.openSession(ctx, p, sessionHash, life)
	})
}

// openSession stores a session. Its name and rights are not looked at any more: they
// are those of its key or person, see Principals.
func (t *txn) openSession(ctx context.Context, p bulk.Principal, hash string, life time.Duration) error {
	_, err := t.ExecContext(ctx, `
		INSERT INTO sessions (account_id, hash, user_id, key_id, name, operator, expires_at) VALUES (?, ?, ?, ?, ?, ?, `+t.ahead()+`)`,
		p.Account, hash, p.User, p.Key, p.Name, p.Operator, life.Seconds())
	return err
}

// CloseSession ends a session.
func (s *Store) CloseSession(ctx context.Context, sessionHash string) error {
	return s.tx(ctx, "close session", func(tx *txn) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE hash = ?`, sessionHash)
		return err
	})
}
