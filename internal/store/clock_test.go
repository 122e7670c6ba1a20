package store

import (
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/store/storetest"
)

// A process whose clock is a quarter of a century behind announces itself, signs people
// in, keeps uploads and sees what others do like any other: the database's clock decides.
func TestClocksOfProcessesDoNotMatter(t *testing.T) {
	for name, address := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "store.db") },
		"postgres": func(t *testing.T) string { return storetest.Schema(t, storetest.Servers[0]) },
	} {
		t.Run(name, func(t *testing.T) {
			url := address(t)
			ours, err := New(Config{URL: url})
			if err != nil {
				t.Fatal(err)
			}
			f := newFixture(t, ours)
			f.newKey("hash", false)
			f.must(f.Announce(t.Context(), bulk.Node{ID: "ours", Role: bulk.RoleIngest, StartedAt: now()}))
			left := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
			f.stage(left, 1)
			if _, err := f.Pause(t.Context(), f.account, left.ID); err != nil {
				t.Fatal(err)
			}

			synctest.Test(t, func(t *testing.T) { // where it is the year 2000
				s, err := New(Config{URL: url})
				if err != nil {
					t.Fatal(err)
				}
				behind := &fixture{Store: s, t: t, account: f.account}
				defer s.Close()
				if year := time.Now().Year(); year != 2000 {
					t.Fatalf("the year is %d", year)
				}
				behind.must(behind.Announce(t.Context(), bulk.Node{ID: "theirs", Role: bulk.RoleIngest, StartedAt: now()}))
				behind.sees("the other process", func() (int, error) {
					nodes, err := behind.Nodes(t.Context(), bulk.RoleIngest, 5*time.Second)
					return len(nodes), err
				}, 2)
				behind.sees("a pause", func() (int, error) {
					_, imports, err := behind.Steered(t.Context(), 5*time.Second)
					return len(imports), err
				}, 1)
				behind.sees("batches that waited", func() (int, error) {
					refs, err := behind.StagedFor(t.Context(), time.Minute, bulk.BatchID{}, 10)
					return len(refs), err
				}, 0)
				behind.sees("batches that came", func() (int, error) {
					refs, err := behind.StagedFor(t.Context(), -time.Minute, bulk.BatchID{}, 10)
					return len(refs), err
				}, 1)
				behind.must(behind.OpenSession(t.Context(), "hash", "session", time.Hour))
				open := behind.newImport(f.account, bulk.ModeCreate, bulk.Options{})
				behind.stageOpen(open, 1)
				behind.must(errors.Join(behind.Sweep(t.Context())...))
			})

			f.sees("the process that is behind", func() (int, error) {
				nodes, err := f.Nodes(t.Context(), bulk.RoleIngest, time.Minute)
				return len(nodes), err
			}, 2)
			if f.ofSession("session") == nobody {
				t.Error("the session that it opened is not accepted")
			}
			f.must(errors.Join(f.Sweep(t.Context())...))
			f.sees("its upload", func() (int, error) {
				imports, _, err := f.ListImports(t.Context(), f.account, bulk.ImportFilter{State: bulk.StateReceiving})
				return len(imports), err
			}, 1)
		})
	}
}

func (f *fixture) sees(what string, count func() (int, error), want int) {
	f.t.Helper()
	n, err := count()
	f.must(err)
	if n != want {
		f.t.Errorf("%s: %d are seen, want %d", what, n, want)
	}
}
