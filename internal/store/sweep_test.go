package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

// spoil makes every change of an import fail.
func (f *fixture) spoil(id bulk.ImportID) {
	f.t.Helper()
	query := fmt.Sprintf(`CREATE TRIGGER spoil_%[1]s BEFORE UPDATE ON imports WHEN OLD.id = '%[1]s' BEGIN SELECT RAISE(ABORT, 'spoilt'); END`, id)
	if f.engine.name() == "postgres" {
		query = fmt.Sprintf(`
			CREATE FUNCTION spoil_%[1]s() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'spoilt'; END $$;
			CREATE TRIGGER spoil BEFORE UPDATE ON imports FOR EACH ROW WHEN (OLD.id = '%[1]s') EXECUTE FUNCTION spoil_%[1]s()`, id)
	}
	_, err := f.write.Exec(query)
	f.must(err)
}

// One import that cannot be swept does not keep the sweep from the others, nor does a
// page full of them.
func TestSweepGoesOnAfterAFailure(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		expire := func() bulk.Import {
			imp := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
			_, err := f.write.Exec(f.write.Rebind(`UPDATE uploads SET expires_at = ? WHERE import_id = ?`), time.Now().UTC().Add(-time.Hour), imp.ID)
			f.must(err)
			return imp
		}
		bad, good := expire(), expire()
		ending := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		_, err := f.write.Exec(f.write.Rebind(`UPDATE imports SET state = 'cancelling', outcome = 'cancelled' WHERE id = ?`), ending.ID)
		f.must(err)
		f.spoil(bad.ID)
		f.newKey("hash", false)
		f.must(f.OpenSession(t.Context(), "hash", "stale", -time.Hour))
		f.must(f.OpenSession(t.Context(), "hash", "fresh", time.Hour))

		failed := f.Sweep(t.Context())
		if len(failed) != 1 || !strings.Contains(errors.Join(failed...).Error(), string(bad.ID)) {
			t.Errorf("failed %v, want %s alone", failed, bad.ID)
		}
		wantState(t, f.get(good), bulk.StateFailed)
		wantState(t, f.get(ending), bulk.StateCancelled)
		var sessions int
		f.must(f.read.GetContext(t.Context(), &sessions, `SELECT COUNT(*) FROM sessions`))
		if sessions != 1 {
			t.Errorf("%d sessions are left, want the fresh one", sessions)
		}
	})
}

// What a store remembers does not grow with use.
func TestStoreRemembersOnlySoMuch(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		for range 2 * mostRemembered {
			f.expectOverlap(bulk.NewImportID())
		}
		if n := len(f.overlaps); n > mostRemembered {
			t.Errorf("%d imports are remembered", n)
		}
	})
}
