package store

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"bulkhead/internal/bulk"
	"bulkhead/internal/smalldisk"

	"bulkhead/internal/store/storetest"
)

// onSmallDisk runs the test on every engine, its records on a disk that can be filled.
func onSmallDisk(t *testing.T, test func(t *testing.T, f *fixture, disk *smalldisk.Disk)) {
	t.Run("sqlite", func(t *testing.T) {
		disk := smalldisk.Mount(t, 16<<20)
		s, err := New(Config{URL: "sqlite:" + filepath.Join(disk.Dir, "store.db")})
		if err != nil {
			t.Fatal(err)
		}
		test(t, newFixture(t, s), disk)
	})
	t.Run("postgres", func(t *testing.T) {
		disk := smalldisk.Mount(t, 16<<20)
		s, err := New(Config{URL: inTablespace(t, disk.Dir)})
		if err != nil {
			t.Fatal(err)
		}
		test(t, newFixture(t, s), disk)
	})
}

// inTablespace returns the URL of a schema of its own whose tables are in a directory.
func inTablespace(t *testing.T, dir string) string {
	address := os.Getenv(storetest.Servers[0])
	if address == "" {
		return storetest.Schema(t, storetest.Servers[0]) // skips
	}
	postgres, err := user.Lookup("postgres")
	if err != nil {
		t.Skip("SKIPPED: PostgreSQL does not run as the user postgres here")
	}
	uid, err := strconv.Atoi(postgres.Uid)
	if err != nil {
		t.Fatal(err)
	}
	space := filepath.Join(dir, "space")
	if err := errors.Join(os.Mkdir(space, 0o700), os.Chown(space, uid, -1)); err != nil {
		t.Fatal(err)
	}
	for d := dir; d != "/"; d = filepath.Dir(d) { // the server has to reach it
		info, err := os.Stat(d)
		if err == nil && info.Mode()&0o1 == 0 {
			err = os.Chmod(d, info.Mode()|0o1)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	admin, err := New(Config{URL: address})
	if err != nil {
		t.Fatal(err)
	}
	name := "t_" + string(bulk.NewUserID()[4:])
	if _, err := admin.write.Exec(fmt.Sprintf(`CREATE TABLESPACE %s LOCATION '%s'`, name, space)); err != nil {
		t.Skipf("SKIPPED: no tablespace of our own: %v", err)
	}
	t.Cleanup(func() {
		if _, err := admin.write.Exec(`DROP TABLESPACE ` + name); err != nil {
			t.Error(err)
		}
		admin.Close()
	})
	return storetest.Schema(t, storetest.Servers[0]) + "&default_tablespace=" + url.QueryEscape(name)
}

// writeUntilRefused writes until the store refuses.
func (f *fixture) writeUntilRefused() (err error) {
	f.t.Helper()
	for range 400 {
		if err = f.write64k(); err != nil {
			return err
		}
	}
	f.t.Fatal("the disk takes everything")
	return nil
}

// write64k writes that much, which does not compress.
func (f *fixture) write64k() error {
	b := make([]byte, 48<<10)
	rand.Read(b)
	return f.tx(f.t.Context(), "write", func(tx *txn) error {
		_, err := tx.ExecContext(f.t.Context(), `INSERT INTO import_events (account_id, import_id, seq, at, kind, text) VALUES (?, ?, 1, `+tx.now()+`, 'note', ?)`,
			f.account, bulk.NewImportID(), base64.StdEncoding.EncodeToString(b))
		return err
	})
}

// On a full disk writes say so, readiness does, whoever reads is served, and all is well
// again once there is room.
func TestFullDisk(t *testing.T) {
	onSmallDisk(t, func(t *testing.T, f *fixture, disk *smalldisk.Disk) {
		f.newKey("hash", false)
		f.must(f.OpenSession(t.Context(), "hash", "session", time.Hour))
		f.must(f.Ready(t.Context()))
		disk.Fill()
		err := f.writeUntilRefused()
		if bulk.KindOf(err) != bulk.KindUnavailable || bulk.CodeOf(err) != bulk.ErrDiskFull {
			t.Fatalf("a write got %v", err)
		}
		if err := f.Ready(t.Context()); bulk.CodeOf(err) != bulk.ErrDiskFull {
			t.Errorf("Ready = %v", err)
		}
		if f.ofKey("hash") == nobody || f.ofSession("session") == nobody {
			t.Error("nobody is let in any more")
		}
		if _, err := f.Usage(t.Context(), f.account); err != nil {
			t.Error(err)
		}
		if _, _, err := f.ListImports(t.Context(), f.account, bulk.ImportFilter{}); err != nil {
			t.Error(err)
		}
		disk.Empty()
		f.must(f.write64k())
		f.writes.at = time.Now().Add(-failureCount)
		f.must(f.Ready(t.Context()))
	})
}

// What speaks of the machine is told apart from what speaks of the data, on a real
// read-only disk and by the codes that servers send.
func TestReadOnlyStore(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		if f.engine.name() == "postgres" {
			err := f.tx(t.Context(), "write", func(tx *txn) error {
				if _, err := tx.ExecContext(t.Context(), `SET TRANSACTION READ ONLY`); err != nil {
					return err
				}
				_, err := tx.ExecContext(t.Context(), `UPDATE accounts SET weight = 1`)
				return err
			})
			if bulk.CodeOf(err) != bulk.ErrReadOnly {
				t.Errorf("a write got %v", err)
			}
			return
		}
		disk := smalldisk.Mount(t, 16<<20)
		path := filepath.Join(disk.Dir, "store.db")
		s, err := New(Config{URL: "sqlite:" + path})
		f.must(err)
		g := newFixture(t, s)
		if _, err := g.write.Exec(`PRAGMA query_only = 1`); err != nil {
			t.Fatal(err)
		}
		if err := g.SetWeight(t.Context(), g.account, 2); bulk.CodeOf(err) != bulk.ErrReadOnly {
			t.Errorf("a write got %v", err)
		}
		if err := g.Ready(t.Context()); bulk.CodeOf(err) != bulk.ErrReadOnly {
			t.Errorf("Ready = %v", err)
		}
	})
}

func TestCodesOfAStoreInTrouble(t *testing.T) {
	for code, want := range map[string]string{
		"53100": bulk.ErrDiskFull, "58030": bulk.ErrDiskFailing, "25006": bulk.ErrReadOnly,
		"53200": "store_busy", "53300": "store_busy", "40P01": "store_busy", "57P01": "store_busy", "08006": "store_busy", "25P03": "store_busy",
		"22001": "internal", "23505": "internal", "57014": "internal", "42601": "internal",
	} {
		s := &Store{engine: postgresEngine{}, writes: newWrites()}
		err := s.error("op", fmt.Errorf("query: %w", &pgconn.PgError{Code: code}))
		if got := bulk.CodeOf(err); got != want {
			t.Errorf("SQLSTATE %s is %s, want %s", code, got, want)
		}
		if remembered := s.writes.failed != nil; remembered != bulk.TakesNoWrites(err) {
			t.Errorf("SQLSTATE %s is remembered: %v", code, remembered)
		}
	}
}
