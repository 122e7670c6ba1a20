package ingest_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
)

// awkward is a file of some more than so many rows in which every kind of cut hurts: a byte order mark, CRLF and lone
// CR, quotes with line endings in them, doubled quotes, runes of several bytes, blank
// lines, rejects, and more rows than a batch.
func awkward(rows int) string {
	var b strings.Builder
	b.WriteString("\xEF\xBB\xBFid,name,size\r\n")
	for i := range rows {
		fmt.Fprintf(&b, "%d,\"say \"\"%d\"\"\r\nthen ö€😀\",%d\r\n", i, i, i*i)
		switch i % 8 {
		case 1:
			b.WriteString("\n\r\n\r")
		case 3:
			b.WriteString("too,few\r")
		case 5:
			b.WriteString("a,b\"ad,1\n")
		case 7:
			b.WriteString("\xff,invalid,1\n")
		}
	}
	b.WriteString(strings.Repeat("\r\n", 3*rows))
	b.WriteString("last,\"row\",1\n\n\n")
	return b.String()
}

func TestCutAnywhereIsTheSameAsUncut(t *testing.T) {
	short, long := awkward(8), awkward(40)
	f := newFixture(t, small)
	uncut := func(file string, rows int) result {
		id, err := f.receive(file, bulk.Options{})
		f.must(err)
		want := f.result(id, int64(len(file)))
		if want.sha256 != sum(file) || want.batches < 3 || len(want.rows) != rows {
			t.Fatalf("uncut: %d rows in %d batches, SHA-256 %s", len(want.rows), want.batches, want.sha256)
		}
		return want
	}
	want := uncut(short, 12)
	for at := 1; at < len(short); at += 5 {
		id := f.open(int64(len(short)), bulk.Options{})
		f.must(f.twice(id, short, at))
		same(t, f.result(id, int64(len(short))), want)
	}
	id := f.open(int64(len(short)), bulk.Options{})
	f.must(f.pieces(id, short, 1))
	same(t, f.result(id, int64(len(short))), want)
	want = uncut(long, 56)
	for _, n := range []int{7, 100, 101, 333} {
		id := f.open(int64(len(long)), bulk.Options{})
		f.must(f.pieces(id, long, n))
		same(t, f.result(id, int64(len(long))), want)
	}
}

// twice sends a file whose first request breaks off.
func (f *fixture) twice(id bulk.ImportID, file string, at int) error {
	broken := errors.New("connection reset")
	got, err := f.Write(f.t.Context(), f.account, id, bulk.Body{Reader: io.MultiReader(strings.NewReader(file[:at]), failing{broken}), Length: int64(len(file))})
	if !errors.Is(err, broken) || got != int64(at) {
		f.t.Fatalf("a body cut at %d gave %d, %v", at, got, err)
	}
	_, err = f.Write(f.t.Context(), f.account, id, bulk.Body{Reader: strings.NewReader(file[at:]), Offset: got, Length: int64(len(file))})
	return err
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func same(t *testing.T, got, want result) {
	t.Helper()
	if !slices.Equal(got.rows, want.rows) {
		for i := range min(len(got.rows), len(want.rows)) {
			if got.rows[i] != want.rows[i] {
				t.Fatalf("row %d: got %s\nwant %s", i, got.rows[i], want.rows[i])
			}
		}
		t.Fatalf("got %d rows, want %d", len(got.rows), len(want.rows))
	}
	if got.sha256 != want.sha256 || got.blank != want.blank || got.layout.Dialect != want.layout.Dialect {
		t.Fatalf("got SHA-256 %s, %d blank lines, %+v; want %s, %d, %+v", got.sha256, got.blank, got.layout.Dialect, want.sha256, want.blank, want.layout.Dialect)
	}
}

// TestRandomCuts cuts at random places, at the bounds that people get.
func TestRandomCuts(t *testing.T) {
	var b strings.Builder
	b.WriteString("id,name,size\n")
	for i := range 60_000 {
		fmt.Fprintf(&b, "%d,\"thing \"\"%d\"\"\nnumber\",%d\r\n", i, i*7, i)
	}
	file := b.String() // over 2 MB: several batches, longer than a tail
	f := newFixture(t)
	whole, err := f.receive(file, bulk.Options{})
	f.must(err)
	want := f.result(whole, int64(len(file)))
	for seed := range uint64(6) {
		random := rand.New(rand.NewPCG(seed, 0))
		id := f.open(int64(len(file)), bulk.Options{})
		for at := 0; at < len(file); {
			end := min(at+random.IntN(900_000), len(file))
			_, err := f.Write(t.Context(), f.account, id, bulk.Body{Reader: strings.NewReader(file[at:end]), Offset: int64(at), Length: int64(len(file))})
			f.must(err)
			at = end
		}
		same(t, f.result(id, int64(len(file))), want)
	}
	id := f.open(int64(len(file)), bulk.Options{})
	f.must(f.pieces(id, file, 64<<10))
	same(t, f.result(id, int64(len(file))), want)
}

func TestLengthMayComeLate(t *testing.T) {
	file := awkward(40)
	f := newFixture(t, small)
	id := f.open(-1, bulk.Options{})
	for at := 0; at < len(file); at += 50 {
		end := min(at+50, len(file))
		_, err := f.Write(t.Context(), f.account, id, bulk.Body{Reader: strings.NewReader(file[at:end]), Offset: int64(at), Length: -1})
		f.must(err)
	}
	if f.imp(id).Sealed {
		t.Fatal("sealed before its length was known")
	}
	got, err := f.Write(t.Context(), f.account, id, bulk.Body{Reader: strings.NewReader(""), Offset: int64(len(file)), Length: int64(len(file))})
	if err != nil || got != int64(len(file)) {
		t.Fatalf("declaring the length: %d, %v", got, err)
	}
	if r := f.result(id, int64(len(file))); len(r.rows) != 56 {
		t.Errorf("%d rows", len(r.rows))
	}
}

func TestAcknowledgedOffsetNeverGoesBack(t *testing.T) {
	file := awkward(40)
	f := newFixture(t, small)
	id := f.open(int64(len(file)), bulk.Options{})
	last := int64(0)
	for last < int64(len(file)) {
		end := min(last+37, int64(len(file)))
		_, err := f.Write(t.Context(), f.account, id, bulk.Body{Reader: strings.NewReader(file[last:end]), Offset: last, Length: int64(len(file))})
		f.must(err)
		up, err := f.store.Upload(t.Context(), f.account, id)
		f.must(err)
		tail, err := f.store.Tail(t.Context(), f.account, id, 0)
		f.must(err)
		if up.Offset != end || string(tail) != file[up.Boundary.Offset:end] || len(tail) > 400 {
			t.Fatalf("after [%d, %d): offset %d, boundary %d, tail %q", last, end, up.Offset, up.Boundary.Offset, tail)
		}
		last = end
	}
}

func TestTakeover(t *testing.T) {
	file := awkward(40)
	f := newFixture(t, small)
	id := f.open(int64(len(file)), bulk.Options{})
	body, feed := io.Pipe()
	type answer struct {
		offset int64
		err    error
	}
	first := make(chan answer)
	go func() {
		offset, err := f.Write(t.Context(), f.account, id, bulk.Body{Reader: body, Length: int64(len(file))})
		first <- answer{offset, err}
	}()
	io.WriteString(feed, file[:100]) // the first writer has taken the upload and waits
	other := f.another(small)
	got, err := other.Write(t.Context(), f.account, id, bulk.Body{Reader: strings.NewReader(file), Length: int64(len(file))})
	if err != nil || got != int64(len(file)) {
		t.Fatalf("the second writer: %d, %v", got, err)
	}
	go func() {
		io.WriteString(feed, file[100:])
		feed.Close()
	}()
	if a := <-first; a.err == nil || a.offset > 100 {
		t.Errorf("the first writer: %d, %v; want an end", a.offset, a.err)
	}
	body.Close()
	if r := f.result(id, int64(len(file))); len(r.rows) != 56 {
		t.Errorf("%d rows", len(r.rows))
	}
}

func TestSupersededWriterStops(t *testing.T) {
	file := awkward(40)
	f := newFixture(t, small)
	id := f.open(int64(len(file)), bulk.Options{})
	body, feed := io.Pipe()
	first := make(chan error)
	go func() {
		_, err := f.Write(t.Context(), f.account, id, bulk.Body{Reader: body, Length: int64(len(file))})
		first <- err
	}()
	io.WriteString(feed, file[:10])
	_, err := f.store.TakeUpload(t.Context(), f.account, id) // another process, still reading
	f.must(err)
	go func() {
		io.WriteString(feed, file[10:])
		feed.Close()
	}()
	if err := <-first; !errors.Is(err, bulk.ErrSuperseded) {
		t.Errorf("got %v, want ErrSuperseded", err)
	}
	body.Close()
	if up, err := f.store.Upload(t.Context(), f.account, id); err != nil || up.Offset != 0 || f.imp(id).Batches.Total != 0 {
		t.Errorf("the superseded writer got to %d, %v", up.Offset, err)
	}
}

func TestWrongOffsetAndLength(t *testing.T) {
	f := newFixture(t)
	id := f.open(20, bulk.Options{})
	for _, c := range []struct {
		offset, length int64
		want           string
	}{{5, 20, bulk.ErrOffsetMismatch}, {0, 21, bulk.ErrLengthMismatch}} {
		_, err := f.Write(t.Context(), f.account, id, bulk.Body{Reader: strings.NewReader("id\n"), Offset: c.offset, Length: c.length})
		if bulk.CodeOf(err) != c.want {
			t.Errorf("Write at %d of %d = %v, want %s", c.offset, c.length, err, c.want)
		}
	}
	if imp := f.imp(id); imp.State.Terminal() || imp.Bytes.Received != 0 {
		t.Errorf("a wrong request changed the import: %+v", imp)
	}
}

func TestTrailingBlankLinesAreCovered(t *testing.T) {
	f := newFixture(t, small)
	for _, blanks := range []int{1, 150, 300, 5000} {
		file := "id,name,size\n1,a,1\n" + strings.Repeat("\n", blanks)
		for _, n := range []int{95, 1200, len(file)} {
			id := f.open(int64(len(file)), bulk.Options{})
			f.must(f.pieces(id, file, n))
			if r := f.result(id, int64(len(file))); len(r.rows) != 1 || r.blank != int64(blanks) || r.batches == 0 {
				t.Errorf("%d blank lines in pieces of %d: %d rows in %d batches, %d blank lines", blanks, n, len(r.rows), r.batches, r.blank)
			}
		}
	}
}
