package ingest_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"

	"bulkhead/internal/bulk"
)

const plain = "id,name,size\n1,Müller,5\n2,日本,6\n"

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, text)
	w.Close()
	return b.String()
}

func zstandard(text string) string {
	w, _ := zstd.NewWriter(nil)
	return string(w.EncodeAll([]byte(text), nil))
}

func encoded(t *testing.T, e encoding.Encoding, text string) string {
	t.Helper()
	out, err := e.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestHostileFilesAreRefused goes by the numbers of the list of hostile input.
func TestHostileFilesAreRefused(t *testing.T) {
	var lines strings.Builder
	for i := range 200_000 {
		fmt.Fprintf(&lines, "%x,y,1\n", sha256.Sum256([]byte{byte(i), byte(i >> 8)}))
	}
	long := lines.String()
	f := newFixture(t)
	for _, c := range []struct {
		name, file string
		o          bulk.Options
		want       string
		line       int64
	}{
		{"01 empty", "", bulk.Options{}, bulk.ErrEmptyFile, 0},
		{"01 blank lines only", "\r\n\n\r", bulk.Options{}, bulk.ErrEmptyFile, 0},
		{"01 byte order mark only", "\xEF\xBB\xBF", bulk.Options{}, bulk.ErrEmptyFile, 0},
		{"01 empty archive", zipped(""), bulk.Options{}, bulk.ErrEmptyFile, 0},
		{"12 duplicate header", "id,name,ID\n1,2,3\n", bulk.Options{}, bulk.ErrBadHeader, 1},
		{"12 header amid megabytes of blank lines", strings.Repeat("\n", 3<<20) + plain, bulk.Options{}, bulk.ErrBadHeader, 0},
		{"13 quote never closed, at the end", "id,name,size\n1,a,2\n2,\"b,3\n", bulk.Options{}, bulk.ErrUnterminatedQuote, 3},
		{"13 quote never closed, at the limit", "id,name,size\n1,a,2\n2,\"b,3\n" + long, bulk.Options{}, bulk.ErrUnterminatedQuote, 3},
		{"13 in an archive", zipped("id,name,size\n1,a,2\n2,\"b,3\n" + long), bulk.Options{}, bulk.ErrUnterminatedQuote, 3},
		{"15 endless line", "id,name,size\n1,a,2\n" + strings.Repeat("x", 3<<20), bulk.Options{}, bulk.ErrRecordTooLarge, 3},
		{"15 endless header", strings.Repeat("x", 3<<20), bulk.Options{}, bulk.ErrRecordTooLarge, 1},
		{"26 truncated gzip", zipped(plain)[:30], bulk.Options{}, bulk.ErrTruncatedArchive, 0},
		{"26 truncated gzip header", zipped(plain)[:5], bulk.Options{}, bulk.ErrTruncatedArchive, 0},
		{"26 truncated second member", zipped(plain) + zipped("3,x,4\n")[:20], bulk.Options{}, bulk.ErrTruncatedArchive, 0},
		{"26 truncated zstd", zstandard(plain)[:20], bulk.Options{}, bulk.ErrTruncatedArchive, 0},
		{"26 trailing garbage", zipped(plain) + "garbage that is no member", bulk.Options{}, bulk.ErrDamagedArchive, 0},
		{"26 trailing garbage after zstd", zstandard(plain) + "garbage that is no frame", bulk.Options{}, bulk.ErrDamagedArchive, 0},
		{"26 damaged gzip", strings.Replace(zipped(plain), zipped(plain)[20:24], "\x00\x00\x00\x00", 1), bulk.Options{}, bulk.ErrDamagedArchive, 0},
		{"27 gzip bomb", zipped(strings.Repeat("0", 64<<20)), bulk.Options{}, bulk.ErrDecompressionLimit, 0},
		{"27 gzip bomb of good rows", zipped("id,name,size\n" + strings.Repeat("1,a,2\n", 10<<20)), bulk.Options{}, bulk.ErrDecompressionLimit, 0},
		{"27 zstd bomb", zstandard("id,name,size\n" + strings.Repeat("1,a,2\n", 10<<20)), bulk.Options{}, bulk.ErrDecompressionLimit, 0},
		{"28 XLSX", "PK\x03\x04\x14\x00[Content_Types].xml xl/workbook.xml", bulk.Options{}, bulk.ErrNotCSV, 0},
		{"28 PDF", "%PDF-1.7\n%\xE2\xE3\xCF\xD3\n1 0 obj", bulk.Options{}, bulk.ErrNotCSV, 0},
		{"28 HTML", "<!DOCTYPE html><html><body>Sign in</body></html>", bulk.Options{}, bulk.ErrNotCSV, 0},
		{"28 Parquet", "PAR1\x15\x00\x15\x10", bulk.Options{}, bulk.ErrNotCSV, 0},
		{"28 archive in an archive", zipped(zipped(plain)), bulk.Options{}, bulk.ErrNotCSV, 0},
		{"30 another file than announced", plain, bulk.Options{SHA256: sum("other")}, bulk.ErrDigestMismatch, 0},
		{"30 another archive than announced", zipped(plain), bulk.Options{SHA256: sum(plain)}, bulk.ErrDigestMismatch, 0},
		{"31 required column absent", "name,size\na,1\n", bulk.Options{}, bulk.ErrUnmappedRequired, 0},
		{"31 mapping of an absent column", plain, bulk.Options{Mapping: map[string]string{"nobody": "name"}}, bulk.ErrUnknownField, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			id, err := f.receive(c.file, c.o)
			imp := f.imp(id)
			if err == nil { // stored; the decoder refuses it
				imp = f.decodeAll(id)
			} else if bulk.CodeOf(err) != c.want || bulk.KindOf(err) != bulk.KindUnprocessed {
				t.Errorf("Receive = %v, want %s", err, c.want)
			}
			if imp.State != bulk.StateFailed || imp.Error == nil || imp.Error.Code != c.want || imp.Error.Line != c.line {
				t.Errorf("the import is %s: %v; want %s at line %d", imp.State, imp.Error, c.want, c.line)
			}
			_, err = f.Write(t.Context(), f.account, id, bulk.Body{Reader: strings.NewReader("more"), Offset: imp.Bytes.Received, Length: -1})
			if bulk.CodeOf(err) != c.want {
				t.Errorf("a client that goes on gets %v, want %s", err, c.want)
			}
		})
	}
}

// TestHostileFilesAreAccepted likewise.
func TestHostileFilesAreAccepted(t *testing.T) {
	three := "id,name,size\n1,Müller Straße Käse für Jörg,5\n2,Größe Übermaß ähnlich,6\n3,Ärger über Öl,7\n"
	japanese3 := "id,name,size\n1,株式会社日本語テスト,5\n2,東京都渋谷区のデータ,6\n3,こんにちは世界,7\n"
	utf16 := func(order unicode.Endianness, text string) string {
		return encoded(t, unicode.UTF16(order, unicode.UseBOM), text)
	}
	f := newFixture(t)
	for _, c := range []struct {
		name, file, text string // the file is the text in another form
		o                bulk.Options
		encoding         string
		compression      string
	}{
		{"02 header only", "id,name,size\n", "id,name,size\n", bulk.Options{}, "utf-8", ""},
		{"02 header without line ending", "id,name,size", "id,name,size", bulk.Options{}, "utf-8", ""},
		{"02 header only, zipped", zipped("id,name,size\n"), "id,name,size\n", bulk.Options{}, "utf-8", "gzip"},
		{"03 byte order mark", "\xEF\xBB\xBF" + plain, plain, bulk.Options{}, "utf-8", ""},
		{"04 UTF-16LE", utf16(unicode.LittleEndian, plain), plain, bulk.Options{}, "utf-16le", ""},
		{"04 UTF-16BE", utf16(unicode.BigEndian, plain), plain, bulk.Options{}, "utf-16be", ""},
		{"04 Windows-1252 found", encoded(t, charmap.Windows1252, three), three, bulk.Options{}, "windows-1252", ""},
		{"04 Latin-1 chosen", encoded(t, charmap.ISO8859_1, three), three, bulk.Options{Dialect: bulk.DialectChoice{Encoding: "iso-8859-1"}}, "iso-8859-1", ""},
		{"04 Shift-JIS found", encoded(t, japanese.ShiftJIS, japanese3), japanese3, bulk.Options{}, "shift_jis", ""},
		{"04 Shift-JIS chosen, zipped", zipped(encoded(t, japanese.ShiftJIS, japanese3)), japanese3, bulk.Options{Dialect: bulk.DialectChoice{Encoding: "shift_jis"}}, "shift_jis", "gzip"},
		{"09 no newline at the end", strings.TrimSpace(plain), plain, bulk.Options{}, "utf-8", ""},
		{"26 gzip under a .csv name", zipped(plain), plain, bulk.Options{}, "utf-8", "gzip"},
		{"26 gzip of several members", zipped(plain[:20]) + zipped(plain[20:]), plain, bulk.Options{}, "utf-8", "gzip"},
		{"26 zstd of several frames", zstandard(plain[:20]) + zstandard(plain[20:]), plain, bulk.Options{}, "utf-8", "zstd"},
		{"30 as announced", plain, plain, bulk.Options{SHA256: strings.ToUpper(sum(plain))}, "utf-8", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			id, err := f.receive(c.file, c.o)
			f.must(err)
			if imp := f.decodeAll(id); imp.Error != nil {
				t.Fatalf("refused: %v", imp.Error)
			}
			imp := f.imp(id)
			if *imp.SHA256 != sum(c.file) || imp.Bytes.Received != int64(len(c.file)) || imp.Bytes.Total != int64(len(c.file)) {
				t.Errorf("SHA-256 %s of %+v, want that of the file as uploaded, %s", *imp.SHA256, imp.Bytes, sum(c.file))
			}
			if d := imp.Layout.Dialect; d.Encoding != c.encoding || d.Compression != c.compression {
				t.Errorf("read as %+v, want %s %s", d, c.encoding, c.compression)
			}
			var want, got []string
			for _, line := range strings.Split(strings.TrimSpace(c.text), "\n")[1:] {
				cells := strings.Split(line, ",")
				want = append(want, fmt.Sprintf("%q %q %q", cells[0], cells[1], cells[2]))
			}
			batches, err := f.store.Batches(t.Context(), f.account, bulk.BatchID{Import: id, No: -1}, 10)
			f.must(err)
			for _, b := range batches {
				for _, row := range f.read(b) {
					_, cells, _ := strings.Cut(row, ": ")
					got = append(got, cells)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			if len(want) == 0 && imp.State != bulk.StateCompleted {
				t.Errorf("a header alone is %s, want completed", imp.State)
			}
		})
	}
}

func TestRecordLargerThanTheClientsPiecesEnds(t *testing.T) {
	f := newFixture(t)
	file := "id,name,size\n1,a,2\n2,\"" + strings.Repeat("x\n", 2<<20)
	id := f.open(int64(len(file)), bulk.Options{})
	err := f.pieces(id, file, 100<<10)
	if bulk.CodeOf(err) != bulk.ErrUnterminatedQuote {
		t.Errorf("got %v", err)
	}
	if imp := f.imp(id); imp.State != bulk.StateFailed || imp.Bytes.Received > 2<<20 {
		t.Errorf("the import is %s after %d bytes", imp.State, imp.Bytes.Received)
	}
	file = "id,name,size\n1,a,2\n2,b" + strings.Repeat("x", 200<<10) + ",3\n" // larger than a piece, within the limit
	id = f.open(int64(len(file)), bulk.Options{})
	f.must(f.pieces(id, file, 64<<10))
	if r := f.result(id, int64(len(file))); len(r.rows) != 2 {
		t.Errorf("got %d rows", len(r.rows))
	}
}

func TestFileOverTheLimitIsRefused(t *testing.T) {
	limit := func(c *config) { c.Limits.FileBytes = 2 << 20 }
	for name, file := range map[string]io.Reader{
		"plain":   io.MultiReader(strings.NewReader("id,name,size\n"), &forever{text: "1,a,2\n"}),
		"spooled": io.MultiReader(strings.NewReader("\x1F\x8B"), &forever{text: "1,a,2\n"}),
	} {
		f := newFixture(t, limit)
		id := f.open(-1, bulk.Options{})
		if err := f.Receive(t.Context(), f.account, id, bulk.Body{Reader: file, Length: -1}); bulk.CodeOf(err) != bulk.ErrFileTooLarge {
			t.Errorf("%s: %v", name, err)
		}
		if imp := f.imp(id); imp.State != bulk.StateFailed {
			t.Errorf("%s: the import is %s", name, imp.State)
		}
	}
	f := newFixture(t, limit)
	id := f.open(3<<20, bulk.Options{})
	if _, err := f.Write(t.Context(), f.account, id, bulk.Body{Reader: strings.NewReader("id"), Length: 3 << 20}); bulk.CodeOf(err) != bulk.ErrFileTooLarge {
		t.Errorf("announced: %v", err)
	}
}

// TestMemoryIsFlat feeds hundreds of megabytes and looks at the heap on the way.
func TestMemoryIsFlat(t *testing.T) {
	const size = 256 << 20
	for name, body := range map[string]io.Reader{
		"endless line":      io.MultiReader(strings.NewReader("id,name,size\n"), &forever{text: "x"}),
		"quote never ends":  io.MultiReader(strings.NewReader("id,name,size\n1,\""), &forever{text: "x,\n"}),
		"blank lines":       io.MultiReader(strings.NewReader("id,name,size\n1,a,2\n"), &forever{text: "\r\n"}),
		"endless header":    &forever{text: "x,"},
		"blanks, no header": &forever{text: "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			id := f.open(-1, bulk.Options{})
			peak := &peakReader{r: io.LimitReader(body, size)}
			err := f.Receive(t.Context(), f.account, id, bulk.Body{Reader: peak, Length: -1})
			if _, refused := errors.AsType[*bulk.Error](err); err != nil && !refused {
				t.Errorf("Receive = %v", err)
			}
			if peak.grown() > 64<<20 {
				t.Errorf("the heap grew by %d MiB", peak.grown()>>20)
			}
			if name == "blank lines" && (f.imp(id).BlankLines < 1<<20 || f.imp(id).Rows.Read != 1) {
				t.Errorf("%d blank lines, %d rows", f.imp(id).BlankLines, f.imp(id).Rows.Read)
			}
		})
	}
}

// peakReader measures the live heap every 16 MiB that pass.
type peakReader struct {
	r           io.Reader
	next, n     int64
	base, highs uint64
}

func (p *peakReader) Read(b []byte) (int, error) {
	if p.n >= p.next {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		if p.base == 0 {
			p.base = m.HeapAlloc
		}
		p.highs = max(p.highs, m.HeapAlloc)
		p.next = p.n + 16<<20
	}
	n, err := p.r.Read(b)
	p.n += int64(n)
	return n, err
}

func (p *peakReader) grown() uint64 { return p.highs - p.base }
