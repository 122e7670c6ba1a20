package console

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
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
	imports []*demoImport // newest first
	spec    bulk.Dataset
	empty   bulk.Dataset
}

type demoImport struct {
	bulk.Import
	batches  []bulk.Batch
	clusters []bulk.Cluster
	events   []bulk.Event
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
		account: bulk.Account{ID: bulk.NewAccountID(), Name: "Acme Logistics", RecordQuota: 5_000_000, RecordsUsed: 3_412_806},
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
			{Name: "sku", Type: bulk.TypeText, Required: true}, {Name: "price", Type: bulk.TypeDecimal}}}},
	}
	w.imports = []*demoImport{
		w.make("crm-export-2026-11.csv", bulk.StateProcessing, 310, 176, now.Add(-4*time.Minute)),
		w.make("newsletter-signups.csv", bulk.StateReceiving, 96, 41, now.Add(-40*time.Second)),
		w.make("leads-trade-fair.csv", bulk.StateAwaitingApproval, 24, 0, now.Add(-9*time.Minute)),
		w.make("partners-emea.csv.gz", bulk.StatePaused, 140, 61, now.Add(-25*time.Minute)),
		w.make("contacts-full-dump.csv", bulk.StateCompletedWithRejects, 122, 122, now.Add(-3*time.Hour)),
		w.make("legacy-crm.txt", bulk.StateFailed, 18, 12, now.Add(-7*time.Hour)),
		w.make("test-upload.csv", bulk.StateCancelled, 60, 22, now.Add(-26*time.Hour)),
		w.make("opt-outs.csv", bulk.StateCompleted, 3, 3, now.Add(-49*time.Hour)),
	}
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
		w.batches[7].State, w.batches[7].Failures, w.batches[7].Error = bulk.BatchQuarantined, 5, "object hash mismatch"
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
	w.clusters = clustersOf(w.Rows.Rejected)
}

// clustersOf spreads rejects over causes.
func clustersOf(rejected int64) []bulk.Cluster {
	if rejected == 0 {
		return nil
	}
	c := func(column string, code bulk.Code, n int64, values ...string) bulk.Cluster {
		out := bulk.Cluster{Column: column, Code: code, Count: n, Sentence: code.Sentence()}
		for i, v := range values {
			out.Examples = append(out.Examples, bulk.Example{Line: int64(1204 + i*7919), Row: int64(1203 + i*7919), Value: v})
		}
		return out
	}
	a, b, d := rejected*6/10, rejected*2/10, rejected/10
	return []bulk.Cluster{
		c("birth_date", bulk.CodeInvalidDate, a, "31-02-2024", "1987/13/01", "00.00.0000", "n/a"),
		c("email", bulk.CodeInvalidEmail, b, "jane.doe(at)example.com", "info@", "tel:+49 30 1234567"),
		c("full_name", bulk.CodeRequired, d, "", ""),
		c("", bulk.CodeColumnCount, rejected-a-b-d, "7 expected, 9 found"),
	}
}

var errNoDemo = bulk.Errorf(bulk.KindNotFound, "not_found", "There is no such thing.")

func (w *demo) who() bulk.Principal { return bulk.Principal{Account: w.account.ID, Name: "Dana"} }

func (w *demo) KeyPrincipal(_ context.Context, hash string) (bulk.Principal, error) {
	if hash != bulk.HashSecret(w.key) {
		return bulk.Principal{}, bulk.Errorf(bulk.KindUnauthorized, "bad_api_key", "Unknown key.")
	}
	return w.who(), nil
}

func (w *demo) SessionPrincipal(_ context.Context, hash string) (bulk.Principal, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.session[hash] {
		return bulk.Principal{}, bulk.Errorf(bulk.KindUnauthorized, "no_session", "Sign in.")
	}
	return w.who(), nil
}

func (w *demo) RedeemLogin(_ context.Context, link, session string, _ time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.links[link] {
		return bulk.Errorf(bulk.KindUnauthorized, "bad_link", "Spent.")
	}
	w.links[link], w.session[session] = false, true
	return nil
}

func (w *demo) OpenSession(_ context.Context, _ bulk.Principal, session string, _ time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.session[session] = true
	return nil
}

func (w *demo) CloseSession(_ context.Context, session string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.session, session)
	return nil
}

func (w *demo) Account(context.Context, bulk.AccountID) (bulk.Account, error) { return w.account, nil }

func (w *demo) Usage(context.Context, bulk.AccountID) (bulk.Usage, error) {
	return bulk.Usage{Records: w.account.RecordsUsed, Quota: w.account.RecordQuota, ByDataset: []bulk.DatasetUsage{{Dataset: "contacts", Records: 3_212_400}, {Dataset: "products", Records: 200_406}}}, nil
}

func (w *demo) find(id bulk.ImportID) (*demoImport, error) {
	for _, i := range w.imports {
		if i.ID == id {
			return i, nil
		}
	}
	return nil, errNoDemo
}

func (w *demo) CreateImport(_ context.Context, n bulk.NewImport, _ int) (bulk.Import, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := &demoImport{Import: bulk.Import{ID: bulk.NewImportID(), AccountID: n.Account, Dataset: n.Dataset, State: bulk.StateOpen, Mode: n.Mode, Filename: n.Filename, Priority: n.Priority,
		Options: n.Options, CreatedAt: time.Now().UTC(), Bytes: bulk.ByteCounts{Total: max(0, n.Size)}, Version: 1}}
	w.imports = slices.Insert(w.imports, 0, i)
	return i.Import, false, nil
}

func (w *demo) Import(_ context.Context, _ bulk.AccountID, id bulk.ImportID) (bulk.Import, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i, err := w.find(id)
	if err != nil {
		return bulk.Import{}, err
	}
	return i.Import, nil
}

func (w *demo) ListImports(_ context.Context, _ bulk.AccountID, f ImportFilter) (out []bulk.Import, next string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, i := range w.imports {
		if (f.State == "" || f.State == i.State) && (f.Dataset == "" || f.Dataset == i.Dataset) && strings.Contains(i.Filename, f.Search) {
			out = append(out, i.Import)
		}
	}
	return out, "", nil
}

func (w *demo) change(id bulk.ImportID, do func(i *demoImport) error) (bulk.Import, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i, err := w.find(id)
	if err == nil {
		err = do(i)
	}
	if err != nil {
		return bulk.Import{}, err
	}
	return i.Import, nil
}

func (w *demo) move(id bulk.ImportID, to bulk.State, text string, from ...bulk.State) (bulk.Import, error) {
	return w.change(id, func(i *demoImport) error {
		if !slices.Contains(from, i.State) {
			return bulk.Errorf(bulk.KindConflict, "wrong_state", "The import is %s; this cannot be done now.", i.State)
		}
		i.State = to
		i.say(time.Now().UTC(), "state", text)
		if now := time.Now().UTC(); to.Terminal() {
			i.FinishedAt = &now
		}
		return nil
	})
}

func (w *demo) Cancel(_ context.Context, _ bulk.AccountID, id bulk.ImportID) (bulk.Import, error) {
	return w.move(id, bulk.StateCancelled, "Cancelled.", bulk.StateOpen, bulk.StateReceiving, bulk.StateProcessing, bulk.StatePaused, bulk.StateAwaitingApproval)
}

func (w *demo) Pause(_ context.Context, _ bulk.AccountID, id bulk.ImportID) (bulk.Import, error) {
	return w.move(id, bulk.StatePaused, "Paused.", bulk.StateReceiving, bulk.StateProcessing)
}

func (w *demo) Resume(_ context.Context, _ bulk.AccountID, id bulk.ImportID) (bulk.Import, error) {
	return w.move(id, bulk.StateProcessing, "Resumed.", bulk.StatePaused)
}

func (w *demo) Approve(_ context.Context, _ bulk.AccountID, id bulk.ImportID) (bulk.Import, error) {
	return w.move(id, bulk.StateProcessing, "Approved.", bulk.StateAwaitingApproval)
}

func (w *demo) Batches(_ context.Context, _ bulk.AccountID, id bulk.ImportID, after int64, limit int) ([]bulk.Batch, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i, err := w.find(id)
	if err != nil {
		return nil, err
	}
	from := min(int(after+1), len(i.batches))
	return slices.Clone(i.batches[from:min(from+limit, len(i.batches))]), nil
}

func (w *demo) Clusters(_ context.Context, _ bulk.AccountID, id bulk.ImportID) ([]bulk.Cluster, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i, err := w.find(id)
	if err != nil {
		return nil, err
	}
	return i.clusters, nil
}

func (w *demo) Receipt(_ context.Context, _ bulk.AccountID, id bulk.ImportID) (bulk.Receipt, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i, err := w.find(id)
	if err != nil {
		return bulk.Receipt{}, err
	}
	took := 1.0
	if i.StartedAt != nil && i.FinishedAt != nil {
		took = i.FinishedAt.Sub(*i.StartedAt).Seconds()
	}
	return bulk.Receipt{Import: i.Import, Balanced: i.Rows.Sum() == i.Rows.Read, Clusters: i.clusters, Usage: bulk.Usage{Records: w.account.RecordsUsed, Quota: w.account.RecordQuota},
		Seconds: took, RowsPerS: float64(i.Rows.Read) / took}, nil
}

func (w *demo) ImportEvents(_ context.Context, _ bulk.AccountID, id bulk.ImportID, after int64, limit int) ([]bulk.Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i, err := w.find(id)
	if err != nil {
		return nil, err
	}
	return slices.Clone(i.events[min(int(after), len(i.events)):]), nil
}

func (w *demo) ListDatasets(context.Context) ([]bulk.Dataset, error) {
	return []bulk.Dataset{w.spec, w.empty}, nil
}

func (w *demo) Dataset(_ context.Context, name bulk.DatasetName) (bulk.Dataset, error) {
	switch name {
	case w.spec.Name:
		return w.spec, nil
	case w.empty.Name:
		return w.empty, nil
	}
	return bulk.Dataset{}, errNoDemo
}

func (w *demo) Records(_ context.Context, _ bulk.AccountID, name bulk.DatasetName, cursor string, limit int) (bulk.RecordPage, error) {
	page := bulk.RecordPage{Columns: header(w.spec.Spec)}
	if name != w.spec.Name {
		return page, nil
	}
	from, _ := strconv.Atoi(cursor)
	for i := from; i < from+12; i++ {
		r := bulk.Record{Import: w.imports[0].ID, Row: int64(i*731 + 12), OpSeq: 9}
		for _, c := range sampleFile(w.spec.Spec, i+1)[i+1] {
			r.Values = append(r.Values, c)
		}
		r.Values[4] = nil
		page.Records = append(page.Records, r)
	}
	page.Next = strconv.Itoa(from + 12)
	return page, nil
}

// Receive takes a whole file: a fake of the ingest and processing, so that the pages
// have something that ends.
func (w *demo) Receive(_ context.Context, _ bulk.AccountID, id bulk.ImportID, body io.Reader, _ int64) error {
	data, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	_, err = w.change(id, func(i *demoImport) error {
		i.take(data, int64(len(data)))
		return nil
	})
	return err
}

// take adds bytes to an upload and completes the import when they are all there.
func (w *demoImport) take(data []byte, total int64) {
	now := time.Now().UTC()
	if w.StartedAt == nil {
		w.StartedAt = &now
		w.say(now, "state", "The first bytes arrived.")
	}
	w.Bytes.Total, w.State = total, bulk.StateReceiving
	w.Bytes.Received += int64(len(data))
	w.Rows.Read += int64(bytes.Count(data, []byte("\n")))
	if w.Bytes.Received == total {
		w.Sealed, w.State, w.FinishedAt = true, bulk.StateCompleted, &now
		w.Rows.Read--
		w.Rows.Created = w.Rows.Read
		w.say(now, "state", "Completed: every row has its outcome.")
	}
	w.Version++
}

func (w *demo) Preview(_ context.Context, sample []byte, whole bool, choice bulk.DialectChoice, spec *bulk.Spec) (bulk.Preview, error) {
	p := bulk.Preview{Dialect: bulk.Dialect{Delimiter: ',', Quote: '"', Escape: '"', Encoding: "utf-8"}, Truncated: !whole}
	if choice.Delimiter != "" {
		p.Dialect.Delimiter = bulk.Char(choice.Delimiter[0])
	}
	r := csv.NewReader(bytes.NewReader(sample[:bytes.LastIndexByte(sample, '\n')+1])) // the last record may be cut
	r.Comma = rune(p.Dialect.Delimiter)
	rows, err := r.ReadAll()
	if err != nil || len(rows) == 0 {
		p.Problem = bulk.Errorf(bulk.KindUnprocessed, bulk.ErrEmptyFile, "The file is empty.")
		return p, nil
	}
	p.Header, p.Rows = rows[0], rows[1:min(len(rows), 21)]
	for i, h := range p.Header {
		c := bulk.PreviewColumn{Name: h, Type: bulk.TypeText, Example: p.Rows[0][i]}
		for _, col := range spec.Columns {
			if bulk.HeaderKey(col.Name) == bulk.HeaderKey(h) {
				c.Field, c.Confidence, c.Type = col.Name, 1, col.Type
			} else if strings.Contains(bulk.HeaderKey(h), bulk.HeaderKey(col.Name)[:4]) && c.Field == "" {
				c.Field, c.Confidence, c.Type = col.Name, 0.72, col.Type
			}
		}
		p.Columns = append(p.Columns, c)
	}
	return p, nil
}

// content is the least of tus: HEAD and PATCH.
func (w *demo) content(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Tus-Resumable", "1.0.0")
	rw.Header().Set("Cache-Control", "no-store")
	id := bulk.ImportID(r.PathValue("id"))
	if r.Method == http.MethodPatch {
		data, _ := io.ReadAll(r.Body)
		w.change(id, func(i *demoImport) error { i.take(data, i.Bytes.Total); return nil })
	}
	i, err := w.Import(r.Context(), w.account.ID, id)
	if err != nil {
		http.NotFound(rw, r)
		return
	}
	rw.Header().Set("Upload-Offset", strconv.FormatInt(i.Bytes.Received, 10))
	rw.Header().Set("Upload-Length", strconv.FormatInt(i.Bytes.Total, 10))
	if r.Method == http.MethodPatch {
		rw.WriteHeader(http.StatusNoContent)
	}
}

// Each streams no rejects: the pages only link to the file.
func (w *demo) Each(context.Context, bulk.Import, func(bulk.Reject) error) error { return nil }

// For operators only; no page asks.
func (w *demo) CreateAccount(context.Context, string, int64, int) (bulk.Account, error) {
	return bulk.Account{}, errors.ErrUnsupported
}
func (w *demo) ListAccounts(context.Context) ([]bulk.Account, error) {
	return nil, errors.ErrUnsupported
}
func (w *demo) SetQuota(context.Context, bulk.AccountID, int64) error {
	return errors.ErrUnsupported
}
func (w *demo) SetWeight(context.Context, bulk.AccountID, int) error {
	return errors.ErrUnsupported
}
func (w *demo) CreateKey(context.Context, bulk.APIKey, string) error { return errors.ErrUnsupported }
func (w *demo) ListKeys(context.Context, bulk.AccountID) ([]bulk.APIKey, error) {
	return nil, errors.ErrUnsupported
}
func (w *demo) RevokeKey(context.Context, bulk.AccountID, bulk.KeyID) error {
	return errors.ErrUnsupported
}
func (w *demo) ApplyDataset(context.Context, bulk.Spec) (bulk.Dataset, error) {
	return bulk.Dataset{}, errors.ErrUnsupported
}

// serve starts a console on the world, on a free port.
func (w *demo) serve(t *testing.T) string {
	t.Helper()
	s, err := New(Config{
		Accounts: w, Imports: w, Datasets: w, Uploads: w, Rejects: w, Content: http.HandlerFunc(w.content),
		RejectsCSV: func(io.Writer, bulk.Layout, bool) (RejectWriter, error) { return nil, errors.ErrUnsupported },
		Logger:     slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(func() { s.Close(); server.CloseClientConnections(); server.Close() })
	return server.URL
}

// link makes a one-time login link.
func (w *demo) link() string {
	token := bulk.NewToken()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.links[bulk.HashSecret(token)] = true
	return "/login/" + token
}

// of returns the import of that file.
func (w *demo) of(name string) *demoImport {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, i := range w.imports {
		if i.Filename == name {
			return i
		}
	}
	panic(fmt.Sprintf("no import of %s", name))
}
