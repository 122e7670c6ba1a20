package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"bulkhead/internal/bulk"
)

// load copies batches, each a block in the order of its keys, one insert a dataset;
// then what is known of them; then it marks them. Killed in between, it leaves rows
// that the next attempt repeats and the views fold.
//
// A batch whose rows cannot be had does not hold up the others: it is logged once and
// comes again with every sweep. The error is one of the engine or the ledger.
func (m *Mirror) load(ctx context.Context, ids []bulk.BatchID) error {
	if len(ids) == 0 {
		return nil
	}
	tasks, err := m.readTasks(ctx, ids)
	if err != nil || len(tasks) == 0 {
		return err
	}
	if err := m.prepare(ctx); err != nil {
		return err
	}
	done := make([]bulk.BatchTask, 0, len(tasks))
	for group := range byDataset(tasks) {
		loaded, err := m.loadDataset(ctx, group)
		if err != nil {
			return err
		}
		done = append(done, loaded...)
	}
	return m.reportLoaded(ctx, done)
}

// readTasks reads the batches that are still to be mirrored, by dataset, import and number.
func (m *Mirror) readTasks(ctx context.Context, ids []bulk.BatchID) (tasks []bulk.BatchTask, err error) {
	for _, id := range ids {
		w, err := m.cfg.Ledger.CommittedTask(ctx, id)
		if errors.Is(err, bulk.ErrSkip) {
			continue
		}
		if err != nil && (bulk.KindOf(err) == bulk.KindUnavailable || ctx.Err() != nil) {
			return nil, err
		}
		if err != nil {
			m.skip(ctx, id, err)
			continue
		}
		tasks = append(tasks, w)
	}
	slices.SortFunc(tasks, func(a, b bulk.BatchTask) int {
		return cmp.Or(cmp.Compare(a.Spec.Name, b.Spec.Name), cmp.Compare(a.OpSeq, b.OpSeq), cmp.Compare(a.Batch.No, b.Batch.No))
	})
	return tasks, nil
}

// prepare makes the database and the tables of imports once a connection to an engine.
func (m *Mirror) prepare(ctx context.Context) error {
	if m.prepared {
		return nil
	}
	if err := m.cfg.Engine.Prepare(ctx); err != nil {
		return fmt.Errorf("prepare analytics: %w", err)
	}
	d, err := dialectOf(ctx, m.cfg.Engine)
	if err != nil {
		return err
	}
	if err := m.findLoss(ctx); err != nil {
		return err
	}
	if err := ensureLogs(ctx, m.cfg.Engine, d); err != nil {
		return err
	}
	m.prepared = true
	return nil
}

// findLoss looks whether analytics were there before. Where they were and are not, the
// database was dropped or another one is asked: all is to be mirrored again, and until
// then nothing may claim that it is.
func (m *Mirror) findLoss(ctx context.Context) error {
	there, err := columnsOf(ctx, m.cfg.Engine, importsTable().name)
	if err != nil || len(there) > 0 {
		return err
	}
	lost, err := m.cfg.Ledger.ForgetMirrored(ctx)
	if err == nil && lost > 0 {
		m.cfg.Log.WarnContext(ctx, "analytics are empty, everything is copied again", "batches", lost)
	}
	return err
}

// byDataset yields runs of one dataset.
func byDataset(tasks []bulk.BatchTask) func(yield func([]bulk.BatchTask) bool) {
	return func(yield func([]bulk.BatchTask) bool) {
		for from, to := 0, 0; from < len(tasks); from = to {
			for to = from; to < len(tasks) && tasks[to].Spec.Name == tasks[from].Spec.Name; to++ {
			}
			if !yield(tasks[from:to]) {
				return
			}
		}
	}
}

// loadDataset copies batches of one dataset, ordered by op_seq: the last one's spec is
// the newest and, as a dataset only grows, has every column of the others.
func (m *Mirror) loadDataset(ctx context.Context, tasks []bulk.BatchTask) (done []bulk.BatchTask, err error) {
	t := datasetTable(tasks[len(tasks)-1].Spec)
	if m.tables[tasks[0].Spec.Name] < len(t.columns) {
		if err := t.ensure(ctx, m.cfg.Engine); err != nil {
			return nil, err
		}
		m.tables[tasks[0].Spec.Name] = len(t.columns)
	}
	err = m.cfg.Engine.Insert(ctx, t.name, t.columns, func(w Writer) error {
		for _, work := range tasks {
			into := &rowWriter{Writer: w, table: t}
			err := m.cfg.Applied.Read(ctx, work, func(r bulk.Records) error { return into.batch(work, r) })
			switch {
			case into.err != nil:
				return into.err
			case err != nil && ctx.Err() != nil:
				return err
			case err != nil:
				m.skip(ctx, work.ID(), err)
				continue
			}
			done = append(done, work)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("insert into %s: %w", t.name, err)
	}
	return done, nil
}

// maxLogged bounds how many skipped batches are remembered; beyond it they are logged again.
const maxLogged = 10_000

// skip says once that a batch is left out.
func (m *Mirror) skip(ctx context.Context, id bulk.BatchID, err error) {
	if _, said := m.logged[id]; said {
		return
	}
	if len(m.logged) >= maxLogged {
		clear(m.logged)
	}
	m.logged[id] = struct{}{}
	m.cfg.Log.ErrorContext(ctx, "batch cannot be mirrored now", "batch", id.String(), "error", err)
}

// rowWriter turns records into rows of a dataset's table.
type rowWriter struct {
	Writer
	table table
	err   error // of the engine, as opposed to one of where the rows come from
}

// batch writes a batch as one block. Nothing is written of one whose versions do not fit.
func (w *rowWriter) batch(work bulk.BatchTask, r bulk.Records) error {
	last := work.Batch.FirstRow + work.Batch.Rows.Read
	if _, err := version(work.OpSeq, last, false); err != nil {
		return err
	}
	from := w.sources(r.Columns)
	row := make([]any, len(w.table.columns))
	n := len(row)
	row[0], row[n-3], row[n-1] = string(work.Account), string(work.Import.ID), false
	for i, values := range r.Values {
		for j, source := range from {
			row[1+j] = nil
			if source >= 0 {
				row[1+j] = values[source]
			}
		}
		v, err := version(work.OpSeq, r.RowNo[i], false)
		if err != nil {
			return err
		}
		row[n-5], row[n-4], row[n-2] = work.OpSeq, r.RowNo[i], v
		if w.err = w.Row(row); w.err != nil {
			return w.err
		}
	}
	w.err = w.Flush()
	return w.err
}

// sources returns for each of the dataset's columns in the table its place in the records, or -1.
func (w *rowWriter) sources(columns []string) []int {
	own := w.table.columns[1 : len(w.table.columns)-5]
	out := make([]int, len(own))
	for i, c := range own {
		out[i] = slices.Index(columns, c.Name)
	}
	return out
}
