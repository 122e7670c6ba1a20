package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"bulkhead/internal/bulk"
)

// importRow is an import as stored.
type importRow struct {
	bulk.Counts      `json:"-"`
	bulk.ByteCounts  `json:"-"`
	bulk.BatchCounts `json:"-"`
	Account          bulk.AccountID   `db:"account_id"`
	ID               bulk.ImportID    `db:"id"`
	Dataset          bulk.DatasetName `db:"dataset"`
	SpecVersion      int64            `db:"spec_version"`
	OpSeq            int64            `db:"op_seq"`
	State            bulk.State       `db:"state"`
	Outcome          bulk.State       `db:"outcome"`
	Mode             bulk.Mode        `db:"mode"`
	Priority         bulk.Priority    `db:"priority"`
	Filename         string           `db:"filename"`
	Options          string           `db:"options"`
	Layout           *string          `db:"layout"`
	Error            *string          `db:"error"`
	Approved         bool             `db:"approved"`
	Sealed           bool             `db:"sealed"`
	Mirrored         bool             `db:"mirrored"`
	SHA256           *string          `db:"sha256"`
	BlankLines       int64            `db:"blank_lines"`
	Version          int64            `db:"version"`
	CreatedAt        time.Time        `db:"created_at"`
	StartedAt        *time.Time       `db:"started_at"`
	FinishedAt       *time.Time       `db:"finished_at"`
	PausedAt         *time.Time       `db:"paused_at"`  // since when it is paused
	PausedMS         int64            `db:"paused_ms"`  // before that
	CheckedAt        *time.Time       `db:"checked_at"` // since when it awaits approval
	ApprovalMS       *int64           `db:"approval_ms"`
	RequestID        string           `db:"request_id"`
}

var importColumns = columnsOf[importRow]()

func (r *importRow) public() (bulk.Import, error) {
	i := bulk.Import{
		ID: r.ID, AccountID: r.Account, Dataset: r.Dataset, State: r.State, Mode: r.Mode, Filename: r.Filename, Priority: r.Priority,
		Bytes: r.ByteCounts, Rows: r.Counts, Batches: r.BatchCounts, Mirrored: r.Mirrored, CreatedAt: r.CreatedAt,
		StartedAt: r.StartedAt, FinishedAt: r.FinishedAt, SHA256: r.SHA256, BlankLines: r.BlankLines, Sealed: r.Sealed, OpSeq: r.OpSeq, Version: r.Version,
		Approved: r.Approved, PausedMS: r.PausedMS, ApprovalMS: r.ApprovalMS, RequestID: r.RequestID,
	}
	i.Bytes.Total = max(i.Bytes.Total, 0)
	err := json.Unmarshal([]byte(r.Options), &i.Options)
	if r.Layout != nil && err == nil {
		err = json.Unmarshal([]byte(*r.Layout), &i.Layout)
	}
	if r.Error != nil && err == nil {
		err = json.Unmarshal([]byte(*r.Error), &i.Error)
	}
	return i, err
}

func getImport(ctx context.Context, q querier, account bulk.AccountID, id bulk.ImportID) (r importRow, err error) {
	err = q.GetContext(ctx, &r, `SELECT `+importColumns+` FROM imports WHERE account_id = ? AND id = ?`, account, id)
	return r, noRows(err, "import")
}

// hasImport returns a KindNotFound error where the account has no such import.
func hasImport(ctx context.Context, q querier, account bulk.AccountID, id bulk.ImportID) error {
	return noRows(q.GetContext(ctx, new(string), `SELECT id FROM imports WHERE account_id = ? AND id = ?`, account, id), "import")
}

// lockImport reads an import that the transaction will change.
func lockImport(ctx context.Context, tx *txn, account bulk.AccountID, id bulk.ImportID) (r importRow, err error) {
	err = tx.GetContext(ctx, &r, `SELECT `+importColumns+` FROM imports WHERE account_id = ? AND id = ?`+tx.lock, account, id)
	return r, noRows(err, "import")
}

// Import reads one import.
func (s *Store) Import(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (i bulk.Import, err error) {
	err = s.asAccount(ctx, "read import", account, func(q reader) error {
		r, err := getImport(ctx, q, account, id)
		if err == nil {
			i, err = r.public()
		}
		return err
	})
	return i, err
}

// maxSearch bounds a search, in bytes: no file has a longer name.
const maxSearch = 255

var likeEscapes = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// lowerASCII folds the letters that every engine folds alike.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] += 'a' - 'A'
		}
	}
	return string(b)
}

// listedColumns are those of an import but its layout, which grows with its file's columns.
var listedColumns = strings.Replace(importColumns, "layout", "NULL AS layout", 1)

// ListImports lists an account's imports, newest first, without their layouts and
// mappings. A page ends at the limit, 200 at most, or at bulk.PageBytes.
func (s *Store) ListImports(ctx context.Context, account bulk.AccountID, f bulk.ImportFilter) (out []bulk.Import, next string, err error) {
	if f.Limit <= 0 {
		f.Limit = 50
	}
	f.Limit = min(f.Limit, 200)
	where, args := []string{`account_id = ?`}, []any{account}
	add := func(cond string, arg any) { where, args = append(where, cond), append(args, arg) }
	if f.State != "" {
		add(`state = ?`, f.State)
	}
	if f.Dataset != "" {
		add(`dataset = ?`, f.Dataset)
	}
	if f.Search != "" {
		if len(f.Search) > maxSearch {
			return nil, "", bulk.Errorf(bulk.KindInvalid, "bad_parameter", "search is part of a file's name, which has at most %d bytes.", maxSearch)
		}
		add(`LOWER(`+s.engine.bytewise("filename")+`) LIKE ? ESCAPE '\'`, "%"+likeEscapes.Replace(lowerASCII(f.Search))+"%")
	}
	if f.Cursor != "" {
		if !bulk.ValidID("imp", f.Cursor) {
			return nil, "", bulk.Errorf(bulk.KindInvalid, "bad_cursor", "The cursor is not one that this list gave out.")
		}
		add(`id < ?`, f.Cursor) // identifiers sort by age
	}
	query := fmt.Sprintf(`SELECT %s FROM imports WHERE %s ORDER BY id DESC LIMIT %d`, listedColumns, strings.Join(where, " AND "), f.Limit+1)
	err = s.asAccount(ctx, "list imports", account, func(q reader) error {
		out, next, err = readImports(ctx, q, f.Limit, statement{query, args})
		return err
	})
	return out, next, err
}

// statement is SQL with its arguments.
type statement struct {
	query string
	args  []any
}

func readImports(ctx context.Context, q reader, limit int, st statement) (out []bulk.Import, next string, err error) {
	rows, err := q.QueryxContext(ctx, st.query, st.args...)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	out = []bulk.Import{}
	for bytes := 0; rows.Next(); {
		if len(out) == limit || bytes >= bulk.PageBytes {
			return out, string(out[len(out)-1].ID), nil
		}
		var r importRow
		if err := rows.StructScan(&r); err != nil {
			return nil, "", err
		}
		i, err := r.public()
		if err != nil {
			return nil, "", err
		}
		bytes += 1<<10 + len(r.Options)
		if r.Error != nil {
			bytes += len(*r.Error)
		}
		i.Options.Mapping = nil
		out = append(out, i)
	}
	return out, "", rows.Err()
}

// uploadLife is how long an upload may stand unfinished.
var uploadLife = bulk.DefaultLimits().UploadLife()

// CreateImport creates an import in state open with its upload at offset 0.
func (s *Store) CreateImport(ctx context.Context, n bulk.NewImport, maxOpen int) (imp bulk.Import, replayed bool, err error) {
	err = s.tx(ctx, "create import", func(tx *txn) error {
		if imp, replayed, err = claimKey(ctx, tx, n); err != nil || replayed {
			return err
		}
		if imp, err = s.createImport(ctx, tx, n, maxOpen); err != nil {
			return err
		}
		return keepAnswer(ctx, tx, n, imp)
	})
	return imp, replayed, err
}

func (s *Store) createImport(ctx context.Context, tx *txn, n bulk.NewImport, maxOpen int) (imp bulk.Import, err error) {
	d, err := dataset(ctx, tx, n.Dataset)
	if err != nil {
		return imp, unknownDataset(err, n.Dataset)
	}
	for _, header := range slices.Sorted(maps.Keys(n.Options.Mapping)) {
		if field := n.Options.Mapping[header]; field != "" && d.Column(field) == nil {
			return imp, bulk.Errorf(bulk.KindUnprocessed, bulk.ErrUnknownField,
				"The mapping sends %q to %q, which is not a column of dataset %q. Name one of its columns.", header, field, n.Dataset)
		}
	}
	var open int // counted under the account's lock, so that the limit is exact
	if err := tx.GetContext(ctx, new(string), `SELECT id FROM accounts WHERE id = ?`+tx.lock, n.Account); err != nil {
		return imp, noRows(err, "account")
	}
	if err := tx.GetContext(ctx, &open, `
		SELECT COUNT(*) FROM imports WHERE account_id = ? AND NOT sealed AND finished_at IS NULL`, n.Account); err != nil {
		return imp, err
	}
	if maxOpen > 0 && open >= maxOpen {
		return imp, bulk.Errorf(bulk.KindUnavailable, "too_many_uploads",
			"The account has %d unfinished uploads, which is the limit. Finish or cancel one, then try again.", open)
	}
	options, err := json.Marshal(n.Options)
	if err != nil {
		return imp, err
	}
	r := importRow{
		Account: n.Account, ID: bulk.NewImportID(), Dataset: n.Dataset, SpecVersion: d.Version, State: bulk.StateOpen,
		Mode: n.Mode, Priority: n.Priority, Filename: n.Filename, Options: string(options), Version: 1, RequestID: n.RequestID,
	}
	if r.CreatedAt, err = readClock(ctx, tx, s.engine); err != nil {
		return imp, err
	}
	r.ByteCounts.Total = n.Size
	if r.OpSeq, err = nextOp(ctx, tx, n.Dataset); err != nil {
		return imp, err
	}
	if _, err := tx.NamedExecContext(ctx, `
		INSERT INTO imports (account_id, id, dataset, spec_version, op_seq, state, mode, priority, filename, options, bytes_total, created_at, request_id)
		VALUES (:account_id, :id, :dataset, :spec_version, :op_seq, :state, :mode, :priority, :filename, :options, :bytes_total, :created_at, :request_id)`, r); err != nil {
		return imp, err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO uploads (account_id, import_id, length, metadata, expires_at, worked_at) VALUES (?, ?, ?, ?, `+tx.ahead()+`, `+s.engine.millis()+`)`,
		n.Account, r.ID, n.Size, n.Metadata, uploadLife.Seconds()); err != nil {
		return imp, err
	}
	if err := tx.milestone(ctx, r.key(), "state", "Import created."); err != nil {
		return imp, err
	}
	return r.public()
}

// nextOp is the next place in the order of a dataset's imports.
func nextOp(ctx context.Context, tx *txn, name bulk.DatasetName) (op int64, err error) {
	err = tx.GetContext(ctx, &op, `UPDATE datasets SET op_seq = op_seq + 1 WHERE name = ? RETURNING op_seq`, name)
	return op, err
}

// claimKey takes an idempotency key for this request, or returns what the request
// that took it first was answered. Of two at once the later waits for the earlier.
func claimKey(ctx context.Context, tx *txn, n bulk.NewImport) (imp bulk.Import, replayed bool, err error) {
	if n.IdempotencyKey == "" {
		return imp, false, nil
	}
	claimed, err := changed(tx.ExecContext(ctx, `
		INSERT INTO idempotency (account_id, key, request_hash, answer, created_at) VALUES (?, ?, ?, '', ?) ON CONFLICT DO NOTHING`,
		n.Account, n.IdempotencyKey, n.RequestHash, now()))
	if err != nil || claimed == 1 {
		return imp, false, err
	}
	var hash, answer string
	row := tx.QueryRowxContext(ctx, `SELECT request_hash, answer FROM idempotency WHERE account_id = ? AND key = ?`, n.Account, n.IdempotencyKey)
	if err := row.Scan(&hash, &answer); err != nil {
		return imp, false, err
	}
	if hash != n.RequestHash {
		return imp, false, bulk.Errorf(bulk.KindUnprocessed, "idempotency_mismatch",
			"This Idempotency-Key was used for another request. Use a new key for a new import.")
	}
	return imp, true, json.Unmarshal([]byte(answer), &imp)
}

func keepAnswer(ctx context.Context, tx *txn, n bulk.NewImport, imp bulk.Import) error {
	if n.IdempotencyKey == "" {
		return nil
	}
	answer, err := json.Marshal(imp)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE idempotency SET answer = ? WHERE account_id = ? AND key = ?`, string(answer), n.Account, n.IdempotencyKey)
	return err
}

// milestone notes an event of the kind; the caller has changed the import in the same transaction.
func (tx *txn) milestone(ctx context.Context, k importKey, kind, text string) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO import_events (account_id, import_id, seq, at, kind, text)
		SELECT ?, ?, COALESCE(MAX(seq), 0) + 1, `+tx.clock+`, ?, ? FROM import_events WHERE account_id = ? AND import_id = ?`,
		k.Account, k.ID, now(), kind, text, k.Account, k.ID)
	return err
}

// ImportEvents lists milestones after the sequence number, oldest first.
func (s *Store) ImportEvents(ctx context.Context, account bulk.AccountID, id bulk.ImportID, in bulk.Window) ([]bulk.Event, error) {
	out := []bulk.Event{}
	err := s.asAccount(ctx, "list events", account, func(q reader) error {
		if err := hasImport(ctx, q, account, id); err != nil {
			return err
		}
		return q.SelectContext(ctx, &out, `
			SELECT `+columnsOf[bulk.Event]()+` FROM import_events WHERE account_id = ? AND import_id = ? AND seq > ? ORDER BY seq LIMIT ?`,
			account, id, in.After, in.Limit)
	})
	return out, err
}

// RejectGroups groups an import's rejects by cause, most frequent first: all of them, which
// are as many as its dataset has columns times what can be wrong with one.
func (s *Store) RejectGroups(ctx context.Context, account bulk.AccountID, id bulk.ImportID) ([]bulk.RejectGroup, error) {
	return s.RejectGroupPage(ctx, account, id, bulk.Window{Limit: math.MaxInt32})
}

// RejectGroupPage is at most limit of RejectGroups, after so many. While rows are still being
// rejected their order changes.
func (s *Store) RejectGroupPage(ctx context.Context, account bulk.AccountID, id bulk.ImportID, in bulk.Window) ([]bulk.RejectGroup, error) {
	var rows []struct {
		Column   string    `db:"source_column"`
		Code     bulk.Code `db:"code"`
		Count    int64     `db:"rejects"`
		Examples string    `db:"examples"`
	}
	err := s.asAccount(ctx, "list reject groups", account, func(q reader) error {
		if err := hasImport(ctx, q, account, id); err != nil {
			return err
		}
		return q.SelectContext(ctx, &rows, `
			SELECT source_column, code, rejects, examples FROM error_clusters
			WHERE account_id = ? AND import_id = ? ORDER BY rejects DESC, `+s.engine.bytewise("source_column")+`, code LIMIT ? OFFSET ?`,
			account, id, in.Limit, in.After)
	})
	out := make([]bulk.RejectGroup, len(rows))
	for i, r := range rows {
		out[i] = bulk.RejectGroup{Column: r.Column, Code: r.Code, Count: r.Count, Sentence: r.Code.Sentence()}
		if err := json.Unmarshal([]byte(r.Examples), &out[i].Examples); err != nil {
			return nil, s.error("list reject groups", err)
		}
	}
	return out, err
}

// Receipt is the final account of a terminal import.
func (s *Store) Receipt(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (r bulk.Receipt, err error) {
	if r.Import, err = s.Import(ctx, account, id); err != nil {
		return r, err
	}
	if !r.Import.State.Terminal() {
		return r, bulk.Errorf(bulk.KindConflict, bulk.ErrNotFinished, "The import is %s; its receipt is written when it ends. Ask again then.", r.Import.State.Words())
	}
	r.Balanced = r.Import.Rows.Read == r.Import.Rows.Sum()
	if r.Import.StartedAt != nil && r.Import.FinishedAt != nil {
		r.Seconds = r.Import.FinishedAt.Sub(*r.Import.StartedAt).Seconds()
	}
	working, err := s.working(ctx, account, id)
	if err != nil {
		return r, err
	}
	r.Working, r.RowsPerS = working.Seconds(), bulk.PerSecond(r.Import.Rows.Settled(), working)
	if r.RejectGroups, err = s.RejectGroupPage(ctx, account, id, bulk.Window{Limit: bulk.MaxRejectGroups}); err != nil {
		return r, err
	}
	r.Usage, err = s.Usage(ctx, account)
	return r, err
}

// working is how long at least one of the import's batches was worked on: waits, pauses and
// what was never processed do not count.
func (s *Store) working(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (time.Duration, error) {
	var batches []bulk.Batch
	err := s.asAccount(ctx, "time batches", account, func(q reader) error {
		return q.SelectContext(ctx, &batches, `
			SELECT committed_at, read_ms, validate_ms, commit_ms FROM batches WHERE account_id = ? AND import_id = ? AND committed_at IS NOT NULL`, account, id)
	})
	spans := make([]bulk.Span, 0, len(batches))
	for _, b := range batches {
		if s, ok := b.Working(); ok {
			spans = append(spans, s)
		}
	}
	return bulk.Covered(spans), err
}
