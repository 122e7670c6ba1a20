package mirror

import (
	"context"
	"maps"
	"slices"

	"bulkhead/internal/bulk"
)

// reportLoaded writes what is known of loaded batches and of their imports, then marks them.
func (m *Mirror) reportLoaded(ctx context.Context, tasks []bulk.BatchTask) error {
	if len(tasks) == 0 {
		return nil
	}
	var rows [][]any
	ids := make([]bulk.BatchID, len(tasks))
	imports := map[bulk.ImportID]bulk.Import{}
	for i, w := range tasks {
		ids[i] = w.ID()
		if _, known := imports[w.Import.ID]; !known {
			now, err := m.cfg.Ledger.Import(ctx, w.Account, w.Import.ID) // it may have ended meanwhile
			if err != nil {
				return err
			}
			imports[w.Import.ID] = now
		}
		rows = append(rows, batchRow(imports[w.Import.ID], w.Batch))
	}
	return m.writeAndMark(ctx, ids, rows, imports)
}

// writeAndMark adds rows about batches and imports, then marks both.
func (m *Mirror) writeAndMark(ctx context.Context, ids []bulk.BatchID, batches [][]any, imports map[bulk.ImportID]bulk.Import) error {
	var rows, rejects [][]any
	read := make([]bulk.Import, 0, len(imports))
	for i := range maps.Values(imports) {
		read = append(read, i)
		rows = append(rows, importRow(i))
		uncommitted, err := m.uncommitted(ctx, i)
		if err != nil {
			return err
		}
		batches = append(batches, uncommitted...)
	}
	causes, err := m.cfg.Ledger.Rejects(ctx, importIDs(read))
	if err != nil {
		return err
	}
	for id, groups := range causes {
		for _, c := range groups {
			rejects = append(rejects, rejectRow(imports[id], c))
		}
	}
	for _, part := range []struct {
		table table
		rows  [][]any
	}{{batchesTable(), batches}, {rejectsTable(), rejects}, {importsTable(), rows}} {
		if err := insertRows(ctx, m.cfg.Engine, part.table, part.rows); err != nil {
			return err
		}
	}
	return m.cfg.Ledger.MarkMirrored(ctx, ids, read)
}

// uncommitted are the batches of an import that ended which never came to a commit.
func (m *Mirror) uncommitted(ctx context.Context, i bulk.Import) (rows [][]any, err error) {
	if i.FinishedAt == nil || i.Batches.Committed == i.Batches.Total {
		return nil, nil
	}
	const page = 500
	for after := (bulk.BatchID{Import: i.ID, No: -1}); ; {
		batches, err := m.cfg.Ledger.Batches(ctx, i.AccountID, after, page)
		if err != nil {
			return nil, err
		}
		for _, b := range batches {
			after.No = b.No
			if b.State != bulk.BatchCommitted {
				rows = append(rows, batchRow(i, b))
			}
		}
		if len(batches) < page {
			return rows, nil
		}
	}
}

// report writes imports in flight that changed, and imports that ended without a batch
// that could have brought their end along.
func (m *Mirror) report(ctx context.Context) error {
	if err := m.reportInFlight(ctx); err != nil {
		return err
	}
	for {
		ended, err := m.cfg.Ledger.Unreported(ctx, groupImports)
		if err != nil {
			return err
		}
		if len(ended) == 0 {
			return nil
		}
		if err := m.prepare(ctx); err != nil {
			return err
		}
		imports := map[bulk.ImportID]bulk.Import{}
		for _, i := range ended {
			imports[i.ID] = i
		}
		if err := m.writeAndMark(ctx, nil, nil, imports); err != nil {
			return err
		}
	}
}

// reportInFlight writes the imports that have not ended and changed since they were written.
func (m *Mirror) reportInFlight(ctx context.Context) error {
	open, err := m.cfg.Ledger.InFlight(ctx)
	if err != nil {
		return err
	}
	written := make(map[bulk.ImportID]int64, len(open))
	var changed []bulk.ImportVersion
	for _, i := range open {
		if v, known := m.written[i.ID]; known && v == i.Version {
			written[i.ID] = v
		} else {
			changed = append(changed, i)
		}
	}
	m.written = written // those that ended are forgotten
	for some := range slices.Chunk(changed, groupImports) {
		if err := m.prepare(ctx); err != nil {
			return err
		}
		imports := make(map[bulk.ImportID]bulk.Import, len(some))
		for _, i := range some {
			if imports[i.ID], err = m.cfg.Ledger.Import(ctx, i.Account, i.ID); err != nil {
				return err
			}
		}
		if err := m.writeAndMark(ctx, nil, nil, imports); err != nil {
			return err
		}
		for id, i := range imports {
			m.written[id] = i.Version
		}
	}
	return nil
}

// reportAccounts writes accounts that changed.
func (m *Mirror) reportAccounts(ctx context.Context) error {
	all, err := m.cfg.Ledger.ListAccounts(ctx)
	if err != nil {
		return err
	}
	clock, err := m.cfg.Ledger.Now(ctx)
	if err != nil {
		return err
	}
	var rows [][]any
	for i, a := range all {
		a.CreatedAt = a.CreatedAt.UTC() // one pointer for one zone, so that equal is ==
		all[i] = a
		if m.accounts[a.ID] != a {
			rows = append(rows, accountRow(a, uint64(clock.UnixMicro())))
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if err := m.prepare(ctx); err != nil {
		return err
	}
	if err := insertRows(ctx, m.cfg.Engine, accountsTable(), rows); err != nil {
		return err
	}
	for _, a := range all {
		m.accounts[a.ID] = a
	}
	return nil
}
