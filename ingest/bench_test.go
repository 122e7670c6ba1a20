package ingest_test

import (
	"bytes"
	"context"
	"sync/atomic"
	"testing"

	"bulkhead/internal/bulk"
	"bulkhead/internal/sample"
)

// memory is a ledger and object store that cost nothing, so that the benchmark
// measures the way from the body to the encoded batch.
type memory struct {
	spec  bulk.Spec
	up    bulk.Upload
	bytes atomic.Int64
}

func (m *memory) Upload(context.Context, bulk.AccountID, bulk.ImportID) (bulk.Upload, error) {
	return m.up, nil
}

func (m *memory) BeginUpload(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Upload, error) {
	return m.TakeUpload(ctx, account, id)
}

func (m *memory) TakeUpload(_ context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Upload, error) {
	return bulk.Upload{Import: bulk.Import{ID: id, AccountID: account}, Spec: m.spec, Length: -1}, nil
}

func (m *memory) Advance(context.Context, bulk.Progress) error { return nil }

func (m *memory) Refuse(_ context.Context, _ bulk.AccountID, _ bulk.ImportID, why *bulk.Error) error {
	return why
}

func (m *memory) Undecoded(context.Context, int) ([]bulk.Undecoded, error) { return nil, nil }

func (m *memory) TakeDecoding(context.Context, bulk.Undecoded) (bulk.Upload, error) {
	return bulk.Upload{}, bulk.ErrSuperseded
}

func (m *memory) Worked(context.Context, bulk.AccountID, bulk.ImportID, int64) error { return nil }

func (m *memory) Tail(context.Context, bulk.AccountID, bulk.ImportID, int64) ([]byte, error) {
	return nil, nil
}

func (m *memory) Cancel(context.Context, bulk.AccountID, bulk.ImportID) (bulk.Import, error) {
	return bulk.Import{}, nil
}

func (m *memory) Put(_ context.Context, _ string, data []byte) error {
	m.bytes.Add(int64(len(data)))
	return nil
}

func (m *memory) Get(context.Context, string) ([]byte, error) { return nil, bulk.ErrNotFound }

// BenchmarkReceive takes in contacts; run it with -cpu 1 for the rate of one core.
func BenchmarkReceive(b *testing.B) {
	const rows = 200_000
	var file bytes.Buffer
	_, err := sample.Contacts(&file, sample.Options{Rows: rows, RejectRate: 0.02})
	if err != nil {
		b.Fatal(err)
	}
	m := &memory{spec: sample.Spec()}
	f := &fixture{t: b, moved: make(chan struct{}, 1)}
	u := f.another(func(c *config) { c.Ledger, c.Objects = m, m })
	b.SetBytes(int64(file.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if err := u.Receive(b.Context(), "acc", "imp", bulk.Body{Reader: bytes.NewReader(file.Bytes()), Length: -1}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(m.bytes.Load())/float64(b.N)/float64(file.Len()), "stored/byte")
}
