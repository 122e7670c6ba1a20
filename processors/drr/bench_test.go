package drr

import (
	"fmt"
	"testing"

	"bulkhead/internal/bulk"
)

// BenchmarkDecision: one decision with its completion and the next batch's
// arrival, at 10,000 active accounts.
func BenchmarkDecision(b *testing.B) {
	const accounts = 10_000
	q := New(Config{})
	for i := range accounts {
		id := fmt.Sprintf("acc_%026d", i)
		for no := range int64(3) {
			q.Push(bulk.BatchRef{Account: bulk.AccountID(id), Import: bulk.ImportID(id), No: no, Rows: 5000})
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		g, _ := q.Pop()
		q.Charge(g.Ref, g.Cost/10)
		q.Finish(g.Ref.ID())
		g.Ref.No += 3
		q.Push(g.Ref)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
}

// BenchmarkManyImports is the same for one account with 1,000 imports.
func BenchmarkManyImports(b *testing.B) {
	q := New(Config{})
	for i := range 1000 {
		id := bulk.ImportID(fmt.Sprintf("imp_%026d", i))
		for no := range int64(3) {
			q.Push(bulk.BatchRef{Account: "acc", Import: id, No: no, Rows: 5000})
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		g, _ := q.Pop()
		q.Charge(g.Ref, g.Cost/10)
		q.Finish(g.Ref.ID())
		g.Ref.No += 3
		q.Push(g.Ref)
	}
}
