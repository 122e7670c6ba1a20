package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"bulkhead/internal/bulk"
)

// What analytics should hold, read in the order of its keys and between two of them. Keys
// compare as their canonical text does, byte by byte, and numbers by value, on every engine.

// RecordsBetween calls use for the live records of the range, ascending, until it returns
// false. Values have every column of the spec.
func (s *Store) RecordsBetween(ctx context.Context, in bulk.RecordRange, use func(bulk.Record) bool) error {
	var key []string
	for _, k := range in.Spec.Key {
		key = append(key, s.engine.ordered(*in.Spec.Column(k)))
	}
	where, args := "", []any{in.Spec.Name, in.Account}
	for _, bound := range []struct {
		is  string
		key []bulk.Value
	}{{">", in.After}, {"<=", in.UpTo}} {
		if bound.key != nil {
			where += fmt.Sprintf(` AND (%s) %s %s`, strings.Join(key, ", "), bound.is, tuples(1, len(key)))
			args = append(args, bound.key...)
		}
	}
	query := fmt.Sprintf(`
		SELECT %s, t._op_seq, t._row_no, COALESCE(i.id, '') FROM %q t
		LEFT JOIN imports i ON i.dataset = ? AND i.op_seq = t._op_seq AND i.account_id = t._account_id
		WHERE t._account_id = ?%s ORDER BY %s LIMIT %d`, prefixed(columnNames(in.Spec)), in.Spec.Table(), where, strings.Join(key, ", "), in.Limit)
	return s.error("read records", s.readRecords(ctx, s.read, recordQuery{in.Spec, query, args}, use))
}

// NewestOp is the op_seq of a dataset's newest import.
func (s *Store) NewestOp(ctx context.Context, dataset bulk.DatasetName) (op int64, err error) {
	err = s.read.GetContext(ctx, &op, `SELECT op_seq FROM datasets WHERE name = ?`, dataset)
	return op, s.error("read newest import", noRows(err, "dataset"))
}

// ImportsAfter lists an account's imports in any state, by id, after one.
func (s *Store) ImportsAfter(ctx context.Context, account bulk.AccountID, after bulk.ImportID, limit int) ([]bulk.Import, error) {
	var rows []importRow
	if err := s.read.SelectContext(ctx, &rows, `SELECT `+importColumns+` FROM imports WHERE account_id = ? AND id > ? ORDER BY id LIMIT ?`, account, after, limit); err != nil {
		return nil, s.error("list imports", err)
	}
	return publicImports(rows, s)
}

func publicImports(rows []importRow, s *Store) (out []bulk.Import, err error) {
	out = make([]bulk.Import, len(rows))
	for i := range rows {
		if out[i], err = rows[i].public(); err != nil {
			return nil, s.error("list imports", err)
		}
	}
	return out, nil
}

// InFlight lists every import that has not ended with its version, by id.
func (s *Store) InFlight(ctx context.Context) ([]bulk.ImportVersion, error) {
	var out []bulk.ImportVersion
	err := s.read.SelectContext(ctx, &out, `SELECT account_id, id, version FROM imports WHERE finished_at IS NULL ORDER BY id`)
	return out, s.error("list imports in flight", err)
}

// EndedBatches lists batches that are committed, quarantined or dropped, of imports of an
// account, by import and number, after one.
func (s *Store) EndedBatches(ctx context.Context, account bulk.AccountID, after bulk.BatchID, limit int) ([]bulk.EndedBatch, error) {
	var rows []struct {
		batchRow
		Dataset  bulk.DatasetName `db:"dataset"`
		Priority bulk.Priority    `db:"priority"`
		Version  int64            `db:"version"`
	}
	err := s.read.SelectContext(ctx, &rows, `
		SELECT `+batchColumns+`, priority, (SELECT i.dataset FROM imports i WHERE i.id = import_id) AS dataset, (SELECT i.version FROM imports i WHERE i.id = import_id) AS version
		FROM batches WHERE account_id = ? AND (import_id, no) > (?, ?) AND `+isTerminal+`
		ORDER BY import_id, no LIMIT ?`, account, after.Import, after.No, limit)
	out := make([]bulk.EndedBatch, len(rows))
	for i, r := range rows {
		out[i] = bulk.EndedBatch{
			Import: bulk.Import{ID: r.batchRow.Import, AccountID: account, Dataset: r.Dataset, Priority: r.Priority, Version: r.Version}, Batch: r.public(),
		}
	}
	return out, s.error("list ended batches", err)
}

// Rejects groups the rejects of some imports by cause. Those of a
// dry run that nobody approved were rejected nowhere.
func (s *Store) Rejects(ctx context.Context, imports []bulk.ImportID) (map[bulk.ImportID][]bulk.RejectGroup, error) {
	rows, err := selectIn[struct {
		Import   bulk.ImportID `db:"import_id"`
		Column   string        `db:"source_column"`
		Code     bulk.Code     `db:"code"`
		Count    int64         `db:"rejects"`
		Options  string        `db:"options"`
		Approved bool          `db:"approved"`
	}](ctx, s, `
		SELECT c.import_id, c.source_column, c.code, c.rejects, i.options, i.approved
		FROM error_clusters c JOIN imports i ON i.account_id = c.account_id AND i.id = c.import_id WHERE c.import_id IN (?)`, imports)
	if err != nil {
		return nil, err
	}
	out := map[bulk.ImportID][]bulk.RejectGroup{}
	for _, r := range rows {
		var o bulk.Options
		if err := json.Unmarshal([]byte(r.Options), &o); err != nil {
			return nil, s.error("list rejects", err)
		}
		if !o.DryRun || r.Approved {
			out[r.Import] = append(out[r.Import], bulk.RejectGroup{Column: r.Column, Code: r.Code, Count: r.Count})
		}
	}
	return out, nil
}
