package mirror

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bulkhead/internal/bulk"
)

var all = []string{"id", "part", "name", "price", "weight", "active", "born", "seen", "more"}

func thing(id string, part int64, name any) []bulk.Value {
	return []bulk.Value{id, part, name, "12345678901234567890.123456789", 0.1 + 0.2, part%2 == 0, "0044-03-15", "1969-07-20T20:17:40.123456Z", `{"a": "\\x'y"}`}
}

func TestQuietMirrorEqualsTheStore(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		m := w.mirror(nil)
		first := w.begin(bulk.ModeUpsert, "things", all, 3, 2)
		w.commit(first, 1, thing("a", 1, "late"), thing("é`'\"\\", -9007199254740993, "tab\tnew\nline"))
		w.must(m.sweep(t.Context()))
		w.wantEqual("things")
		w.commit(first, 0, thing("a", 1, "early"), nil, []bulk.Value{"b", int64(1), nil, nil, nil, nil, nil, nil, nil})
		w.must(m.sweep(t.Context()))
		w.wantEqual("things")

		// A file that feeds some columns leaves the others as they are.
		second := w.begin(bulk.ModeUpsert, "things", []string{"id", "part", "name"}, 2)
		third := w.begin(bulk.ModeUpsert, "things", []string{"id", "part", "price"}, 2)
		w.commit(third, 0, []bulk.Value{"a", int64(1), "1.5"}, []bulk.Value{"c", int64(1), "2"})
		w.must(m.sweep(t.Context()))
		w.commit(second, 0, []bulk.Value{"a", int64(1), "renamed"}, []bulk.Value{"b", int64(1), "named"})
		w.must(m.sweep(t.Context()))
		w.wantEqual("things")

		if got := w.rows("SELECT state, rows_read, rows_rejected FROM imports ORDER BY import_id"); !slices.Equal(got, []string{
			"completed_with_rejects 5 1", "completed 2 0", "completed 2 0",
		}) {
			t.Errorf("imports: %q", got)
		}
		if got := w.rows("SELECT source_column, code, rejects FROM rejects_by_column"); !slices.Equal(got, []string{"name length 1"}) {
			t.Errorf("rejects: %q", got)
		}
		if got := w.rows("SELECT count(), sum(rows_read), sum(wait_ms), min(attempts) FROM queue_waits"); !slices.Equal(got, []string{"4 9 160 2"}) {
			t.Errorf("queue waits: %q", got)
		}
		for _, i := range []bulk.Import{first, second, third} {
			if got, err := w.Import(t.Context(), w.account, i.ID); err != nil || !got.Mirrored {
				t.Errorf("import %s: mirrored %v, %v", i.ID, got.Mirrored, err)
			}
		}
	})
}

// killedLedger fails to mark so often: the process died between insert and mark.
type killedLedger struct {
	Ledger
	kills int
}

var errKilled = errors.New("killed")

func (l *killedLedger) MarkMirrored(ctx context.Context, batches []bulk.BatchID, imports []bulk.Import) error {
	if l.kills--; l.kills >= 0 {
		return errKilled
	}
	return l.Ledger.MarkMirrored(ctx, batches, imports)
}

func TestDoubledBlocksFold(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		imp := w.begin(bulk.ModeUpsert, "things", all, 2)
		w.commit(imp, 0, thing("a", 1, "x"), thing("b", 2, "y"))
		ledger := &killedLedger{Ledger: w.Store, kills: 2}
		for range 2 {
			if err := w.mirror(func(c *Config) { c.Ledger = ledger }).sweep(t.Context()); !errors.Is(err, errKilled) {
				t.Fatalf("sweep: %v, want it killed", err)
			}
		}
		w.must(w.mirror(func(c *Config) { c.Ledger = ledger }).sweep(t.Context()))
		w.wantEqual("things")
		if got := w.rows("SELECT count() FROM ds_things"); got[0] == "2" {
			t.Log("merged already: the block was doubled, but could not be seen")
		}
		for _, view := range []string{"imports", "batches"} {
			if got := w.rows("SELECT count() FROM " + view); !slices.Equal(got, []string{"1"}) {
				t.Errorf("%s: %v rows, want 1", view, got)
			}
		}
	})
}

func TestDatasetGrows(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		old := w.begin(bulk.ModeUpsert, "things", all, 1, 1)
		w.commit(old, 0, thing("a", 1, "x"))
		w.must(w.mirror(nil).sweep(t.Context()))
		grown := things
		grown.Columns = append(slices.Clone(things.Columns), bulk.Column{Name: "colour", Type: bulk.TypeText})
		w.apply(grown)
		next := w.begin(bulk.ModeUpsert, "things", append(slices.Clone(all), "colour"), 1)
		w.commit(next, 0, append(thing("b", 1, "x"), "red"))
		m := w.mirror(nil)
		w.must(m.sweep(t.Context()))
		w.wantEqual("things")
		w.commit(old, 1, thing("c", 1, "the old spec takes no column away"))
		w.must(w.mirror(nil).sweep(t.Context()))
		w.wantEqual("things")
	})
}

func TestNamesOfDatasetsNeverMeetOurs(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		for _, name := range []bulk.DatasetName{"imports", "ds_things", "queue_waits"} {
			spec := things
			spec.Name = name
			w.apply(spec)
			w.commit(w.begin(bulk.ModeUpsert, name, all, 1), 0, thing(string(name), 1, "x"))
		}
		w.commit(w.begin(bulk.ModeUpsert, "things", all, 1), 0, thing("a", 1, "x"))
		w.must(w.mirror(nil).sweep(t.Context()))
		for _, name := range []bulk.DatasetName{"imports", "ds_things", "queue_waits", "things"} {
			w.wantEqual(name)
		}
		if got := w.rows("SELECT count() FROM imports"); !slices.Equal(got, []string{"4"}) {
			t.Errorf("imports: %v, want 4", got)
		}
	})
}

func TestImportsThatCommitNothingAreReported(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		imp := w.begin(bulk.ModeUpsert, "things", all, 7)
		_, err := w.Cancel(t.Context(), w.account, imp.ID)
		w.must(err)
		w.must(w.mirror(nil).sweep(t.Context()))
		if got := w.rows("SELECT i.state, b.state, b.rows_unprocessed FROM (SELECT import_id, state FROM imports) AS i ANY INNER JOIN (SELECT import_id, state, rows_unprocessed FROM batches) AS b USING (import_id)"); !slices.Equal(got, []string{"cancelled dropped 7"}) {
			t.Errorf("got %q", got)
		}
		if got, err := w.Import(t.Context(), w.account, imp.ID); err != nil || !got.Mirrored {
			t.Errorf("mirrored %v, %v", got.Mirrored, err)
		}
	})
}

// What a dry run found is nobody's reject, and was never committed.
func TestCancelledDryRunRejectedNothing(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		imp, _, err := w.CreateImport(t.Context(), bulk.NewImport{
			Account: w.account, Dataset: "things", Mode: bulk.ModeUpsert, Priority: bulk.PriorityNormal, Filename: "t.csv", Size: -1, Options: bulk.Options{DryRun: true},
		}, 0)
		w.must(err)
		w.stage(imp, all, 3)
		w.must(w.Check(t.Context(), bulk.ValidatedBatch{
			Task: must(w.BatchTask(t.Context(), bulk.BatchID{Import: imp.ID})), Lease: bulk.Lease{Node: "node_test"}, Rejected: 2,
			RejectGroups: []bulk.RejectGroup{{Column: "name", Code: bulk.CodeLength, Count: 2, Examples: []bulk.Example{{Row: 1}}}},
		}))
		m := w.mirror(nil)
		want := func(imports, batches string) {
			t.Helper()
			w.must(m.sweep(t.Context()))
			if got := w.rows("SELECT state, rows_read, rows_rejected, rows_unprocessed FROM imports"); !slices.Equal(got, []string{imports}) {
				t.Errorf("imports: %q, want %q", got, imports)
			}
			if got := strings.Join(w.rows("SELECT state, rows_rejected, rows_unprocessed, isNull(committed_at), isNull(total_ms), isNull(read_ms) FROM batches"), ""); got != batches {
				t.Errorf("batches: %q, want %q", got, batches)
			}
			if got := w.rows("SELECT count() FROM rejects_by_column"); !slices.Equal(got, []string{"0"}) {
				t.Errorf("causes of rejects: %q", got)
			}
			w.reconcile()
		}
		want("awaiting_approval 3 0 2", "")
		_, err = w.Cancel(t.Context(), w.account, imp.ID)
		w.must(err)
		want("cancelled 3 0 3", "dropped 0 3 1 1 1")
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestQuestionsAreAnswered(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		for _, name := range []string{"a", "b"} {
			imp := w.begin(bulk.ModeUpsert, "things", all, 2, 1)
			w.commit(imp, 0, thing(name, 1, "x"), nil)
			w.commit(imp, 1, thing(name, 2, "x"))
		}
		w.must(w.mirror(nil).sweep(t.Context()))
		questions, err := Questions()
		w.must(err)
		want := map[string]func(rows []string) bool{
			"throughput_by_hour": func(r []string) bool { return len(r) >= 1 && strings.Contains(r[0], " 4 6 400 ") },
			"slowest_stage": func(r []string) bool {
				return slices.Equal(slices.DeleteFunc(r, func(row string) bool { return strings.HasPrefix(row, "commit ") }), []string{
					"paused 4 12000 3000 3000 3000", "back-off 4 4000 1000 1000 1000", "queue 4 160 40 40 40",
					"failed attempts 4 28 7 7 7", "validate 4 8 2 2 2", "read 4 4 1 1 1",
				})
			},
			"rejects_by_column_and_code": func(r []string) bool { return len(r) == 1 && strings.HasPrefix(r[0], "things name length 2 2 ") },
			"fairness_by_account":        func(r []string) bool { return slices.Equal(r, []string{string(w.account) + " 4 6 40 40 40 26.667"}) },
			"quota_use":                  func(r []string) bool { return len(r) == 1 && r[0] == string(w.account)+" one 4 1000 0.4" },
		}
		if len(questions) != len(want) {
			t.Fatalf("%d questions, want %d", len(questions), len(want))
		}
		for _, q := range questions {
			if got := w.rows(q.SQL); !want[q.Name](got) {
				t.Errorf("%s (%s):\n%s", q.Name, q.Title, strings.Join(got, "\n"))
			}
		}
	})
}

// downEngine is an engine that cannot be reached while down is set.
type downEngine struct {
	Engine
	down bool
}

var errDown = errors.New("connection refused")

func (e *downEngine) Prepare(ctx context.Context) error {
	if e.down {
		return errDown
	}
	return e.Engine.Prepare(ctx)
}

func (e *downEngine) Alive(ctx context.Context) error {
	if e.down || e.Engine == nil {
		return errDown
	}
	return e.Engine.Alive(ctx)
}

func TestMirrorCatchesUpAfterAnOutage(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		e := &downEngine{Engine: w.engine, down: true}
		m := w.mirror(func(c *Config) { c.Engine = e })
		imp := w.begin(bulk.ModeUpsert, "things", all, 1, 1)
		w.commit(imp, 0, thing("a", 1, "x"))
		if err := m.sweep(t.Context()); !errors.Is(err, errDown) {
			t.Fatalf("sweep: %v, want the engine down", err)
		}
		w.commit(imp, 1, thing("b", 1, "x")) // the import neither waits nor fails
		if got, err := w.Import(t.Context(), w.account, imp.ID); err != nil || got.State != bulk.StateCompleted || got.Mirrored {
			t.Fatalf("state %s, mirrored %v, %v", got.State, got.Mirrored, err)
		}
		if lag, err := w.UnmirroredAge(t.Context()); err != nil || lag <= 0 {
			t.Errorf("lag %v, %v while the engine is down", lag, err)
		}
		e.down = false
		w.must(m.sweep(t.Context()))
		w.wantEqual("things")
		if lag, err := w.UnmirroredAge(t.Context()); err != nil || lag != 0 {
			t.Errorf("lag %v, %v after catching up", lag, err)
		}
	})
}

func TestVersionsOrderRowsAndTombstones(t *testing.T) {
	var last uint64
	for _, v := range []struct {
		op, row int64
		deleted bool
	}{{0, 1, false}, {1, 1, false}, {1, 1, true}, {1, 2, false}, {1, 1<<36 - 1, true}, {2, 0, false}, {1<<27 - 1, 1<<36 - 1, true}} {
		got, err := version(v.op, v.row, v.deleted)
		if err != nil || got <= last {
			t.Errorf("version(%v) = %d, %v; want more than %d", v, got, err, last)
		}
		last = got
	}
	for _, v := range [][2]int64{{1 << 27, 0}, {0, 1 << 36}, {-1, 0}, {0, -1}} {
		if got, err := version(v[0], v[1], false); err == nil {
			t.Errorf("version(%v) = %d, want an error", v, got)
		}
	}
}

// hintFeed gives one reference, then nothing.
type hintFeed struct {
	refs chan bulk.Message
	done chan bulk.Offset
}

func (f *hintFeed) Poll(ctx context.Context) (bulk.Fetch, error) {
	select {
	case r := <-f.refs:
		return bulk.Fetch{Messages: []bulk.Message{r}}, nil
	case <-ctx.Done():
		return bulk.Fetch{}, ctx.Err()
	}
}

func (f *hintFeed) Done(m bulk.Offset) { f.done <- m }

// asked is a ledger that has nothing and remembers what it was asked for.
type asked struct {
	Ledger
	mu      sync.Mutex
	landed  []bulk.BatchID
	sweeps  int
	failing bool
}

func (a *asked) CommittedTask(_ context.Context, id bulk.BatchID) (bulk.BatchTask, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.landed = append(a.landed, id)
	return bulk.BatchTask{}, bulk.ErrSkip
}

func (a *asked) Unmirrored(context.Context, bulk.Committed, time.Duration, int) ([]bulk.Committed, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sweeps++
	if a.failing {
		return nil, errDown
	}
	return nil, nil
}

// count returns how often it was swept since the last call, and sets whether it fails from now on.
func (a *asked) count(failing bool) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := a.sweeps
	a.sweeps, a.failing = 0, failing
	return n
}

func (a *asked) InFlight(context.Context) ([]bulk.ImportVersion, error) { return nil, nil }

func (a *asked) Now(context.Context) (time.Time, error) { return time.Now(), nil }

func (a *asked) Unreported(context.Context, int) ([]bulk.Import, error) { return nil, nil }

func (a *asked) ListAccounts(context.Context) ([]bulk.Account, error) { return nil, nil }

func TestRunFollowsTheFeedAndSweepsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := &asked{}
		feed := &hintFeed{refs: make(chan bulk.Message), done: make(chan bulk.Offset, 2)}
		m, err := New(Config{Engine: &downEngine{}, Ledger: ledger, Applied: &world{}, Feed: feed})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- m.Run(ctx) }()
		ref := bulk.Message{Ref: bulk.BatchRef{Import: "imp_1", No: 3}, Offset: bulk.Offset{Partition: 1, At: 9}}
		feed.refs <- ref
		feed.refs <- ref // twice, as brokers do
		for range 2 {
			if got := <-feed.done; got != ref.Offset {
				t.Errorf("done %v, want %v", got, ref.Offset)
			}
		}
		ledger.mu.Lock()
		landed := ledger.landed
		ledger.mu.Unlock()
		if !slices.Equal(landed, []bulk.BatchID{{Import: "imp_1", No: 3}}) {
			t.Errorf("asked for %v, want the batch once", landed)
		}
		ledger.count(false)
		<-time.After(10 * time.Second)
		synctest.Wait()
		if n := ledger.count(true); n < 4 || n > 6 {
			t.Errorf("%d sweeps in 10 s, want one every 2 s", n)
		}
		<-time.After(time.Minute)
		synctest.Wait()
		if n := ledger.count(true); n < 2 || n > 8 {
			t.Errorf("%d attempts in a minute of failure, want fewer and fewer", n)
		}
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}
