package console

import (
	"cmp"
	"context"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"bulkhead/internal/bulk"
)

// apiWorld is an honest small world behind the API: it keeps accounts apart, knows
// idempotency keys and refuses what the ports say that it refuses.
type apiWorld struct {
	mu       sync.Mutex
	accounts map[bulk.AccountID]*bulk.Account
	keys     map[string]*bulk.APIKey // by hash
	sessions map[string]bulk.Principal
	links    map[string]bulk.Principal
	imports  map[bulk.ImportID]*bulk.Import
	answers  map[string]apiAnswer // by account and idempotency key
	events   map[bulk.ImportID][]bulk.Event
	files    map[bulk.ImportID][]byte
	datasets map[bulk.DatasetName]bulk.Dataset
	records  map[bulk.AccountID]bulk.RecordPage
	rejects  []bulk.Reject
	groups   []bulk.RejectGroup
	broken   error // what Each and Waits end with
	refusal  error // what Receive answers
	unready  error
	sample   string // what Preview was given
	whole    bool
	filter   bulk.ImportFilter
	queues   []bulk.Queue
	measured bulk.Measured // that accounts were compared by
	lag      bulk.Lag
	waits    map[bulk.AccountID][]bulk.Wait
	asked    []bulk.AccountID // whose waits were
	nodes    []bulk.Node
	lookups  [][]bulk.Credential // of principals
	uses     []bulk.Principal    // that were noted
	away     error               // what looking up principals and noting uses answer
}

type apiAnswer struct {
	imp  bulk.Import
	hash string
}

// seed stores an import of the account.
func (w *apiWorld) seed(account bulk.AccountID, state bulk.State) bulk.Import {
	w.mu.Lock()
	defer w.mu.Unlock()
	imp := &bulk.Import{ID: bulk.NewImportID(), AccountID: account, Dataset: "contacts", State: state, Filename: "people.csv", Version: 1, CreatedAt: time.Now().UTC()}
	imp.Layout = &bulk.Layout{Header: []string{"id", "age"}, Fields: []string{"id", "age"}}
	w.imports[imp.ID] = imp
	return *imp
}

// move changes an import the way the ledger does: version and milestone together.
func (w *apiWorld) move(id bulk.ImportID, state bulk.State) {
	w.mu.Lock()
	defer w.mu.Unlock()
	imp := w.imports[id]
	imp.State = state
	imp.Version++
	w.events[id] = append(w.events[id], bulk.Event{Seq: int64(len(w.events[id]) + 1), Kind: "state", Text: "Now " + string(state) + "."})
}

var errAbsent = bulk.Errorf(bulk.KindNotFound, "not_found", "There is no such thing.")

func (w *apiWorld) Principals(_ context.Context, credentials []bulk.Credential) (map[bulk.Credential]bulk.Principal, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lookups = append(w.lookups, credentials)
	out := map[bulk.Credential]bulk.Principal{}
	for _, c := range credentials {
		if p, ok := w.sessions[c.Hash]; ok && c.Session {
			out[c] = p
		}
		if k := w.keys[c.Hash]; k != nil && k.RevokedAt == nil && !c.Session {
			out[c] = bulk.Principal{Account: k.Account, Operator: k.Operator, Name: k.Name, Key: k.ID}
		}
	}
	return out, w.away
}

func (w *apiWorld) NoteUse(_ context.Context, by []bulk.Principal) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.uses = append(w.uses, by...)
	return w.away
}

func (w *apiWorld) OpenSession(ctx context.Context, key, session string, _ time.Duration) error {
	c := bulk.Credential{Hash: key}
	found, err := w.Principals(ctx, []bulk.Credential{c})
	if err != nil || found[c].Account == "" {
		return cmp.Or(err, error(bulk.Errorf(bulk.KindUnauthorized, "unknown_key", "This key is not known.")))
	}
	w.sessions[session] = found[c]
	return nil
}

func (w *apiWorld) RedeemLogin(_ context.Context, link, session string, _ time.Duration) error {
	p, ok := w.links[link]
	if !ok {
		return bulk.Errorf(bulk.KindUnauthorized, "bad_link", "This link is spent.")
	}
	delete(w.links, link)
	w.sessions[session] = p
	return nil
}

func (w *apiWorld) CloseSession(_ context.Context, session string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.sessions, session)
	return nil
}

func (w *apiWorld) Account(_ context.Context, id bulk.AccountID) (bulk.Account, error) {
	if a := w.accounts[id]; a != nil {
		return *a, nil
	}
	return bulk.Account{}, errAbsent
}

func (w *apiWorld) Usage(_ context.Context, id bulk.AccountID) (bulk.Usage, error) {
	return bulk.Usage{Records: w.accounts[id].RecordsUsed, Quota: w.accounts[id].RecordQuota}, nil
}

func (w *apiWorld) CreateAccount(_ context.Context, name string, quota int64, weight int) (bulk.Account, error) {
	a := bulk.Account{ID: bulk.NewAccountID(), Name: name, RecordQuota: quota, Weight: weight}
	w.accounts[a.ID] = &a
	return a, nil
}

func (w *apiWorld) ListAccounts(context.Context) (out []bulk.Account, err error) {
	for _, a := range w.accounts {
		out = append(out, *a)
	}
	return out, nil
}

func (w *apiWorld) SetQuota(_ context.Context, id bulk.AccountID, quota int64) error {
	w.accounts[id].RecordQuota = quota
	return nil
}

func (w *apiWorld) SetWeight(_ context.Context, id bulk.AccountID, weight int) error {
	w.accounts[id].Weight = weight
	return nil
}

func (w *apiWorld) SetCap(_ context.Context, id bulk.AccountID, limit *int) error {
	w.accounts[id].Cap = limit
	return nil
}

func (w *apiWorld) CreateKey(_ context.Context, k bulk.APIKey, hash string) error {
	w.keys[hash] = &k
	return nil
}

func (w *apiWorld) ListKeys(_ context.Context, account bulk.AccountID) (out []bulk.APIKey, err error) {
	for _, k := range w.keys {
		if k.Account == account {
			out = append(out, *k)
		}
	}
	return out, nil
}

func (w *apiWorld) RevokeKey(_ context.Context, account bulk.AccountID, id bulk.KeyID) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range w.keys {
		if k.Account == account && k.ID == id {
			now := time.Now()
			k.RevokedAt = &now
			return nil
		}
	}
	return errAbsent
}

func (w *apiWorld) CreateImport(_ context.Context, n bulk.NewImport, maxOpen int) (bulk.Import, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.datasets[n.Dataset]; !ok {
		return bulk.Import{}, false, bulk.Errorf(bulk.KindUnprocessed, bulk.ErrUnknownDataset, "There is no dataset %q.", n.Dataset)
	}
	key := string(n.Account) + " " + n.IdempotencyKey
	if first, ok := w.answers[key]; ok && n.IdempotencyKey != "" {
		if first.hash != n.RequestHash {
			return bulk.Import{}, false, bulk.Errorf(bulk.KindUnprocessed, "idempotency_key_reused", "The key came with another request before.")
		}
		return first.imp, true, nil // as it was then
	}
	imp := &bulk.Import{
		ID: bulk.NewImportID(), AccountID: n.Account, Dataset: n.Dataset, State: bulk.StateOpen, Mode: n.Mode, Filename: n.Filename, Priority: n.Priority,
		Bytes: bulk.ByteCounts{Total: max(n.Size, 0)}, Options: n.Options, Version: 1, CreatedAt: time.Now().UTC(),
	}
	w.imports[imp.ID] = imp
	w.answers[key] = apiAnswer{*imp, n.RequestHash}
	return *imp, false, nil
}

func (w *apiWorld) Import(_ context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Import, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if imp := w.imports[id]; imp != nil && imp.AccountID == account {
		return *imp, nil
	}
	return bulk.Import{}, errAbsent
}

func (w *apiWorld) ListImports(_ context.Context, account bulk.AccountID, f bulk.ImportFilter) (out []bulk.Import, next string, err error) {
	w.filter = f
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(w.imports))) {
		if imp := w.imports[id]; imp.AccountID == account && imp.State == cmp.Or(f.State, imp.State) && (f.Cursor == "" || string(id) < f.Cursor) {
			if len(out) == f.Limit {
				return out, string(out[f.Limit-1].ID), nil
			}
			out = append(out, *imp)
		}
	}
	return out, "", nil
}

// steer does what the table says; an import that is to be cancelled is so at once.
func (w *apiWorld) steer(ctx context.Context, account bulk.AccountID, id bulk.ImportID, t bulk.Trigger) (bulk.Import, error) {
	imp, err := w.Import(ctx, account, id)
	if err != nil {
		return imp, err
	}
	next, err := imp.State.Next(t, imp.Facts())
	if err != nil || next == imp.State {
		return imp, err
	}
	if next.Ending() {
		next = bulk.StateCancelled
	}
	w.move(id, next)
	return w.Import(ctx, account, id)
}

func (w *apiWorld) Forget(_ context.Context, _ bulk.AccountID, id bulk.ImportID) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	imp := w.imports[id]
	if imp == nil || !imp.Can(bulk.TriggerBegin) {
		return false, nil
	}
	delete(w.imports, id)
	return true, nil
}

func (w *apiWorld) Cancel(ctx context.Context, a bulk.AccountID, id bulk.ImportID) (bulk.Import, error) {
	return w.steer(ctx, a, id, bulk.TriggerCancel)
}

func (w *apiWorld) Pause(ctx context.Context, a bulk.AccountID, id bulk.ImportID) (bulk.Import, error) {
	return w.steer(ctx, a, id, bulk.TriggerPause)
}

func (w *apiWorld) Resume(ctx context.Context, a bulk.AccountID, id bulk.ImportID) (bulk.Import, error) {
	return w.steer(ctx, a, id, bulk.TriggerResume)
}

func (w *apiWorld) Approve(ctx context.Context, a bulk.AccountID, id bulk.ImportID) (bulk.Import, error) {
	return w.steer(ctx, a, id, bulk.TriggerApprove)
}

func (w *apiWorld) Batches(ctx context.Context, a bulk.AccountID, after bulk.BatchID, limit int) (out []bulk.Batch, err error) {
	_, err = w.Import(ctx, a, after.Import)
	for no := after.No + 1; no < 3 && len(out) < limit && err == nil; no++ {
		out = append(out, bulk.Batch{Import: after.Import, No: no, State: bulk.BatchCommitted})
	}
	return out, err
}

func (w *apiWorld) RejectGroupPage(ctx context.Context, a bulk.AccountID, id bulk.ImportID, in bulk.Window) ([]bulk.RejectGroup, error) {
	after, limit := int(in.After), in.Limit
	_, err := w.Import(ctx, a, id)
	return w.groups[min(after, len(w.groups)):min(after+limit, len(w.groups))], err
}

func (w *apiWorld) Receipt(ctx context.Context, a bulk.AccountID, id bulk.ImportID) (bulk.Receipt, error) {
	imp, err := w.Import(ctx, a, id)
	if err == nil && !imp.State.Terminal() {
		err = bulk.Errorf(bulk.KindConflict, bulk.ErrNotFinished, "The import is %s.", imp.State)
	}
	return bulk.Receipt{Import: imp, Balanced: true}, err
}

func (w *apiWorld) ImportEvents(ctx context.Context, a bulk.AccountID, id bulk.ImportID, in bulk.Window) ([]bulk.Event, error) {
	after, limit := in.After, in.Limit
	if _, err := w.Import(ctx, a, id); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	rest := w.events[id][min(after, int64(len(w.events[id]))):]
	return slices.Clone(rest[:min(limit, len(rest))]), nil
}

func (w *apiWorld) ListDatasets(context.Context) ([]bulk.Dataset, error) {
	return slices.Collect(maps.Values(w.datasets)), nil
}

func (w *apiWorld) Dataset(_ context.Context, name bulk.DatasetName) (bulk.Dataset, error) {
	if d, ok := w.datasets[name]; ok {
		return d, nil
	}
	return bulk.Dataset{}, errAbsent
}

func (w *apiWorld) ApplyDataset(_ context.Context, spec bulk.Spec) (bulk.Dataset, error) {
	d := bulk.Dataset{Spec: spec, Version: w.datasets[spec.Name].Version + 1}
	w.datasets[spec.Name] = d
	return d, nil
}

func (w *apiWorld) Records(ctx context.Context, account bulk.AccountID, q bulk.RecordQuery) (bulk.RecordPage, error) {
	name, cursor, limit := q.Dataset, q.Cursor, q.Limit
	if _, err := w.Dataset(ctx, name); err != nil {
		return bulk.RecordPage{}, err
	}
	page := w.records[account]
	if cursor == "" && len(page.Records) > limit {
		page.Records, page.Next = page.Records[:limit], "after"
	} else if cursor == "after" {
		page.Records = page.Records[limit:]
	}
	return page, nil
}

func (w *apiWorld) Receive(_ context.Context, _ bulk.AccountID, id bulk.ImportID, body bulk.Body) error {
	if w.refusal != nil {
		return w.refusal
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.files[id] = append(w.files[id], b...)
	w.imports[id].Bytes.Received, w.imports[id].Sealed = int64(len(b)), true
	w.mu.Unlock()
	w.move(id, bulk.StateProcessing)
	return nil
}

func (w *apiWorld) Preview(_ context.Context, sample bulk.Sample) (bulk.Preview, error) {
	w.sample, w.whole = string(sample.Bytes), sample.Whole
	p := bulk.Preview{Dialect: bulk.Dialect{Encoding: sample.Choice.Encoding}}
	if sample.Spec != nil {
		p.Unmapped = []string{string(sample.Spec.Name)}
	}
	return p, nil
}

func (w *apiWorld) Each(_ context.Context, _ bulk.Import, fn func(bulk.Reject) error) error {
	for _, r := range w.rejects {
		if err := fn(r); err != nil {
			return err
		}
	}
	return w.broken
}

func (w *apiWorld) Queues(context.Context) ([]bulk.Queue, error) { return w.queues, nil }

func (w *apiWorld) Lag(of bulk.Measured) bulk.Lag {
	w.measured = of
	return w.lag
}

func (w *apiWorld) Waits(_ context.Context, account bulk.AccountID) ([]bulk.Wait, error) {
	w.asked = append(w.asked, account)
	return w.waits[account], w.broken
}

func (w *apiWorld) Nodes(_ context.Context, role bulk.Role, within time.Duration) (out []bulk.Node, err error) {
	for _, n := range w.nodes {
		if (role == "" || role == n.Role) && time.Since(n.SeenAt) < within {
			out = append(out, n)
		}
	}
	return out, nil
}

func (w *apiWorld) Ready(context.Context) error { return w.unready }

func (w *apiWorld) Silences(_ context.Context, account bulk.AccountID) (map[bulk.ImportID]time.Duration, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[bulk.ImportID]time.Duration{}
	for id, imp := range w.imports {
		if imp.AccountID == account && !imp.Sealed && !imp.State.Terminal() {
			out[id] = 90 * time.Second
		}
	}
	return out, nil
}
