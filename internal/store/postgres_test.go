package store

import (
	"context"
	"sync"
	"testing"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/store/storetest"
)

// onPostgres runs the test where PostgreSQL is.
func onPostgres(t *testing.T, test func(t *testing.T, f *fixture)) {
	onEngines(t, func(t *testing.T, f *fixture) {
		if _, ok := f.engine.(postgresEngine); ok {
			test(t, f)
		}
	})
}

// A query that forgets its account still sees that account's rows only, in the
// ledger and in the typed tables.
func TestSecondWall(t *testing.T) {
	onPostgres(t, func(t *testing.T, f *fixture) {
		imp := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		f.stage(imp, 2)
		f.commit(imp, 0, row{1, "a", ""})
		other := f.newAccount("other", 10)
		for _, table := range []string{"imports", "batches", "uploads", "error_clusters", "import_events", "dataset_usage", "accounts", "ds_things"} {
			count := func(account bulk.AccountID) (n int) {
				f.must(f.asAccount(t.Context(), "count", account, func(q reader) error {
					return q.GetContext(t.Context(), &n, `SELECT COUNT(*) FROM `+table)
				}))
				return n
			}
			want := 0
			if table == "accounts" {
				want = 1
			}
			if mine, others := count(f.account), count(other); mine == 0 || others != want {
				t.Errorf("%s: %d rows of the account's own, %d seen by the other, want %d", table, mine, others, want)
			}
		}
		if err := f.asAccount(t.Context(), "write", f.account, func(q reader) error {
			return q.GetContext(t.Context(), new(int), `WITH d AS (DELETE FROM imports RETURNING 1) SELECT COUNT(*) FROM d`)
		}); err == nil {
			t.Error("a reader may write")
		}
	})
}

func TestProcessesThatMigrateAtOnce(t *testing.T) {
	for _, server := range storetest.Servers {
		t.Run(server, func(t *testing.T) {
			url := storetest.Schema(t, server)
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					s, err := New(Config{URL: url})
					if err == nil {
						defer s.Close()
						err = s.Migrate(t.Context())
					}
					if err == nil {
						err = s.Ready(t.Context())
					}
					if err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		})
	}
}

// A session of ours that sits in a transaction and holds its locks is ended; then
// whoever waited for them goes on. Its own process learns that it may try again.
func TestReaperEndsStuckSessions(t *testing.T) {
	onPostgres(t, func(t *testing.T, f *fixture) {
		stuck, err := f.write.BeginTxx(t.Context(), nil)
		f.must(err)
		defer stuck.Rollback()
		if _, err := stuck.Exec(stuck.Rebind(`UPDATE accounts SET weight = 2 WHERE id = ?`), f.account); err != nil {
			t.Fatal(err)
		}
		if n, err := f.Reap(t.Context(), time.Hour); err != nil || n != 0 {
			t.Fatalf("reaped %d young sessions, %v", n, err)
		}
		waiting := make(chan error, 1)
		go func() { waiting <- f.SetWeight(t.Context(), f.account, 3) }()
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		for ctx.Err() == nil {
			n, err := f.Reap(ctx, 50*time.Millisecond)
			f.must(err)
			if n > 0 {
				break
			}
		}
		if err := <-waiting; err != nil {
			t.Fatalf("whoever waited for the lock: %v", err)
		}
		_, err = stuck.Exec(`SELECT 1`)
		if f.engine.fault(err) != faultRetryable {
			t.Fatalf("the ended session got %v", err)
		}
	})
}
