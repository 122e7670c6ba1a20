package mirror

import (
	"context"
	"fmt"
	"time"

	"bulkhead/internal/bulk"
)

// queueWaits is a view over batches: what their time was that was no work.
const queueWaits = "queue_waits"

// logTables describe what is known of imports, in one place: the loader, the views and
// the documentation follow it.
func logTables() []table {
	return []table{importsTable(), batchesTable(), rejectsTable(), accountsTable()}
}

func logTable(name string, key []string, columns ...Column) table {
	return table{name: "_log_" + name, view: name, key: key, columns: append(columns, Column{colVersion, "UInt64"}, Column{colDeleted, "UInt8"})}
}

const (
	text    = "String"
	integer = "Int64"
	moment  = "DateTime('UTC')"
	maybe   = "Nullable(DateTime('UTC'))"
)

func outcomes() []Column {
	return []Column{
		{"rows_read", integer},
		{"rows_created", integer},
		{"rows_updated", integer},
		{"rows_superseded", integer},
		{"rows_rejected", integer},
		{"rows_over_quota", integer},
		{"rows_unprocessed", integer},
	}
}

func outcomesOf(c bulk.Counts) []any {
	return []any{c.Read, c.Created, c.Updated, c.Superseded, c.Rejected, c.OverQuota, c.Unprocessed}
}

func importsTable() table {
	columns := []Column{
		{"account_id", text},
		{"import_id", text},
		{"dataset", text},
		{"state", text},
		{"mode", text},
		{"priority", text},
		{"filename", text},
		{"error_code", text},
		{"bytes_total", integer},
		{"batches_total", integer},
		{"batches_committed", integer},
		{"batches_quarantined", integer},
		{"created_at", moment},
		{"started_at", maybe},
		{"finished_at", maybe},
		{"seconds", "Nullable(Float64)"},
	}
	return logTable("imports", []string{"account_id", "import_id"}, append(columns, outcomes()...)...)
}

func importRow(i bulk.Import) []any {
	var seconds any
	if i.StartedAt != nil && i.FinishedAt != nil {
		seconds = i.FinishedAt.Sub(*i.StartedAt).Seconds()
	}
	code := ""
	if i.Error != nil {
		code = i.Error.Code
	}
	row := []any{
		string(i.AccountID), string(i.ID), string(i.Dataset), string(i.State), string(i.Mode), string(i.Priority), i.Filename, code,
		i.Bytes.Total, i.Batches.Total, i.Batches.Committed, i.Batches.Quarantined, i.CreatedAt, orNull(i.StartedAt), orNull(i.FinishedAt), seconds,
	}
	return append(append(row, outcomesOf(i.Rows)...), uint64(i.Version), false)
}

func orNull(t *time.Time) any {
	if t == nil {
		return nil
	}
	return *t
}

func batchesTable() table {
	columns := []Column{
		{"account_id", text},
		{"import_id", text},
		{"batch_no", integer},
		{"dataset", text},
		{"priority", text},
		{"state", text},
		{"object_bytes", integer},
		{"file_bytes", integer},
		{"failures", integer},
		{"node", text},
		{"staged_at", moment},
		{"committed_at", maybe},
		{"total_ms", "Nullable(Int64)"},
		{"read_ms", integer},
		{"validate_ms", integer},
		{"commit_ms", integer},
	}
	return logTable("batches", []string{"account_id", "import_id", "batch_no"}, append(columns, outcomes()...)...)
}

func batchRow(i bulk.Import, b bulk.Batch) []any {
	var total any
	if b.CommittedAt != nil {
		total = b.CommittedAt.Sub(b.StagedAt).Milliseconds()
	}
	row := []any{
		string(i.AccountID), string(i.ID), b.No, string(i.Dataset), string(i.Priority), string(b.State), b.Size, b.ByteTo - b.ByteFrom, int64(b.Failures),
		string(b.Node), b.StagedAt, orNull(b.CommittedAt), total, b.ReadMS, b.ValidateMS, b.CommitMS,
	}
	return append(append(row, outcomesOf(b.Rows)...), uint64(i.Version), false)
}

func rejectsTable() table {
	return logTable("rejects_by_column", []string{"account_id", "import_id", "source_column", "code"},
		Column{"account_id", text}, Column{"import_id", text}, Column{"dataset", text}, Column{"source_column", text}, Column{"code", text},
		Column{"rejects", integer}, Column{"created_at", moment})
}

func rejectRow(i bulk.Import, c bulk.Cluster) []any {
	return []any{string(i.AccountID), string(i.ID), string(i.Dataset), c.Column, string(c.Code), c.Count, i.CreatedAt, uint64(i.Version), false}
}

func accountsTable() table {
	return logTable("accounts", []string{"account_id"}, Column{"account_id", text}, Column{"name", text}, Column{"weight", integer},
		Column{"records_used", integer}, Column{"record_quota", integer}, Column{"created_at", moment})
}

func accountRow(a bulk.Account, at time.Time) []any {
	return []any{string(a.ID), a.Name, int64(a.Weight), a.RecordsUsed, a.RecordQuota, a.CreatedAt, uint64(at.UnixMicro()), false}
}

// ensureLogs makes the tables of imports with their views.
func ensureLogs(ctx context.Context, e Engine) error {
	for _, t := range logTables() {
		if err := t.ensure(ctx, e); err != nil {
			return err
		}
	}
	err := e.Exec(ctx, "CREATE VIEW IF NOT EXISTS "+queueWaits+` AS
		SELECT account_id, import_id, batch_no, dataset, priority, staged_at, rows_read,
			greatest(total_ms - read_ms - validate_ms - commit_ms, 0) AS wait_ms
		FROM batches WHERE state = 'committed'`)
	if err != nil {
		return fmt.Errorf("create view %s: %w", queueWaits, err)
	}
	return nil
}

// insertRows adds the rows to a table, if there are any.
func insertRows(ctx context.Context, e Engine, t table, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	err := e.Insert(ctx, t.name, t.columns, func(w Writer) error {
		for _, r := range rows {
			if err := w.Row(r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("insert into %s: %w", t.name, err)
	}
	return nil
}
