package console

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"bulkhead/internal/bulk"
)

// defaultQuota is how many records a new account may keep when nobody says.
const defaultQuota = 1_000_000

// newAccount is the JSON that creates an account.
type newAccount struct {
	Name        string `json:"name"`
	RecordQuota *int64 `json:"record_quota"`
	Weight      *int   `json:"weight"`
}

// accountChange is the JSON that changes an account; what is left out stays.
type accountChange struct {
	RecordQuota *int64    `json:"record_quota"`
	Weight      *int      `json:"weight"`
	Cap         capChange `json:"cap"`
}

// capChange tells a cap that was left out from null, which lifts the bound.
type capChange struct {
	given bool
	limit *int
}

// UnmarshalJSON takes a number or null.
func (c *capChange) UnmarshalJSON(b []byte) error {
	c.given = true
	if json.Unmarshal(b, &c.limit) != nil {
		return errBadCap
	}
	return nil
}

var errBadCap = bulk.Errorf(bulk.KindInvalid, "bad_cap", "cap must be from 0 to %d, or left open for no bound.", bulk.MaxCap)

func (c accountChange) check() error {
	if c.RecordQuota != nil && *c.RecordQuota < 0 {
		return bulk.Errorf(bulk.KindInvalid, "bad_quota", "record_quota must be 0 or more.")
	}
	if c.Weight != nil {
		if err := bulk.CheckWeight(*c.Weight); err != nil {
			return err
		}
	}
	if limit := c.Cap.limit; limit != nil && (*limit < 0 || *limit > bulk.MaxCap) {
		return errBadCap
	}
	return nil
}

func (s *Server) listAccounts(w http.ResponseWriter, r *http.Request) error {
	list, err := s.Accounts.ListAccounts(r.Context())
	if err != nil {
		return fmt.Errorf("list accounts: %w", err)
	}
	return writeJSON(w, http.StatusOK, map[string]any{"accounts": orEmpty(list), "next_cursor": ""})
}

func (s *Server) createAccount(w http.ResponseWriter, r *http.Request) error {
	quota, weight := int64(defaultQuota), 1
	body := newAccount{RecordQuota: &quota, Weight: &weight}
	if err := s.readJSON(w, r, &body); err != nil {
		return err
	}
	if !validName(body.Name) {
		return bulk.Errorf(bulk.KindInvalid, "bad_name", "name must have 1 to %d characters and no control characters.", bulk.MaxName)
	}
	if err := (accountChange{RecordQuota: body.RecordQuota, Weight: body.Weight}).check(); err != nil {
		return err
	}
	if body.RecordQuota == nil || body.Weight == nil {
		return bulk.Errorf(bulk.KindInvalid, "bad_json", "record_quota and weight cannot be null; leave them out.")
	}
	a, err := s.Accounts.CreateAccount(r.Context(), body.Name, *body.RecordQuota, *body.Weight)
	if err != nil {
		return fmt.Errorf("create account: %w", err)
	}
	w.Header().Set("Location", "/v1/accounts/"+string(a.ID))
	return writeJSON(w, http.StatusCreated, a)
}

// pathAccount returns the account that the path names, for operators.
func (s *Server) pathAccount(r *http.Request) (bulk.Account, error) {
	id, err := pathID[bulk.AccountID](r, "id", "acc")
	if err != nil {
		return bulk.Account{}, err
	}
	a, err := s.Accounts.Account(r.Context(), id)
	if err != nil {
		return a, fmt.Errorf("read account: %w", err)
	}
	return a, nil
}

func (s *Server) getAccount(w http.ResponseWriter, r *http.Request) error {
	a, err := s.pathAccount(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, a)
}

func (s *Server) changeAccount(w http.ResponseWriter, r *http.Request) error {
	a, err := s.pathAccount(r)
	if err != nil {
		return err
	}
	var body accountChange
	if err := s.readJSON(w, r, &body); err != nil {
		return err
	}
	if body == (accountChange{}) {
		return bulk.Errorf(bulk.KindInvalid, "bad_json", "Give record_quota, weight or cap; nothing else of an account changes.")
	}
	if err := s.applyChange(r.Context(), a.ID, body); err != nil {
		return err
	}
	return s.getAccount(w, r)
}

// applyChange stores what is given. Dispatchers act on it within 250 ms.
func (s *Server) applyChange(ctx context.Context, id bulk.AccountID, c accountChange) error {
	if err := c.check(); err != nil {
		return err
	}
	if c.RecordQuota != nil {
		if err := s.Accounts.SetQuota(ctx, id, *c.RecordQuota); err != nil {
			return fmt.Errorf("set quota: %w", err)
		}
	}
	if c.Weight != nil {
		if err := s.Accounts.SetWeight(ctx, id, *c.Weight); err != nil {
			return fmt.Errorf("set weight: %w", err)
		}
	}
	if c.Cap.given {
		if err := s.Accounts.SetCap(ctx, id, c.Cap.limit); err != nil {
			return fmt.Errorf("set cap: %w", err)
		}
	}
	return nil
}

func (s *Server) listKeys(w http.ResponseWriter, r *http.Request) error {
	a, err := s.pathAccount(r)
	if err != nil {
		return err
	}
	list, err := s.Accounts.ListKeys(r.Context(), a.ID)
	if err != nil {
		return fmt.Errorf("list keys: %w", err)
	}
	return writeJSON(w, http.StatusOK, map[string]any{"keys": orEmpty(list), "next_cursor": ""})
}

// createKey answers with the secret, which is nowhere kept: this is the only time that
// anyone sees it.
func (s *Server) createKey(w http.ResponseWriter, r *http.Request) error {
	a, err := s.pathAccount(r)
	if err != nil {
		return err
	}
	var body struct {
		Name     string `json:"name"`
		Operator bool   `json:"operator"`
	}
	if err := s.readJSON(w, r, &body); err != nil {
		return err
	}
	name := cmp.Or(body.Name, "key")
	if !validName(name) {
		return bulk.Errorf(bulk.KindInvalid, "bad_name", "name must have 1 to %d characters and no control characters.", bulk.MaxName)
	}
	secret, prefix := bulk.NewSecret()
	k := bulk.APIKey{ID: bulk.NewKeyID(), Account: a.ID, Name: name, Prefix: prefix, Operator: body.Operator, CreatedAt: time.Now().UTC()}
	if err := s.Accounts.CreateKey(r.Context(), k, bulk.HashSecret(secret)); err != nil {
		return fmt.Errorf("create key: %w", err)
	}
	return writeJSON(w, http.StatusCreated, struct {
		bulk.APIKey
		Secret string `json:"secret"`
	}{k, secret})
}

func (s *Server) revokeKey(w http.ResponseWriter, r *http.Request) error {
	a, err := s.pathAccount(r)
	if err != nil {
		return err
	}
	id, err := pathID[bulk.KeyID](r, "key", "key")
	if err != nil {
		return err
	}
	if err := s.Accounts.RevokeKey(r.Context(), a.ID, id); err != nil {
		return fmt.Errorf("revoke key: %w", err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
