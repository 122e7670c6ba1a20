package store

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"bulkhead/internal/bulk"
	"bulkhead/internal/store/storetest"
)

// A cursor is refused unless a record's key could be what it says, whatever the engine
// would make of it.
func TestCursorsOfAnotherType(t *testing.T) {
	good := map[bulk.Type]string{
		bulk.TypeText: `"a"`, bulk.TypeInteger: `1`, bulk.TypeDecimal: `"1.5"`, bulk.TypeBoolean: `true`, bulk.TypeDate: `"2026-01-01"`,
		bulk.TypeTimestamp: `"2026-01-01T00:00:00.000000Z"`,
	}
	never := []string{`null`, `{}`, `[]`, `[1]`, `1.5`, `9223372036854775808`, `1e400`, `"a\u0000b"`, `""x`}
	texts := []string{
		`"a"`, `"NaN"`, `"Infinity"`, `"-infinity"`, `"1e5"`, `"0x10"`, `"today"`, `"epoch"`, `"2026-02-30"`, `"0000-01-01"`, `"10000-01-01"`,
		`"2026-01-01T00:00:00Z"`, `"0000-01-01T00:00:00.000000Z"`, `"` + strings.Repeat("9", 50) + `"`,
	}
	onEngines(t, func(t *testing.T, f *fixture) {
		for key, own := range good {
			name := bulk.DatasetName("by_" + key)
			_, err := f.ApplyDataset(t.Context(), bulk.Spec{Name: name, Key: []string{"k"}, Columns: []bulk.Column{{Name: "k", Type: key}}})
			f.must(err)
			try := func(json string) error {
				_, err := f.Records(t.Context(), f.account, bulk.RecordQuery{Dataset: name, Cursor: base64.RawURLEncoding.EncodeToString([]byte("[" + json + "]")), Limit: 10})
				return err
			}
			bad := slices.Concat(never, texts)
			for other, c := range good {
				if other != key {
					bad = append(bad, c)
				}
			}
			for _, cursor := range bad {
				err := try(cursor)
				if key == bulk.TypeText && cursor[0] == '"' && !slices.Contains(never, cursor) {
					f.must(err)
				} else if bulk.CodeOf(err) != "bad_cursor" {
					t.Errorf("%s key, cursor %s: %v", key, cursor, err)
				}
			}
			f.must(try(own))
		}
	})
}

// Text that no engine can compare is refused, and a search folds the same letters.
func TestOddTextsInRequests(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		_, _, err := f.CreateImport(ctx, bulk.NewImport{Account: f.account, Dataset: "things", Filename: "ÄPFEL_100%.CSV", Size: -1}, 0)
		f.must(err)
		for search, want := range map[string]int{"pfel_100%": 1, "PFEL": 1, "ÄPFEL": 1, "äpfel": 0, "pfelX": 0, "_": 1, "%%": 0, `\`: 0} {
			list, _, err := f.ListImports(ctx, f.account, bulk.ImportFilter{Search: search})
			f.must(err)
			if len(list) != want {
				t.Errorf("search %q finds %d, want %d", search, len(list), want)
			}
		}
		for _, odd := range []string{"a\x00b", "\xff"} {
			for what, try := range map[string]func() error{
				"search":  func() error { _, _, err := f.ListImports(ctx, f.account, bulk.ImportFilter{Search: odd}); return err },
				"dataset": func() error { _, err := f.Dataset(ctx, bulk.DatasetName(odd)); return err },
				"import":  func() error { _, err := f.Import(ctx, f.account, bulk.ImportID(odd)); return err },
				"account": func() error { _, err := f.CreateAccount(ctx, odd, 1, 1); return err },
				"new import": func() error {
					_, _, err := f.CreateImport(ctx, bulk.NewImport{Account: f.account, Dataset: bulk.DatasetName(odd)}, 0)
					return err
				},
			} {
				if err := try(); bulk.KindOf(err) != bulk.KindInvalid {
					t.Errorf("%s %q: %v", what, odd, err)
				}
			}
		}
		for what, filter := range map[string]bulk.ImportFilter{"a long search": {Search: strings.Repeat("a", 60_000)}, "a foreign cursor": {Cursor: "zzz"}} {
			if _, _, err := f.ListImports(ctx, f.account, filter); bulk.KindOf(err) != bulk.KindInvalid {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

// Things with a name that are made at once are made once, and everybody is told.
func TestMadeAtOnce(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		atOnce := func(do func(i int) error) (failed []error) {
			var wg sync.WaitGroup
			var mu sync.Mutex
			for i := range 6 {
				wg.Go(func() {
					if err := do(i); err != nil {
						mu.Lock()
						defer mu.Unlock()
						failed = append(failed, err)
					}
				})
			}
			wg.Wait()
			return failed
		}
		spec := bulk.Spec{Name: "shared", Key: []string{"k"}, Columns: []bulk.Column{{Name: "k", Type: bulk.TypeText}}}
		if failed := atOnce(func(int) error { _, err := f.ApplyDataset(t.Context(), spec); return err }); failed != nil {
			t.Errorf("the same dataset: %v", failed)
		}
		spec.Columns = append(spec.Columns, bulk.Column{Name: "more", Type: bulk.TypeInteger})
		if failed := atOnce(func(int) error { _, err := f.ApplyDataset(t.Context(), spec); return err }); failed != nil {
			t.Errorf("the same column: %v", failed)
		}
		d, err := f.Dataset(t.Context(), "shared")
		f.must(err)
		if d.Version != 2 {
			t.Errorf("version %d", d.Version)
		}
		failed := atOnce(func(int) error { _, err := f.CreateAccount(t.Context(), "twin", 1, 1); return err })
		if len(failed) != 5 || slices.ContainsFunc(failed, func(err error) bool { return bulk.KindOf(err) != bulk.KindConflict }) {
			t.Errorf("the same account: %v", fmt.Sprint(failed))
		}
	})
}

// Lists go by bytes, as on SQLite, in a database of any language.
func TestDatabaseOfAnotherLanguage(t *testing.T) {
	for _, server := range storetest.Servers {
		t.Run(server, func(t *testing.T) {
			s := openInEnglish(t, server)
			for _, n := range []string{"ab", "a_b", "a1"} {
				if _, err := s.ApplyDataset(t.Context(), bulk.Spec{Name: bulk.DatasetName(n), Key: []string{"k"}, Columns: []bulk.Column{{Name: "k", Type: bulk.TypeText}}}); err != nil {
					t.Fatal(err)
				}
				for _, account := range []string{n, strings.ToUpper(n)} {
					if _, err := s.CreateAccount(t.Context(), account, 1, 1); err != nil {
						t.Fatal(err)
					}
				}
			}
			datasets, err1 := s.ListDatasets(t.Context())
			accounts, err2 := s.ListAccounts(t.Context())
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			var got []string
			for _, d := range datasets {
				got = append(got, string(d.Name))
			}
			for _, a := range accounts {
				got = append(got, a.Name)
			}
			if want := []string{"a1", "a_b", "ab", "A1", "AB", "A_B", "a1", "a_b", "ab"}; !slices.Equal(got, want) {
				t.Errorf("listed %v, want %v", got, want)
			}
		})
	}
}

// openInEnglish opens a store in a database that sorts as English does.
func openInEnglish(t *testing.T, server string) *Store {
	t.Helper()
	address, err := url.Parse(storetest.Schema(t, server))
	if err != nil {
		t.Fatal(err)
	}
	admin, err := New(Config{URL: address.String()})
	if err != nil {
		t.Fatal(err)
	}
	name := string(bulk.NewUserID())
	if _, err := admin.write.Exec(`CREATE DATABASE ` + name + ` TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'`); err != nil {
		t.Fatal(err)
	}
	address.Path, address.RawQuery = "/"+name, "sslmode=disable"
	s, err := New(Config{URL: address.String()})
	if err == nil {
		err = s.Migrate(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		if _, err := admin.write.Exec(`DROP DATABASE ` + name + ` WITH (FORCE)`); err != nil {
			t.Error(err)
		}
		admin.Close()
	})
	return s
}
