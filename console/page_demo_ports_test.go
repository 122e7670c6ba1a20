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
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

var errNoDemo = bulk.Errorf(bulk.KindNotFound, "not_found", "There is no such thing.")

func (w *demo) who() bulk.Principal {
	return bulk.Principal{Account: w.account.ID, Name: "Dana", Operator: w.operator}
}

func (w *demo) Principals(_ context.Context, credentials []bulk.Credential) (map[bulk.Credential]bulk.Principal, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[bulk.Credential]bulk.Principal{}
	for _, c := range credentials {
		if c.Session && w.session[c.Hash] || !c.Session && c.Hash == bulk.HashSecret(w.key) {
			out[c] = w.who()
		}
	}
	return out, nil
}

func (w *demo) NoteUse(context.Context, []bulk.Principal) error { return nil }

func (w *demo) OpenSession(_ context.Context, key, session string, _ time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if key != bulk.HashSecret(w.key) {
		return bulk.Errorf(bulk.KindUnauthorized, "unknown_key", "Unknown key.")
	}
	w.session[session] = true
	return nil
}

func (w *demo) RedeemLogin(_ context.Context, link, session string, _ time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.links[link] {
		return bulk.Errorf(bulk.KindUnauthorized, "bad_link", "Spent.")
	}
	w.links[link], w.session[session] = false, true
	return nil
}

// expire ends every session.
func (w *demo) expire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.session)
}

func (w *demo) CloseSession(_ context.Context, session string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.session, session)
	return nil
}

func (w *demo) Usage(context.Context, bulk.AccountID) (bulk.Usage, error) {
	if w.broken {
		return bulk.Usage{}, errors.New("the store broke")
	}
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
	i := &demoImport{Import: bulk.Import{
		ID: bulk.NewImportID(), AccountID: n.Account, Dataset: n.Dataset, State: bulk.StateOpen, Mode: n.Mode, Filename: n.Filename, Priority: n.Priority,
		Options: n.Options, CreatedAt: time.Now().UTC(), Bytes: bulk.ByteCounts{Total: max(0, n.Size)}, Version: 1,
	}}
	w.imports = slices.Insert(w.imports, 0, i)
	if w.expiring {
		clear(w.session)
	}
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

func (w *demo) ListImports(_ context.Context, _ bulk.AccountID, f bulk.ImportFilter) (out []bulk.Import, next string, err error) {
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

func (w *demo) move(id bulk.ImportID, t bulk.Trigger, text string) (bulk.Import, error) {
	return w.change(id, func(i *demoImport) error {
		next, err := i.State.Next(t, i.Facts())
		if err != nil || next == i.State {
			return err
		}
		if next.Ending() {
			next = bulk.StateCancelled
		}
		i.State = next
		i.say(time.Now().UTC(), "state", text)
		if now := time.Now().UTC(); next.Terminal() {
			i.FinishedAt = &now
		}
		return nil
	})
}

func (w *demo) Forget(context.Context, bulk.AccountID, bulk.ImportID) (bool, error) {
	return false, nil
}

func (w *demo) Cancel(_ context.Context, _ bulk.AccountID, id bulk.ImportID) (bulk.Import, error) {
	return w.move(id, bulk.TriggerCancel, "Cancelled.")
}

func (w *demo) Pause(_ context.Context, _ bulk.AccountID, id bulk.ImportID) (bulk.Import, error) {
	return w.move(id, bulk.TriggerPause, "Paused.")
}

func (w *demo) Resume(_ context.Context, _ bulk.AccountID, id bulk.ImportID) (bulk.Import, error) {
	return w.move(id, bulk.TriggerResume, "Resumed.")
}

func (w *demo) Approve(_ context.Context, _ bulk.AccountID, id bulk.ImportID) (bulk.Import, error) {
	return w.move(id, bulk.TriggerApprove, "Approved.")
}

func (w *demo) Batches(_ context.Context, _ bulk.AccountID, after bulk.BatchID, limit int) ([]bulk.Batch, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i, err := w.find(after.Import)
	if err != nil {
		return nil, err
	}
	from := min(int(after.No+1), len(i.batches))
	return slices.Clone(i.batches[from:min(from+limit, len(i.batches))]), nil
}

func (w *demo) RejectGroupPage(_ context.Context, _ bulk.AccountID, id bulk.ImportID, _ bulk.Window) ([]bulk.RejectGroup, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i, err := w.find(id)
	if err != nil {
		return nil, err
	}
	return i.groups, nil
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
	return bulk.Receipt{
		Import: i.Import, Balanced: i.Rows.Sum() == i.Rows.Read, RejectGroups: i.groups, Usage: bulk.Usage{Records: w.account.RecordsUsed, Quota: w.account.RecordQuota},
		Seconds: took, Working: took, RowsPerS: bulk.PerSecond(i.Rows.Settled(), time.Duration(took*float64(time.Second))),
	}, nil
}

func (w *demo) ImportEvents(_ context.Context, _ bulk.AccountID, id bulk.ImportID, in bulk.Window) ([]bulk.Event, error) {
	after := in.After
	w.mu.Lock()
	defer w.mu.Unlock()
	i, err := w.find(id)
	if err != nil {
		return nil, err
	}
	return slices.Clone(i.events[min(int(after), len(i.events)):]), nil
}

func (w *demo) Silences(context.Context, bulk.AccountID) (map[bulk.ImportID]time.Duration, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[bulk.ImportID]time.Duration{}
	for _, i := range w.imports {
		if !i.Sealed && !i.State.Terminal() {
			out[i.ID] = i.silence
		}
	}
	return out, nil
}

func (w *demo) ListDatasets(context.Context) ([]bulk.Dataset, error) {
	if w.bare {
		return nil, nil
	}
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

func (w *demo) Records(_ context.Context, _ bulk.AccountID, q bulk.RecordQuery) (bulk.RecordPage, error) {
	name, cursor := q.Dataset, q.Cursor
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
func (w *demo) Receive(_ context.Context, _ bulk.AccountID, id bulk.ImportID, body bulk.Body) error {
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

func (w *demo) Preview(_ context.Context, sample bulk.Sample) (bulk.Preview, error) {
	p := bulk.Preview{Dialect: bulk.Dialect{Delimiter: ',', Quote: '"', Escape: '"', Encoding: "utf-8"}, Truncated: !sample.Whole}
	if sample.Choice.Delimiter != "" {
		p.Dialect.Delimiter = bulk.Char(sample.Choice.Delimiter[0])
	}
	r := csv.NewReader(bytes.NewReader(sample.Bytes[:bytes.LastIndexByte(sample.Bytes, '\n')+1])) // the last record may be cut
	r.Comma = rune(p.Dialect.Delimiter)
	rows, err := r.ReadAll()
	if err != nil || len(rows) == 0 {
		p.Problem = bulk.Errorf(bulk.KindUnprocessed, bulk.ErrEmptyFile, "The file is empty.")
		return p, nil
	}
	p.Header, p.Rows = rows[0], rows[1:min(len(rows), 21)]
	for i, h := range p.Header {
		c := bulk.PreviewColumn{Name: h, Type: bulk.TypeText, Example: p.Rows[0][i]}
		for _, col := range sample.Spec.Columns {
			if bulk.HeaderKey(col.Name) == bulk.HeaderKey(h) {
				c.Field, c.Confidence, c.Type = col.Name, 1, col.Type
			} else if strings.Contains(bulk.HeaderKey(h), bulk.HeaderKey(col.Name)[:4]) && c.Field == "" {
				c.Field, c.Confidence, c.Type = col.Name, 0.72, col.Type
			}
		}
		p.Columns = append(p.Columns, c)
	}
	fields := make([]string, len(p.Columns))
	for i, c := range p.Columns {
		fields[i] = c.Field
	}
	p.Unmapped, p.Missing = sample.Spec.Unfed(fields)
	return p, nil
}

// content is the least of tus: HEAD and PATCH.
func (w *demo) content(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Tus-Resumable", "1.0.0")
	rw.Header().Set("Cache-Control", "no-store")
	id := bulk.ImportID(r.PathValue("id"))
	if r.Method == http.MethodPatch {
		data, _ := io.ReadAll(r.Body)
		if w.stuck {
			<-r.Context().Done()
			return
		}
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

func (w *demo) SetQuota(context.Context, bulk.AccountID, int64) error {
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
func (w *demo) serve(t *testing.T, change ...func(*Config)) string {
	t.Helper()
	c := Config{
		Accounts: w, Imports: w, Datasets: w, Uploads: w, Rejects: w, Dispatchers: w, Nodes: w, Content: http.HandlerFunc(w.content),
		RejectsCSV: func(io.Writer, bulk.Layout, bool) (RejectWriter, error) { return nil, errors.ErrUnsupported },
		Logger:     slog.New(slog.DiscardHandler),
	}
	for _, f := range change {
		f(&c)
	}
	s, err := New(c)
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
