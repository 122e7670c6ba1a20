package web

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// committed makes n batches of 1,000 rows, one a second, the last one at now.
func committed(n int) (all []bulk.Batch) {
	for i := range n {
		at := now.Add(time.Duration(i-n+1) * time.Second)
		all = append(all, bulk.Batch{No: int64(i), State: bulk.BatchCommitted, Rows: bulk.Counts{Read: 1000}, CommittedAt: &at, CommitMS: 1000, ByteFrom: int64(i * 50), ByteTo: int64(i*50 + 50)})
	}
	return all
}

func TestRateLooksAtTheLatestWindowOnly(t *testing.T) {
	tests := []struct {
		name    string
		batches []bulk.Batch
		now     time.Time
		want    float64
	}{
		{"nothing yet", nil, now, 0},
		{"one commit says little", committed(1), now, 0},
		{"a batch a second", committed(60), now, 1000},
		{"idle for the last ten seconds", committed(60), now.Add(10 * time.Second), 1000},
		{"stalled for a minute", committed(60), now.Add(time.Minute), 0},
	}
	for _, tt := range tests {
		v := ImportView{Page: Page{Now: tt.now}, Batches: tt.batches}
		if got := v.rate(); got < tt.want*0.95 || got > tt.want*1.05 {
			t.Errorf("%s: got %.0f rows/s, want %.0f", tt.name, got, tt.want)
		}
	}
}

func TestETAOnlyWhereItIsKnown(t *testing.T) {
	utf8 := &bulk.Layout{Dialect: bulk.Dialect{Encoding: "utf-8"}}
	gzip := &bulk.Layout{Dialect: bulk.Dialect{Encoding: "utf-8", Compression: "gzip"}}
	rows := bulk.Counts{Read: 120_000, Created: 60_000}
	tests := []struct {
		name string
		imp  bulk.Import
		want time.Duration
		ok   bool
	}{
		{"sealed", bulk.Import{State: bulk.StateProcessing, Sealed: true, Rows: rows}, 60 * time.Second, true},
		{"half of the file read", bulk.Import{State: bulk.StateReceiving, Rows: rows, Layout: utf8, Bytes: bulk.ByteCounts{Total: 6000, Received: 3000}}, 180 * time.Second, true},
		{"length unknown", bulk.Import{State: bulk.StateReceiving, Rows: rows, Layout: utf8}, 0, false},
		{"compressed", bulk.Import{State: bulk.StateReceiving, Rows: rows, Layout: gzip, Bytes: bulk.ByteCounts{Total: 6000, Received: 3000}}, 0, false},
		{"paused", bulk.Import{State: bulk.StatePaused, Sealed: true, Rows: rows}, 0, false},
	}
	for _, tt := range tests {
		got, ok := ImportView{Page: Page{Now: now}, Import: tt.imp, Batches: committed(60)}.eta()
		if ok != tt.ok || got < tt.want*9/10 || got > tt.want*11/10 {
			t.Errorf("%s: got %v, %v, want %v, %v", tt.name, got, ok, tt.want, tt.ok)
		}
	}
}

func TestCellsFoldManyBatchesAndKeepTheWorst(t *testing.T) {
	batches := committed(4000)
	batches[1234].State = bulk.BatchQuarantined
	cells := ImportView{Batches: batches}.cells()
	if len(cells) > maxCells {
		t.Fatalf("%d cells, want at most %d", len(cells), maxCells)
	}
	next, bad := int64(0), 0
	for _, c := range cells {
		if c.From != next {
			t.Fatalf("cell begins at batch %d, want %d", c.From, next)
		}
		next = c.To + 1
		if c.State == bulk.BatchQuarantined {
			bad++
		}
	}
	if next != 4000 || bad != 1 {
		t.Errorf("cells end at %d with %d quarantined, want 4000 and 1", next, bad)
	}
}

func TestEveryOutcomeIsShown(t *testing.T) {
	v := ImportView{Import: bulk.Import{Rows: bulk.Counts{Read: 63, Created: 1, Updated: 2, Superseded: 4, Rejected: 8, OverQuota: 16, Unprocessed: 32}}}
	sum := int64(0)
	for _, o := range v.outcomes() {
		sum += o.Rows
	}
	if sum != v.Import.Rows.Sum() {
		t.Errorf("the table's rows add up to %d, want %d", sum, v.Import.Rows.Sum())
	}
}

// The page offers what would change the import, and nothing else.
func TestButtonsFollowTheLifecycle(t *testing.T) {
	for _, s := range bulk.States {
		imp := bulk.Import{ID: "imp_1", State: s, Sealed: s != bulk.StateOpen && s != bulk.StateReceiving, Options: bulk.Options{DryRun: s == bulk.StateValidating || s == bulk.StateAwaitingApproval}}
		page := render(t, Live(ImportView{Page: Page{Now: now}, Import: imp}))
		for _, tr := range []bulk.Trigger{bulk.TriggerPause, bulk.TriggerResume, bulk.TriggerCancel, bulk.TriggerApprove} {
			if offered := strings.Contains(page, fmt.Sprintf(`id="%s"`, tr)); offered != imp.Can(tr) {
				t.Errorf("%s: %s is offered: %v, want %v", s, tr, offered, imp.Can(tr))
			}
		}
	}
}

// A row that another row of the file superseded is not in the store.
func TestSupersededRowsAreDoneButDidNotLand(t *testing.T) {
	imp := bulk.Import{ID: "imp_1", State: bulk.StateCancelled, Sealed: true, Rows: bulk.Counts{Read: 100, Created: 30, Updated: 10, Superseded: 20, Rejected: 5, Unprocessed: 35}}
	var page, list strings.Builder
	if err := Live(ImportView{Import: imp}).Render(t.Context(), &page); err != nil {
		t.Fatal(err)
	}
	if err := Imports(ImportsView{Imports: []bulk.Import{imp}}).Render(t.Context(), &list); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"40 rows had landed before", "<b>65</b>", "40 landed"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if !strings.Contains(list.String(), `40 <span class="muted">/ 100</span>`) {
		t.Error("the list does not say that 40 of 100 rows landed")
	}
}

func TestASilentSenderIsNotSaidToBeLive(t *testing.T) {
	at := now.Add(-2 * time.Minute)
	imp := bulk.Import{ID: "imp_1", Filename: "people.csv", State: bulk.StateReceiving, Bytes: bulk.ByteCounts{Total: 200, Received: 122}}
	page := func(last time.Time) string {
		var b strings.Builder
		if err := Live(ImportView{Page: Page{Now: now}, Import: imp, LastByte: &last}).Render(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	silent := page(at)
	for _, want := range []string{"Waiting for the sender", "Nothing has come since 23 Nov 2026, 11:58:00 UTC, 2 min ago", "go on from 61 %", "30 Nov 2026, 11:58:00 UTC"} {
		if !strings.Contains(silent, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(silent, "data-live-badge") || strings.Contains(silent, "Receiving") {
		t.Error("the page says that the upload lives")
	}
	if sending := page(now.Add(-20 * time.Second)); strings.Contains(sending, "Nothing has come") || !strings.Contains(sending, "data-live-badge") {
		t.Error("a sender who sent 20 s ago is said to be silent")
	}
	var list strings.Builder
	if err := Imports(ImportsView{Page: Page{Now: now}, Imports: []bulk.Import{imp}, LastBytes: map[bulk.ImportID]time.Time{imp.ID: at}}).Render(t.Context(), &list); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(list.String(), "Waiting for the sender") {
		t.Error("the list does not say that it waits for the sender")
	}
}
