package store

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

// who resolves one credential; nobody is the zero principal.
func (f *fixture) who(c bulk.Credential) bulk.Principal {
	f.t.Helper()
	found, err := f.Principals(f.t.Context(), []bulk.Credential{c})
	f.must(err)
	return found[c]
}

func (f *fixture) ofKey(hash string) bulk.Principal { return f.who(bulk.Credential{Hash: hash}) }
func (f *fixture) ofSession(hash string) bulk.Principal {
	return f.who(bulk.Credential{Hash: hash, Session: true})
}

func (f *fixture) newKey(hash string, operator bool) bulk.APIKey {
	f.t.Helper()
	k := bulk.APIKey{Account: f.account, ID: bulk.NewKeyID(), Name: "ci", Prefix: "abcd", Operator: operator}
	f.must(f.CreateKey(f.t.Context(), k, hash))
	return k
}

var nobody bulk.Principal

func TestCredentials(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		k := f.newKey("hash", true)
		if p := f.ofKey("hash"); p != (bulk.Principal{Account: f.account, Operator: true, Name: "ci", Key: k.ID}) {
			t.Fatal(p)
		}
		f.must(f.OpenSession(ctx, "hash", "session", time.Hour))
		f.must(f.OpenSession(ctx, "hash", "stale", -time.Hour))
		if p := f.ofSession("session"); p != f.ofKey("hash") {
			t.Fatal(p)
		}
		if p := f.ofSession("stale"); p != nobody {
			t.Fatal(p)
		}
		if p := f.ofKey("session"); p != nobody {
			t.Fatal("a session's token is taken for a key", p)
		}

		user, err := f.CreateUser(ctx, f.account, "Operator", true)
		f.must(err)
		f.must(f.CreateLogin(ctx, bulk.LoginLink{Account: f.account, User: user, Hash: "link", Life: time.Minute}))
		f.must(f.RedeemLogin(ctx, "link", "session2", time.Hour))
		wantKind(t, f.RedeemLogin(ctx, "link", "session3", time.Hour), bulk.KindUnauthorized)
		f.must(f.CreateLogin(ctx, bulk.LoginLink{Account: f.account, User: user, Hash: "old", Life: -time.Minute}))
		wantKind(t, f.RedeemLogin(ctx, "old", "session4", time.Hour), bulk.KindUnauthorized)

		wantKind(t, f.RevokeKey(ctx, f.newAccount("other", 1), k.ID), bulk.KindNotFound)
		f.must(f.RevokeKey(ctx, f.account, k.ID))
		wantKind(t, f.OpenSession(ctx, "hash", "late", time.Hour), bulk.KindUnauthorized)
		if a, b, c := f.ofKey("hash"), f.ofSession("session"), f.ofSession("late"); a != nobody || b != nobody || c != nobody {
			t.Fatal(a, b, c)
		}
		if p := f.ofSession("session2"); p != (bulk.Principal{Account: f.account, Operator: true, Name: "Operator", User: user}) {
			t.Fatal(p)
		}
		f.must(f.CloseSession(ctx, "session2"))
		if p := f.ofSession("session2"); p != nobody {
			t.Fatal(p)
		}
	})
}

// However signing in and revoking a key meet, no session is left.
func TestNoSessionOutlivesItsKey(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		for i := range 60 {
			hash := fmt.Sprint("hash", i)
			k := f.newKey(hash, false)
			var both sync.WaitGroup
			both.Go(func() {
				if err := f.OpenSession(t.Context(), hash, "s"+hash, time.Hour); err != nil && bulk.KindOf(err) != bulk.KindUnauthorized {
					t.Error(err)
				}
			})
			both.Go(func() {
				if err := f.RevokeKey(t.Context(), f.account, k.ID); err != nil {
					t.Error(err)
				}
			})
			both.Wait()
			if p := f.ofSession("s" + hash); p != nobody {
				t.Fatalf("try %d left a session of %+v", i, p)
			}
		}
	})
}

// A session that is there although its key is not, such as one that another version
// opened, is not accepted, and its rights are those of its key or person now.
func TestSessionsFollowTheirKeyAndPerson(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		change := func(query string, args ...any) {
			t.Helper()
			f.must(f.tx(ctx, "change", func(tx *txn) error {
				_, err := tx.ExecContext(ctx, query, args...)
				return err
			}))
		}
		k := f.newKey("hash", true)
		f.must(f.OpenSession(ctx, "hash", "by key", time.Hour))
		user, err := f.CreateUser(ctx, f.account, "Operator", true)
		f.must(err)
		f.must(f.CreateLogin(ctx, bulk.LoginLink{Account: f.account, User: user, Hash: "link", Life: time.Minute}))
		f.must(f.RedeemLogin(ctx, "link", "by link", time.Hour))
		if !f.ofSession("by key").Operator || !f.ofSession("by link").Operator {
			t.Fatal("no operators")
		}
		change(`UPDATE api_keys SET operator = FALSE WHERE id = ?`, k.ID)
		change(`UPDATE users SET operator = FALSE WHERE id = ?`, user)
		if a, b := f.ofSession("by key"), f.ofSession("by link"); a.Operator || b.Operator || a == nobody || b == nobody {
			t.Fatal("still operators, or gone", a, b)
		}
		f.must(f.CreateLogin(ctx, bulk.LoginLink{Account: f.account, User: user, Hash: "late link", Life: time.Minute}))
		change(`UPDATE api_keys SET revoked_at = created_at WHERE id = ?`, k.ID)
		change(`DELETE FROM users WHERE id = ?`, user)
		if a, b := f.ofSession("by key"), f.ofSession("by link"); a != nobody || b != nobody {
			t.Fatal("still accepted", a, b)
		}
		wantKind(t, f.RedeemLogin(ctx, "late link", "late", time.Hour), bulk.KindUnauthorized)
	})
}

func TestLoginLinkWorksOnceOfManyAtOnce(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		user, err := f.CreateUser(t.Context(), f.account, "Operator", true)
		f.must(err)
		f.must(f.CreateLogin(t.Context(), bulk.LoginLink{Account: f.account, User: user, Hash: "link", Life: time.Minute}))
		var all sync.WaitGroup
		var in atomic.Int32
		for i := range 8 {
			all.Go(func() {
				if err := f.RedeemLogin(t.Context(), "link", fmt.Sprint("s", i), time.Hour); err == nil {
					in.Add(1)
				} else if bulk.KindOf(err) != bulk.KindUnauthorized {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if in.Load() != 1 {
			t.Fatalf("the link let %d in", in.Load())
		}
	})
}

func TestUseOfKeysIsNotedToTheMinute(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		ctx := context.WithoutCancel(t.Context())
		f.newKey("hash", false)
		used := func() time.Time {
			t.Helper()
			keys, err := f.ListKeys(ctx, f.account)
			f.must(err)
			if keys[0].LastUsedAt == nil {
				return time.Time{}
			}
			return *keys[0].LastUsedAt
		}
		p := f.ofKey("hash")
		if !used().IsZero() {
			t.Fatal("looking a key up wrote to the store")
		}
		f.must(f.NoteUse(ctx, []bulk.Principal{p}))
		first := used()
		f.must(f.NoteUse(ctx, []bulk.Principal{p, p}))
		if first.IsZero() || !used().Equal(first) {
			t.Fatalf("noted %v, then %v within a minute", first, used())
		}
		if ago := time.Since(first).Abs(); ago > time.Minute {
			t.Fatalf("noted as %v", first)
		}
	})
}
