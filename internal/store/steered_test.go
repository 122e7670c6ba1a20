package store

import (
	"slices"
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

// What a dispatcher has to learn of is listed, and nothing else that happens.
func TestSteeredListsWhatPeopleChanged(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		imp := f.newImport(f.account, bulk.ModeUpsert, bulk.Options{})
		other := f.newImport(f.account, bulk.ModeUpsert, bulk.Options{})
		f.stage(imp, 2)
		untouched := f.newImport(f.account, bulk.ModeUpsert, bulk.Options{})
		f.stage(untouched, 1)
		f.commit(untouched, 0, row{no: 1, id: "a", name: "n"})
		for what, act := range map[string]func() error{
			"pause":  func() error { _, err := f.Pause(t.Context(), f.account, imp.ID); return err },
			"resume": func() error { _, err := f.Resume(t.Context(), f.account, imp.ID); return err },
			"cancel": func() error { _, err := f.Cancel(t.Context(), f.account, other.ID); return err },
			"weight": func() error { return f.SetWeight(t.Context(), f.account, 3) },
			"cap":    func() error { return f.SetCap(t.Context(), f.account, new(int)) },
		} {
			if what == "resume" {
				_, err := f.Pause(t.Context(), f.account, imp.ID)
				f.must(err)
			}
			for _, table := range []string{"accounts", "imports"} {
				_, err := f.write.Exec(`UPDATE ` + table + ` SET steered_at = NULL`)
				f.must(err)
			}
			f.must(act())
			accounts, imports, err := f.Steered(t.Context(), time.Minute)
			f.must(err)
			switch what {
			case "weight", "cap":
				if !slices.Equal(accounts, []bulk.AccountID{f.account}) || len(imports) != 0 {
					t.Errorf("%s: got %v %v", what, accounts, imports)
				}
			default:
				want := imp.ID
				if what == "cancel" {
					want = other.ID
				}
				if len(accounts) != 0 || !slices.Equal(imports, []bulk.ImportID{want}) {
					t.Errorf("%s: got %v %v, want %s", what, accounts, imports, want)
				}
			}
			if accounts, imports, err := f.Steered(t.Context(), -time.Minute); err != nil || len(accounts)+len(imports) != 0 {
				t.Errorf("%s: later nothing was changed, got %v %v, %v", what, accounts, imports, err)
			}
		}
	})
}
