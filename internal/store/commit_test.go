package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"bulkhead/internal/bulk"
)

func wantCounts(t *testing.T, got, want bulk.Counts) {
	t.Helper()
	if got != want {
		t.Fatalf("counts\n got %+v\nwant %+v", got, want)
	}
}

func TestCommitAppliesABatchAtMostOnce(t *testing.T) { // invariant 2
	onEngines(t, func(t *testing.T, f *fixture) {
		imp := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		f.stage(imp, 3, 1) // after the first batch the import still takes commits
		c := commitOf(f.work(imp, 0), row{1, "a", "A"}, row{2, "b", "B"})
		var wg sync.WaitGroup
		var mu sync.Mutex
		outcomes := map[string]int{}
		for range 8 {
			wg.Go(func() {
				_, err := f.Commit(t.Context(), c)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					outcomes["committed"]++
				case errors.Is(err, bulk.ErrSkip):
					outcomes["skipped"]++
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if outcomes["committed"] != 1 || outcomes["skipped"] != 7 {
			t.Fatalf("outcomes %v", outcomes)
		}
		f.commit(imp, 1, row{4, "c", "C"})
		got := f.get(imp)
		wantCounts(t, got.Rows, bulk.Counts{Read: 4, Created: 3, Rejected: 1})
		if got.State != bulk.StateCompletedWithRejects || got.Batches != (bulk.BatchCounts{Committed: 2, Total: 2}) {
			t.Fatalf("import %+v", got)
		}
		f.wantUsage(f.account, 3)
	})
}

func TestModes(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		first := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		f.stage(first, 2)
		f.commit(first, 0, row{1, "a", "first"}, row{2, "b", "first"})

		again := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		f.stage(again, 3)
		f.commit(again, 0, row{1, "a", "again"}, row{2, "c", "again"}, row{3, "b", "again"})
		wantCounts(t, f.get(again).Rows, bulk.Counts{Read: 3, Created: 1, Rejected: 2})
		refused, err := f.BatchRejects(t.Context(), f.account, bulk.BatchID{Import: again.ID})
		f.must(err)
		if !slices.Equal(refused[bulk.CodeDuplicateKey], bulk.RowSet{1, 3}) {
			t.Fatalf("duplicate rows %v", refused)
		}
		cl, err := f.RejectGroups(t.Context(), f.account, again.ID)
		f.must(err)
		if len(cl) != 1 || cl[0].Code != bulk.CodeDuplicateKey || cl[0].Count != 2 || cl[0].Examples[0] != (bulk.Example{Line: 2, Row: 1, Value: "a"}) {
			t.Fatalf("groups %+v", cl)
		}

		up := f.newImport(f.account, bulk.ModeUpsert, bulk.Options{})
		f.stage(up, 3)
		f.commit(up, 0, row{1, "a", "up"}, row{2, "d", "up"}, row{3, "a", "last"})
		wantCounts(t, f.get(up).Rows, bulk.Counts{Read: 3, Created: 1, Updated: 1, Superseded: 1})
		if got, want := f.live(f.account), []string{"a=last", "b=first", "c=again", "d=up"}; !slices.Equal(got, want) {
			t.Fatalf("live %v, want %v", got, want)
		}
		f.wantUsage(f.account, 4)
	})
}

// Several imports in mode create at once, in any order of their batches: each key is
// created once, a record stays that of who created it, and each other row is a
// duplicate_key, or superseded within its own file. Which of them creates a key is open.
func TestModeCreateInAnyOrder(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		for seed := range uint64(20) {
			rnd := rand.New(rand.NewPCG(seed, 2))
			account := f.newAccount(fmt.Sprintf("create %d", seed), 1000)
			const imports, batches, size, keys = 3, 3, 10, 25
			type part struct {
				imp  bulk.Import
				no   int64
				rows []row
			}
			var parts []part
			all := map[string]bool{}
			for n := range imports {
				imp := f.newImport(account, bulk.ModeCreate, bulk.Options{})
				f.stage(imp, slices.Repeat([]int{size}, batches)...)
				for b := range int64(batches) {
					p := part{imp: imp, no: b}
					for i := range int64(size) {
						r := row{no: b*size + i + 1, id: fmt.Sprintf("k%02d", rnd.IntN(keys)), name: fmt.Sprint(n)}
						all[r.id] = true
						p.rows = append(p.rows, r)
					}
					parts = append(parts, p)
				}
			}
			rnd.Shuffle(len(parts), func(a, b int) { parts[a], parts[b] = parts[b], parts[a] })
			creator := map[string]string{}
			for _, p := range parts {
				f.commit(p.imp, p.no, p.rows...)
				for _, kv := range f.live(account) {
					k, by, _ := strings.Cut(kv, "=")
					if was, known := creator[k]; known && was != by {
						t.Fatalf("seed %d: %s was created by import %s, and then changed by %s", seed, k, was, by)
					}
					creator[k] = by
				}
			}
			var sum bulk.Counts
			for _, p := range parts {
				if p.no > 0 {
					continue
				}
				rows := f.get(p.imp).Rows
				if rows.Sum() != rows.Read || rows.Read != batches*size || rows.Updated != 0 {
					t.Fatalf("seed %d: %+v does not balance", seed, rows)
				}
				sum.Created += rows.Created
			}
			if sum.Created != int64(len(all)) || len(creator) != len(all) {
				t.Fatalf("seed %d: %d created, %d records, want %d", seed, sum.Created, len(creator), len(all))
			}
			f.wantUsage(account, int64(len(all)))
		}
	})
}

// An earlier import that commits late must not undo a later one.
func TestLaterImportKeepsTheKey(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		early := f.newImport(f.account, bulk.ModeUpsert, bulk.Options{})
		late := f.newImport(f.account, bulk.ModeUpsert, bulk.Options{})
		f.stage(early, 2)
		f.stage(late, 1)
		f.commit(late, 0, row{1, "a", "late"})
		f.commit(early, 0, row{1, "a", "early"}, row{2, "b", "early"})
		if got, want := f.live(f.account), []string{"a=late", "b=early"}; !slices.Equal(got, want) {
			t.Fatalf("live %v, want %v", got, want)
		}
		wantCounts(t, f.get(early).Rows, bulk.Counts{Read: 2, Created: 1, Superseded: 1})
		f.wantUsage(f.account, 2)
	})
}

// Whatever order an import's batches commit in, the last row of a key wins and the
// counts are the same (invariant 5).
func TestOrderOfCommitsDoesNotMatter(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		for seed := range uint64(30) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			account := f.newAccount(fmt.Sprintf("order %d", seed), 1000)
			mode := []bulk.Mode{bulk.ModeCreate, bulk.ModeUpsert}[seed%2]
			if mode == bulk.ModeUpsert {
				seeded := f.newImport(account, bulk.ModeCreate, bulk.Options{})
				f.stage(seeded, 5)
				f.commit(seeded, 0, row{1, "k0", "old"}, row{2, "k1", "old"}, row{3, "k2", "old"}, row{4, "k3", "old"}, row{5, "k4", "old"})
			}
			const batches, size, keys = 6, 40, 60
			imp := f.newImport(account, mode, bulk.Options{})
			f.stage(imp, slices.Repeat([]int{size}, batches)...)
			last := map[string]int64{}
			var content [batches][]row
			for b := range content {
				for i := range size {
					r := row{no: int64(b*size + i + 1), id: fmt.Sprintf("k%d", rnd.IntN(keys))}
					r.name = fmt.Sprint(r.no)
					content[b] = append(content[b], r)
					last[r.id] = r.no
				}
			}
			for _, b := range rnd.Perm(batches) {
				f.commit(imp, int64(b), content[b]...)
			}
			want := bulk.Counts{Read: batches * size, Superseded: batches*size - int64(len(last))}
			want.Created = int64(len(last))
			records := len(last)
			if mode == bulk.ModeUpsert {
				for _, k := range []string{"k0", "k1", "k2", "k3", "k4"} {
					if last[k] > 0 {
						want.Updated++
						want.Created--
					} else {
						records++
					}
				}
			}
			wantCounts(t, f.get(imp).Rows, want)
			for _, kv := range f.live(account) {
				k, v, _ := strings.Cut(kv, "=")
				if last[k] > 0 && v != fmt.Sprint(last[k]) {
					t.Fatalf("seed %d: %s holds row %s, want %d", seed, k, v, last[k])
				}
			}
			f.wantUsage(account, int64(records))
		}
	})
}

// Ten imports at once into a quota that fits half of them: it is filled exactly and
// never exceeded (invariant 4).
func TestQuotaIsExactUnderConcurrency(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		account := f.newAccount("quota", 500)
		var imports []bulk.Import
		for range 10 {
			imp := f.newImport(account, bulk.ModeCreate, bulk.Options{})
			f.stage(imp, 25, 25, 25, 25)
			imports = append(imports, imp)
		}
		stop := make(chan struct{})
		var watch sync.WaitGroup
		watch.Go(func() { // at no moment more than the quota
			for {
				select {
				case <-stop:
					return
				default:
				}
				var live int
				if err := f.read.GetContext(t.Context(), &live, `SELECT COUNT(*) FROM ds_things WHERE _account_id = ?`, account); err != nil || live > 500 {
					t.Errorf("live %d, %v", live, err)
					return
				}
			}
		})
		var wg sync.WaitGroup
		for n, imp := range imports {
			wg.Go(func() {
				for b := range int64(4) {
					var rows []row
					for i := range int64(25) {
						no := b*25 + i + 1
						rows = append(rows, row{no, fmt.Sprintf("%d-%d", n, no), "x"})
					}
					w, err := f.BatchTask(t.Context(), bulk.BatchID{Import: imp.ID, No: b})
					if err == nil {
						_, err = f.Commit(t.Context(), commitOf(w, rows...))
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		close(stop)
		watch.Wait()
		var sum bulk.Counts
		for _, imp := range imports {
			got := f.get(imp)
			sum.Created += got.Rows.Created
			sum.OverQuota += got.Rows.OverQuota
			if got.Rows.Sum() != got.Rows.Read || !got.State.Terminal() {
				t.Fatalf("import %+v", got)
			}
		}
		if sum.Created != 500 || sum.OverQuota != 500 {
			t.Fatalf("created %d, over quota %d; want 500 each", sum.Created, sum.OverQuota)
		}
		f.wantUsage(account, 500)
	})
}

// A row that finds no room is the last of its batch in file order, and is named.
func TestOverQuotaKeepsTheFirstRows(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		account := f.newAccount("small", 3)
		imp := f.newImport(account, bulk.ModeCreate, bulk.Options{})
		f.stage(imp, 5)
		f.commit(imp, 0, row{1, "z", ""}, row{2, "y", ""}, row{3, "a", ""}, row{4, "b", ""}, row{5, "c", ""})
		refused, err := f.BatchRejects(t.Context(), account, bulk.BatchID{Import: imp.ID})
		f.must(err)
		if !slices.Equal(refused[bulk.CodeOverQuota], bulk.RowSet{4, 5}) {
			t.Fatalf("over quota %v", refused)
		}
		if got, want := f.live(account), []string{"a=", "y=", "z="}; !slices.Equal(got, want) {
			t.Fatalf("live %v, want %v", got, want)
		}
		f.wantUsage(account, 3)
	})
}

func TestUpsertLeavesUnfedColumnsAlone(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		first := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		f.stage(first, 1)
		f.commit(first, 0, row{1, "a", "kept"})
		imp := f.newImport(f.account, bulk.ModeUpsert, bulk.Options{})
		f.stage(imp, 1)
		c := commitOf(f.work(imp, 0))
		c.Rejected, c.RejectGroups = 0, nil
		// The file feeds id and size; name is there by its default, for new records only.
		c.Task.Import.Layout = &bulk.Layout{Header: []string{"id", "size"}, Fields: []string{"id", "size"}}
		c.Records = bulk.Records{Columns: []string{"id", "name", "size"}, RowNo: []int64{1}, LineNo: []int64{2}, Keys: []string{"a"}, Values: [][]bulk.Value{{"a", "default", int64(77)}}}
		_, err := f.Commit(t.Context(), c)
		f.must(err)
		p, err := f.Records(t.Context(), f.account, bulk.RecordQuery{Dataset: "things", Limit: 10})
		f.must(err)
		if r := p.Records[0]; r.Values[1] != "kept" || r.Values[2] != int64(77) || r.Import != imp.ID {
			t.Fatalf("record %+v", r)
		}
	})
}

func TestUnbalancedBatchIsRefused(t *testing.T) { // invariant 3
	onEngines(t, func(t *testing.T, f *fixture) {
		imp := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		f.stage(imp, 2)
		c := commitOf(f.work(imp, 0), row{1, "a", ""})
		c.Rejected = 0
		if _, err := f.Commit(t.Context(), c); err == nil {
			t.Fatal("a commit that loses a row went through")
		}
		f.wantUsage(f.account, 0)
	})
}
