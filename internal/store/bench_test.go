package store

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"bulkhead/internal/bulk"
)

const (
	benchRows    = 500 // of a batch
	benchWriters = 4   // that commit at once, as so many slots do
)

// BenchmarkCommit commits batches of new rows; beside it BenchmarkBareCopy, which only
// copies the same rows into a table of the same shape.
func BenchmarkCommit(b *testing.B) {
	for name, open := range engines {
		b.Run(name, func(b *testing.B) {
			f := newFixture(b, open(b))
			accounts := make([]bulk.Import, benchWriters) // each of its own account
			for i := range accounts {
				accounts[i] = f.newImport(f.newAccount(fmt.Sprint(i), 1e9), bulk.ModeCreate, bulk.Options{})
				for range (b.N + benchWriters - 1) / benchWriters {
					f.stageOpen(accounts[i], benchRows)
				}
			}
			b.ResetTimer()
			writers(b, func(writer, no int) {
				f.commit(accounts[writer], int64(no), benchBatch(no)...)
			})
		})
	}
}

func BenchmarkBareCopy(b *testing.B) {
	f := newFixture(b, engines["postgres"](b))
	columns := []string{"_account_id", "id", "name", "size", "_op_seq", "_row_no"}
	b.ResetTimer()
	writers(b, func(writer, no int) {
		c := commitOf(bulk.BatchTask{Account: bulk.AccountID(fmt.Sprint(writer)), Spec: things}, benchBatch(no)...)
		f.must(f.tx(b.Context(), "copy", func(tx *txn) error {
			r := &postgresRows{store: f.Store, tx: tx}
			all := others(c, nil)
			r.begin(c, all)
			_, err := tx.copyFrom(b.Context(), things.Table(), columns, &rowSource{r: r, rows: all})
			return err
		}))
	})
}

// writers calls do b.N times, from some goroutines at once, with the number of the
// goroutine and of its call.
func writers(b *testing.B, do func(writer, no int)) {
	var all sync.WaitGroup
	for w := range benchWriters {
		all.Go(func() {
			for i := w; i < b.N; i += benchWriters {
				do(w, i/benchWriters)
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)*benchRows/b.Elapsed().Seconds(), "rows/s")
}

func benchBatch(no int) []row {
	rows := make([]row, benchRows)
	name := strings.Repeat("x", 80)
	for i := range rows {
		n := int64(no*benchRows + i + 1)
		rows[i] = row{n, fmt.Sprintf("key-%09d", n), name}
	}
	return rows
}
