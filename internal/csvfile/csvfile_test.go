package csvfile

import (
	"bytes"
	"compress/gzip"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"bulkhead/internal/bulk"
)

func gzipped(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zstded(t *testing.T, s string) string {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(z.EncodeAll([]byte(s), nil))
}

// read returns the header and the cells of all rows.
func read(f *File) (header []string, rows [][]string, err error) {
	defer f.Close()
	if header, err = f.ReadHeader(); err != nil {
		return nil, nil, err
	}
	for {
		r, err := f.Next()
		if err == io.EOF {
			return header, rows, nil
		}
		if err != nil {
			return header, rows, err
		}
		var row []string
		for _, c := range r.Cells {
			row = append(row, string(c))
		}
		rows = append(rows, row)
	}
}

func TestOpen(t *testing.T) {
	const plain = "id;name\n1;Zoë\n2;\"a;b\"\n"
	for name, content := range map[string]string{
		"plain": plain, "gzip": gzipped(t, plain), "zstd": zstded(t, plain), "with a byte order mark": "\xEF\xBB\xBF" + plain,
	} {
		t.Run(name, func(t *testing.T) {
			f, err := Open(strings.NewReader(content), bulk.DialectChoice{})
			if err != nil {
				t.Fatal(err)
			}
			header, rows, err := read(f)
			if err != nil || !slices.Equal(header, []string{"id", "name"}) {
				t.Fatalf("got header %q, %v", header, err)
			}
			if len(rows) != 2 || rows[0][1] != "Zoë" || rows[1][1] != "a;b" {
				t.Errorf("got rows %q", rows)
			}
			if again, err := OpenAs(strings.NewReader(content), f.Dialect); err != nil {
				t.Error(err)
			} else if _, same, err := read(again); err != nil || len(same) != len(rows) {
				t.Errorf("opened again it has %q, %v", same, err)
			}
		})
	}
}

func TestRowsOfAFileWithoutHeader(t *testing.T) {
	f, err := Open(strings.NewReader("1,a\n2,b\n"), bulk.DialectChoice{NoHeader: true})
	if err != nil {
		t.Fatal(err)
	}
	header, rows, err := read(f)
	if err != nil || !slices.Equal(header, []string{"column_1", "column_2"}) || len(rows) != 2 {
		t.Errorf("got %q, %q, %v", header, rows, err)
	}
}

func TestRefusals(t *testing.T) {
	long := gzipped(t, "id\n"+strings.Repeat("some text that packs well\n", 10_000))
	for name, tt := range map[string]struct{ content, want string }{
		"empty":       {"", bulk.ErrEmptyFile},
		"same header": {"a,A\n1,2\n", bulk.ErrBadHeader},
		"cut archive": {long[:len(long)-20], bulk.ErrTruncatedArchive},
		"bad archive": {zstded(t, strings.Repeat("x", 1000))[:6] + "nonsense", bulk.ErrDamagedArchive},
		"pdf":         {"%PDF-1.7\n", bulk.ErrNotCSV},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := Open(strings.NewReader(tt.content), bulk.DialectChoice{})
			if err == nil {
				_, _, err = read(f)
			}
			if bulk.CodeOf(err) != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}
