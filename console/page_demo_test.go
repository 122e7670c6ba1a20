package console

import (
	"strings"
	"sync"
	"time"

	"bulkhead/internal/bulk"
)

// demo is an account with imports in every interesting state, behind the console's
// ports: enough to look at every page and to click through it.
type demo struct {
	mu      sync.Mutex
	account bulk.Account
	key     string
	links   map[string]bool // hash → unspent
	session map[string]bool
	// expiring says that every session ends when an import is created.
	expiring bool
	broken   bool          // the store fails to tell the usage
	bare     bool          // there is no dataset
	stuck    bool          // no upload ends
	imports  []*demoImport // newest first
	spec     bulk.Dataset
	empty    bulk.Dataset
	demoCluster
}

type demoImport struct {
	bulk.Import
	batches []bulk.Batch
	groups  []bulk.RejectGroup
	events  []bulk.Event
	silence time.Duration // of its sender
}

func (w *demoImport) say(at time.Time, kind, text string) {
	w.events = append(w.events, bulk.Event{Seq: int64(len(w.events) + 1), At: at, Kind: kind, Text: text})
	w.Version++
}

// newDemo makes the account "Acme Logistics" and its imports.
func newDemo() *demo {
	now := time.Now().UTC()
	key, _ := bulk.NewSecret()
	w := &demo{
		key:     key,
		account: bulk.Account{ID: bulk.NewAccountID(), Name: "Acme Logistics", Weight: 1, RecordQuota: 5_000_000, RecordsUsed: 3_412_806},
		links:   map[string]bool{}, session: map[string]bool{},
		spec: bulk.Dataset{Version: 3, Spec: bulk.Spec{Name: "contacts", Title: "Contacts", Key: []string{"email"}, Columns: []bulk.Column{
			{Name: "email", Type: bulk.TypeEmail, Required: true, Aliases: []string{"e-mail", "mail address"}},
			{Name: "full_name", Type: bulk.TypeText, Required: true, MaxLength: 120, Aliases: []string{"name"}},
			{Name: "country", Type: bulk.TypeText, Pattern: "[A-Z]{2}"},
			{Name: "birth_date", Type: bulk.TypeDate, Min: "1900-01-01", Max: "2026-12-31"},
			{Name: "credit_limit", Type: bulk.TypeDecimal, Min: "0"},
			{Name: "plan", Type: bulk.TypeEnum, Values: []string{"free", "team", "business"}, Default: "free"},
			{Name: "signed_up_at", Type: bulk.TypeTimestamp, Timezone: "Europe/Berlin"},
			{Name: "newsletter", Type: bulk.TypeBoolean},
		}}},
		empty: bulk.Dataset{Version: 1, Spec: bulk.Spec{Name: "products", Title: "Products", Key: []string{"sku"}, Columns: []bulk.Column{
			{Name: "sku", Type: bulk.TypeText, Required: true}, {Name: "price", Type: bulk.TypeDecimal},
		}}},
	}
	w.demoCluster = newDemoCluster(w.account)
	w.imports = []*demoImport{
		w.make("crm-export-2026-11.csv", bulk.StateProcessing, 310, 176, now.Add(-4*time.Minute)),
		w.make("newsletter-signups.csv", bulk.StateReceiving, 96, 41, now.Add(-40*time.Second)),
		w.make("leads-trade-fair.csv", bulk.StateAwaitingApproval, 24, 0, now.Add(-9*time.Minute)),
		w.make("partners-emea.csv.gz", bulk.StatePaused, 140, 61, now.Add(-25*time.Minute)),
		w.make("contacts-full-dump.csv", bulk.StateCompletedWithRejects, 122, 122, now.Add(-3*time.Hour)),
		w.make("legacy-crm.txt", bulk.StateFailed, 18, 12, now.Add(-7*time.Hour)),
		w.make("test-upload.csv", bulk.StateCancelled, 60, 22, now.Add(-26*time.Hour)),
		w.make("opt-outs.csv", bulk.StateCompleted, 3, 3, now.Add(-49*time.Hour)),
		w.make("suppliers-q4.csv", bulk.StateReceiving, 30, 30, now.Add(-12*time.Minute)),
		w.make("inventory-berlin.csv", bulk.StateOpen, 0, 0, now.Add(-20*time.Second)),
		w.make("price-list.csv", bulk.StateValidating, 40, 17, now.Add(-30*time.Second)),
		w.make("returns-2026.csv", bulk.StateCancelling, 20, 11, now.Add(-2*time.Minute)),
		w.make("preisliste.csv", bulk.StateFailed, 0, 0, now.Add(-5*time.Hour)),
		w.make(strings.Repeat("export_of_everything_that_there_is_", 7)+".csv", bulk.StateCompleted, 2, 2, now.Add(-90*time.Hour)),
	}
	w.of("suppliers-q4.csv").silence = 2 * time.Minute
	unmapped := w.of("preisliste.csv")
	unmapped.Error, unmapped.Layout = bulk.Errorf(bulk.KindUnprocessed, bulk.ErrUnmappedRequired, "No column of the file goes to email, which is required. Map one to it, or name it so in the file."), nil
	w.waits[w.imports[0].ID] = bulk.Wait{Waiting: 133, InFlight: 1, Reason: bulk.WaitsForOthers, Place: 2, Before: 34, Median: 2600 * time.Millisecond, Upper: 11500 * time.Millisecond}
	w.waits[w.imports[1].ID] = bulk.Wait{Waiting: 55, Reason: bulk.WaitsForOwn, Place: 3, Before: 140, Median: 41 * time.Second, Upper: 90 * time.Second}
	return w
}

// make builds an import of n batches, done of which are committed, with numbers that
// agree with each other.
func (w *demo) make(name string, state bulk.State, n, done int, start time.Time) *demoImport {
	const rowsPer, bytesPer = 8192, 1_130_000
	imp := &demoImport{Import: bulk.Import{
		ID: bulk.NewImportID(), AccountID: w.account.ID, Dataset: "contacts", State: state, Mode: bulk.ModeUpsert, Filename: name, Priority: bulk.PriorityNormal,
		CreatedAt: start, StartedAt: &start, Sealed: state != bulk.StateReceiving,
		Layout: &bulk.Layout{
			Dialect: bulk.Dialect{Delimiter: ',', Quote: '"', Escape: '"', Encoding: "utf-8"},
			Header:  []string{"Mail Address", "Name", "Country", "Birth date", "Limit", "Plan", "Comment"},
			Fields:  []string{"email", "full_name", "country", "birth_date", "credit_limit", "plan", ""},
		},
	}}
	imp.say(start, "state", "The first bytes arrived.")
	imp.say(start.Add(400*time.Millisecond), "layout", "The header was read: 7 columns, 6 of them go into contacts.")
	end := time.Now().UTC()
	if end.Sub(start) > time.Hour {
		end = start.Add(time.Duration(n) * 290 * time.Millisecond)
	}
	for i := range n {
		b := bulk.Batch{
			Import: imp.ID, No: int64(i), State: bulk.BatchStaged, FirstRow: int64(i*rowsPer + 1), ByteFrom: int64(i * bytesPer), ByteTo: int64((i + 1) * bytesPer),
			Rows: bulk.Counts{Read: rowsPer}, StagedAt: start.Add(time.Duration(i) * 200 * time.Millisecond), Size: 410_000,
		}
		if i < done {
			at := end.Add(-time.Duration(done-i) * 310 * time.Millisecond)
			b.State, b.CommittedAt, b.Node = bulk.BatchCommitted, &at, "processor_7hq2m4"
			b.ReadMS, b.ValidateMS, b.CommitMS = 9, 31, int64(140+i%70)
			b.Rows.Rejected, b.Rows.Superseded = int64(i*37%91+20), int64(i%13)
			b.Rows.Updated = int64(1900 + i*53%600)
			b.Rows.Created = rowsPer - b.Rows.Rejected - b.Rows.Superseded - b.Rows.Updated
		}
		imp.batches = append(imp.batches, b)
	}
	imp.Bytes = bulk.ByteCounts{Total: int64(n * bytesPer), Received: int64(n * bytesPer)}
	imp.finish(state, done, end)
	return imp
}

// finish puts the import and its batches into the state.
func (w *demoImport) finish(state bulk.State, done int, end time.Time) {
	sum := strings.Repeat("9f86d081884c7d65", 4)
	if w.Sealed {
		w.SHA256 = &sum
		w.say(end.Add(-time.Minute), "sealed", "The file is complete.")
	}
	switch state {
	case bulk.StateOpen:
		w.Bytes, w.StartedAt, w.Layout, w.Sealed, w.events = bulk.ByteCounts{Total: 48_000_000}, nil, nil, false, nil
	case bulk.StateValidating:
		w.Options.DryRun = true
		for i := range w.batches[:done] {
			w.batches[i].State, w.batches[i].Rows = bulk.BatchChecked, bulk.Counts{Read: w.batches[i].Rows.Read, Rejected: int64(i % 9)}
		}
	case bulk.StateReceiving:
		w.Bytes.Total = w.Bytes.Received * 5 / 2
		w.Priority = bulk.PriorityHigh
	case bulk.StateAwaitingApproval:
		w.Options.DryRun = true
		for i := range w.batches {
			w.batches[i].State, w.batches[i].Rows.Rejected = bulk.BatchChecked, int64(i%7)
		}
		w.say(end.Add(-20*time.Second), "state", "Every row was checked. Approve to commit.")
	case bulk.StatePaused:
		w.Layout.Dialect.Compression = "gzip"
		w.say(end.Add(-10*time.Second), "state", "Paused.")
	case bulk.StateFailed:
		w.Options.OnError = "5%"
		w.Error = bulk.Errorf(bulk.KindUnprocessed, bulk.ErrUnterminatedQuote, "A quote that opens here is never closed. Close it, or double it if it is part of the text.").At(147_456, 20_340_118)
		if len(w.batches) > 0 {
			w.batches[7].State, w.batches[7].Failures, w.batches[7].Error = bulk.BatchQuarantined, 5, "object hash mismatch"
		}
		w.say(end, "state", "Failed: a quote is never closed.")
	case bulk.StateCancelled:
		w.say(end, "state", "Cancelled by Dana. No further row lands.")
	case bulk.StateCompleted, bulk.StateCompletedWithRejects:
		w.Mirrored = true
		w.say(end, "state", "Completed: every row has its outcome.")
	}
	if state.Terminal() {
		w.FinishedAt = &end
		for i := range w.batches {
			if b := &w.batches[i]; b.State == bulk.BatchStaged {
				b.State, b.Rows.Unprocessed = bulk.BatchDropped, b.Rows.Read
			}
		}
	}
	w.Import.State = state
	for _, b := range w.batches {
		w.Rows.Read += b.Rows.Read
		w.Rows.Unprocessed += b.Rows.Unprocessed
		if b.State == bulk.BatchQuarantined {
			w.Rows.Unprocessed += b.Rows.Read
			w.Batches.Quarantined++
			continue
		}
		w.Rows.Created += b.Rows.Created
		w.Rows.Updated += b.Rows.Updated
		w.Rows.Superseded += b.Rows.Superseded
		w.Rows.Rejected += b.Rows.Rejected
		switch b.State {
		case bulk.BatchCommitted:
			w.Batches.Committed++
		case bulk.BatchStaged:
			w.Batches.Staged++
		}
	}
	w.Batches.Total = int64(len(w.batches))
	if state == bulk.StateCompleted {
		w.Rows.Created += w.Rows.Rejected
		w.Rows.Rejected = 0
	}
	w.groups = rejectGroupsOf(w.Rows.Rejected)
}

// rejectGroupsOf spreads rejects over causes.
func rejectGroupsOf(rejected int64) []bulk.RejectGroup {
	if rejected == 0 {
		return nil
	}
	c := func(column string, code bulk.Code, n int64, values ...string) bulk.RejectGroup {
		out := bulk.RejectGroup{Column: column, Code: code, Count: n, Sentence: code.Sentence()}
		for i, v := range values {
			out.Examples = append(out.Examples, bulk.Example{Line: int64(1204 + i*7919), Row: int64(1203 + i*7919), Value: v})
		}
		return out
	}
	a, b, d := rejected*6/10, rejected*2/10, rejected/10
	return []bulk.RejectGroup{
		c("birth_date", bulk.CodeInvalidDate, a, "31-02-2024", "1987/13/01", "00.00.0000", "n/a"),
		c("email", bulk.CodeInvalidEmail, b, "jane.doe(at)example.com", "info@", "tel:+49 30 1234567"),
		c("full_name", bulk.CodeRequired, d, "", ""),
		c("", bulk.CodeColumnCount, rejected-a-b-d, "7 expected, 9 found"),
	}
}
