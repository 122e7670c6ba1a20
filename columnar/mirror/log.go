package mirror

import (
	"context"
	"fmt"

	"bulkhead/internal/bulk"
)

// queueWaits is a view over batches: how long those that were committed waited.
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
	text            = "String"
	integer         = "Int64"
	nullableInteger = "Nullable(Int64)"
	nullableMoment  = "Nullable(" + moment + ")"
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

// notRejected counts what only a dry run rejected as not processed.
func notRejected(c bulk.Counts) bulk.Counts {
	c.Unprocessed, c.Rejected = c.Unprocessed+c.Rejected, 0
	return c
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
		{"started_at", nullableMoment},
		{"finished_at", nullableMoment},
		{"seconds", "Nullable(Float64)"},
		{"paused_ms", integer},
		{"approval_ms", nullableInteger},
	}
	return logTable("imports", []string{"account_id", "import_id"}, append(columns, outcomes()...)...)
}

func importRow(i bulk.Import) []any {
	var seconds any
	if i.StartedAt != nil && i.FinishedAt != nil {
		seconds = i.FinishedAt.Sub(*i.StartedAt).Seconds()
	}
	if i.Options.DryRun && !i.Approved {
		i.Rows = notRejected(i.Rows)
	}
	code := ""
	if i.Error != nil {
		code = i.Error.Code
	}
	row := []any{
		string(i.AccountID), string(i.ID), string(i.Dataset), string(i.State), string(i.Mode), string(i.Priority), i.Filename, code,
		i.Bytes.Total, i.Batches.Total, i.Batches.Committed, i.Batches.Quarantined, i.CreatedAt, orNull(i.StartedAt), orNull(i.FinishedAt), seconds,
		i.PausedMS, orNull(i.ApprovalMS),
	}
	return append(append(row, outcomesOf(i.Rows)...), uint64(i.Version), false)
}

func orNull[T any](v *T) any {
	if v == nil {
		return nil
	}
	return *v
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
		{"published_at", nullableMoment},
		{"leased_at", nullableMoment},
		{"committed_at", nullableMoment},
		{"total_ms", nullableInteger},
		{"attempts", integer},
		{"queue_ms", nullableInteger},
		{"paused_ms", nullableInteger},
		{"backoff_ms", nullableInteger},
		{"failed_ms", nullableInteger},
		{"read_ms", nullableInteger},
		{"validate_ms", nullableInteger},
		{"commit_ms", nullableInteger},
	}
	return logTable("batches", []string{"account_id", "import_id", "batch_no"}, append(columns, outcomes()...)...)
}

// batchRow: what did not happen is NULL.
func batchRow(i bulk.Import, b bulk.Batch) []any {
	if b.State == bulk.BatchDropped {
		b.Rows = notRejected(b.Rows)
	}
	var total, read, validate, commit any
	if b.State == bulk.BatchCommitted && b.CommittedAt != nil {
		total = max(0, b.CommittedAt.Sub(b.StagedAt).Milliseconds())
		read, validate, commit = b.ReadMS, b.ValidateMS, b.CommitMS
	} else {
		b.CommittedAt = nil
	}
	row := []any{
		string(i.AccountID), string(i.ID), b.No, string(i.Dataset), string(i.Priority), string(b.State), b.Size, b.ByteTo - b.ByteFrom, int64(b.Failures),
		string(b.Node), b.StagedAt, orNull(b.PublishedAt), orNull(b.LeasedAt), orNull(b.CommittedAt), total,
		int64(b.Attempts), orNull(b.QueueMS), orNull(b.PausedMS), orNull(b.BackoffMS), orNull(b.FailedMS), read, validate, commit,
	}
	return append(append(row, outcomesOf(b.Rows)...), uint64(i.Version), false)
}

func rejectsTable() table {
	return logTable("rejects_by_column", []string{"account_id", "import_id", "source_column", "code"},
		Column{"account_id", text}, Column{"import_id", text}, Column{"dataset", text}, Column{"source_column", text}, Column{"code", text},
		Column{"rejects", integer}, Column{"created_at", moment})
}

func rejectRow(i bulk.Import, c bulk.RejectGroup) []any {
	return []any{string(i.AccountID), string(i.ID), string(i.Dataset), c.Column, string(c.Code), c.Count, i.CreatedAt, uint64(i.Version), false}
}

func accountsTable() table {
	return logTable("accounts", []string{"account_id"}, Column{"account_id", text}, Column{"name", text}, Column{"weight", integer},
		Column{"records_used", integer}, Column{"record_quota", integer}, Column{"created_at", moment})
}

// accountRow is a row of the version, since accounts have none of their own.
func accountRow(a bulk.Account, version uint64) []any {
	return []any{string(a.ID), a.Name, int64(a.Weight), a.RecordsUsed, a.RecordQuota, a.CreatedAt, version, false}
}

// ensureLogs makes the tables of imports with their views.
func ensureLogs(ctx context.Context, e Engine, d dialect) error {
	for _, t := range logTables() {
		if err := t.in(d).ensure(ctx, e); err != nil {
			return err
		}
	}
	return view{queueWaits, []Column{
		{"account_id", text},
		{"import_id", text},
		{"batch_no", integer},
		{"dataset", text},
		{"priority", text},
		{"rows_read", integer},
		{"attempts", integer},
		{"wait_ms", integer},
	}, `SELECT account_id, import_id, batch_no, dataset, priority, rows_read, attempts, assumeNotNull(queue_ms) AS wait_ms
		FROM batches WHERE state = 'committed' AND queue_ms IS NOT NULL`}.ensure(ctx, e)
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
