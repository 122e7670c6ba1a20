package ingest_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"bulkhead/columnar"
	"bulkhead/ingest"
	"bulkhead/internal/bulk"
	"bulkhead/internal/objects"
	"bulkhead/internal/sample"
	"bulkhead/internal/store"
)

// fixture is an Uploads on a real store and folder, with one account and two datasets.
type fixture struct {
	*ingest.Uploads
	t       testing.TB
	store   *store.Store
	objects *objects.Folder
	account bulk.AccountID
	staged  atomic.Int64
	moved   chan struct{} // the ledger was written to
}

// watched is the ledger, telling the fixture of every write.
type watched struct {
	ingest.Ledger
	moved chan struct{}
}

func (w watched) tell() {
	select {
	case w.moved <- struct{}{}:
	default:
	}
}

// TakeUpload implements ingest.Ledger.
func (w watched) TakeUpload(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Upload, error) {
	defer w.tell()
	return w.Ledger.TakeUpload(ctx, account, id)
}

// BeginUpload implements ingest.Ledger.
func (w watched) BeginUpload(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Upload, error) {
	defer w.tell()
	return w.Ledger.BeginUpload(ctx, account, id)
}

// TakeDecoding implements ingest.Ledger.
func (w watched) TakeDecoding(ctx context.Context, seen bulk.Undecoded) (bulk.Upload, error) {
	defer w.tell()
	return w.Ledger.TakeDecoding(ctx, seen)
}

// Advance implements ingest.Ledger.
func (w watched) Advance(ctx context.Context, p bulk.Progress) error {
	defer w.tell()
	return w.Ledger.Advance(ctx, p)
}

// Refuse implements ingest.Ledger.
func (w watched) Refuse(ctx context.Context, account bulk.AccountID, id bulk.ImportID, why *bulk.Error) error {
	defer w.tell()
	return w.Ledger.Refuse(ctx, account, id, why)
}

// until waits for something that comes about by a write to the ledger.
func (f *fixture) until(is func() bool) {
	f.t.Helper()
	for !is() {
		select {
		case <-f.moved:
		case <-f.t.Context().Done():
			f.t.Fatal("it did not come about")
		}
	}
}

var things = bulk.Spec{Name: "things", Key: []string{"id"}, Columns: []bulk.Column{
	{Name: "id", Type: bulk.TypeText}, {Name: "name", Type: bulk.TypeText}, {Name: "size", Type: bulk.TypeInteger},
}}

type config = ingest.Config

// small makes every bound small, so that short files meet them all.
func small(c *ingest.Config) {
	c.Limits.PreviewBytes, c.Limits.HeaderBytes = 64, 64
	c.Limits.RecordBytes, c.Limits.FieldBytes = 256, 128
	c.TailBytes, c.PartBytes = 100, 90
	c.BatchRows, c.BatchBytes = 5, 150
}

func newFixture(t testing.TB, tweaks ...func(*ingest.Config)) *fixture {
	t.Helper()
	f := &fixture{t: t, moved: make(chan struct{}, 1)}
	var err error
	f.store, err = store.New(store.Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "store.db")})
	f.must(err)
	t.Cleanup(func() { f.store.Close() })
	f.must(f.store.Migrate(t.Context()))
	f.objects, err = objects.OpenFolder(t.TempDir())
	f.must(err)
	t.Cleanup(func() { f.objects.Close() })
	a, err := f.store.CreateAccount(t.Context(), "one", 1000, 1)
	f.must(err)
	f.account = a.ID
	for _, spec := range []bulk.Spec{things, sample.Spec()} {
		_, err := f.store.ApplyDataset(t.Context(), spec)
		f.must(err)
	}
	f.Uploads = f.another(tweaks...)
	return f
}

// another returns an Uploads of another process on the same store.
func (f *fixture) another(tweaks ...func(*ingest.Config)) *ingest.Uploads {
	f.t.Helper()
	c := ingest.Config{
		Ledger: watched{f.store, f.moved}, Objects: f.objects, Notifier: f, Limits: bulk.DefaultLimits(), Logger: slog.New(slog.NewTextHandler(f.t.Output(), nil)),
		Principal: func(context.Context) (bulk.Principal, bool) { return bulk.Principal{Account: f.account}, true },
	}
	for _, tweak := range tweaks {
		tweak(&c)
	}
	u, err := ingest.New(c)
	f.must(err)
	return u
}

// Staged implements ingest.Notifier.
func (f *fixture) Staged() { f.staged.Add(1) }

func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// open creates an import of a file of so many bytes, -1 when that is not known.
func (f *fixture) open(size int64, o bulk.Options) bulk.ImportID {
	f.t.Helper()
	return f.openIn("things", size, o)
}

func (f *fixture) openIn(dataset bulk.DatasetName, size int64, o bulk.Options) bulk.ImportID {
	f.t.Helper()
	return f.openFor(f.account, dataset, size, o)
}

func (f *fixture) openFor(account bulk.AccountID, dataset bulk.DatasetName, size int64, o bulk.Options) bulk.ImportID {
	f.t.Helper()
	imp, _, err := f.store.CreateImport(f.t.Context(), bulk.NewImport{
		Account: account, Dataset: dataset, Mode: bulk.ModeUpsert, Priority: bulk.PriorityNormal, Filename: "things.csv", Size: size, Options: o,
	}, 1000)
	f.must(err)
	return imp.ID
}

func (f *fixture) imp(id bulk.ImportID) bulk.Import {
	f.t.Helper()
	imp, err := f.store.Import(f.t.Context(), f.account, id)
	f.must(err)
	return imp
}

// receive sends a whole file at once.
func (f *fixture) receive(file string, o bulk.Options) (bulk.ImportID, error) {
	f.t.Helper()
	id := f.open(-1, o)
	return id, f.Receive(f.t.Context(), f.account, id, bulk.Body{Reader: strings.NewReader(file), Length: -1})
}

// pieces sends a file in pieces of n bytes, each a request of its own.
func (f *fixture) pieces(id bulk.ImportID, file string, n int) error {
	f.t.Helper()
	for at := 0; at < len(file); {
		end := min(at+n, len(file))
		got, err := f.Write(f.t.Context(), f.account, id, bulk.Body{Reader: strings.NewReader(file[at:end]), Offset: int64(at), Length: int64(len(file))})
		if err != nil {
			return err
		}
		if got != int64(end) {
			f.t.Fatalf("a request for [%d, %d) was acknowledged to %d", at, end, got)
		}
		at = end
	}
	return nil
}

// decodeAll runs the decoder until the import is sealed or failed.
func (f *fixture) decodeAll(id bulk.ImportID) bulk.Import {
	f.t.Helper()
	ctx, cancel := context.WithCancel(f.t.Context())
	done := make(chan error)
	go func() { done <- f.Run(ctx) }()
	f.until(func() bool { imp := f.imp(id); return imp.Sealed || imp.State.Terminal() })
	cancel()
	f.must(<-done)
	return f.imp(id)
}

// result is what a sealed import staged.
type result struct {
	rows    []string // "row line offset: cells", or the code and text of a reject
	batches int
	sha256  string
	blank   int64
	layout  bulk.Layout
}

// staged reads a sealed import's batches back and checks that they tile [0, length)
// and number their rows without a gap.
func (f *fixture) result(id bulk.ImportID, length int64) result {
	f.t.Helper()
	imp := f.imp(id)
	if !imp.Sealed || imp.SHA256 == nil || imp.Layout == nil {
		f.t.Fatalf("the import is not sealed: %+v", imp)
	}
	batches, err := f.store.Batches(f.t.Context(), f.account, bulk.BatchID{Import: id, No: -1}, 1_000_000)
	f.must(err)
	r := result{batches: len(batches), sha256: *imp.SHA256, blank: imp.BlankLines, layout: *imp.Layout}
	at := int64(0)
	for i, b := range batches {
		if b.No != int64(i) || b.ByteFrom != at || b.ByteTo <= at || b.FirstRow != int64(len(r.rows))+1 {
			f.t.Fatalf("batch %d after %d rows and byte %d is %+v", i, len(r.rows), at, b)
		}
		at = b.ByteTo
		r.rows = append(r.rows, f.read(b)...)
	}
	if len(batches) > 0 && at != length {
		f.t.Fatalf("the batches end at byte %d of %d", at, length)
	}
	if imp.Rows.Read != int64(len(r.rows)) {
		f.t.Fatalf("the import counts %d rows, its batches hold %d", imp.Rows.Read, len(r.rows))
	}
	return r
}

// read returns a batch's rows, and checks that they lie in its bytes.
func (f *fixture) read(b bulk.Batch) (rows []string) {
	f.t.Helper()
	key := f.objectKey(b)
	data, err := f.objects.Get(f.t.Context(), key)
	f.must(err)
	got, err := columnar.Decode(data, b.SHA256)
	f.must(err)
	defer got.Release()
	if int64(got.Rows()) != b.Rows.Read || int64(len(data)) != b.Size {
		f.t.Fatalf("object of %d bytes and %d rows under %+v", len(data), got.Rows(), b)
	}
	for i := range got.Rows() {
		row, line, offset := got.Row(i)
		if row != b.FirstRow+int64(i) || offset < b.ByteFrom || offset >= b.ByteTo {
			f.t.Fatalf("row %d at byte %d in %+v", row, offset, b)
		}
		text := fmt.Sprintf("%d %d %d:", row, line, offset)
		if code := got.Code(i); code != "" {
			rows = append(rows, fmt.Sprintf("%s %s %q", text, code, got.Raw(i)))
			continue
		}
		for col := range got.Header() {
			text += fmt.Sprintf(" %q", got.Cell(col, i))
		}
		rows = append(rows, text)
	}
	return rows
}

// objectKey finds the batch's object, whose key the list of batches may leave out.
func (f *fixture) objectKey(b bulk.Batch) string {
	f.t.Helper()
	if b.Object != "" {
		return b.Object
	}
	for info, err := range f.objects.List(f.t.Context(), fmt.Sprintf("batches/%s/%d-", b.Import, b.No)) {
		f.must(err)
		return info.Key
	}
	f.t.Fatalf("no object of batch %d", b.No)
	return ""
}

func sum(file string) string {
	h := sha256.Sum256([]byte(file))
	return hex.EncodeToString(h[:])
}

// forever repeats a text without end.
type forever struct {
	text string
	at   int
	sent int64
}

func (f *forever) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		c := copy(p[n:], f.text[f.at:])
		n, f.at = n+c, (f.at+c)%len(f.text)
	}
	f.sent += int64(n)
	return n, nil
}

var _ io.Reader = (*forever)(nil)
