package csvscan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"

	"bulkhead/internal/bulk"
)

// read is everything that a file's bytes give: a line of text for each record and, if
// the file is refused, for why.
func read(t *testing.T, file string, choice bulk.DialectChoice) []string {
	t.Helper()
	d, err := Sniff([]byte(file), true, choice)
	if err != nil {
		return []string{refused(t, err)}
	}
	s := New(Decode(strings.NewReader(file), d), Config{Dialect: d})
	first, err := s.Next()
	if err != nil {
		return []string{refused(t, err)}
	}
	names, err := Header(first, d, bulk.DefaultLimits())
	if err != nil {
		return []string{refused(t, err)}
	}
	return append([]string{strings.Join(names, "|")}, rest(t, s)...)
}

func rest(t *testing.T, s *Scanner) (out []string) {
	t.Helper()
	for {
		r, err := s.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			return append(out, refused(t, err))
		}
		out = append(out, text(r))
	}
}

func text(r *Record) string {
	if r.Code != "" {
		return fmt.Sprintf("%s at line %d: %s", r.Code, r.Line, r.Detail)
	}
	return string(bytes.Join(r.Cells, []byte("|")))
}

func refused(t *testing.T, err error) string {
	t.Helper()
	var e *bulk.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v is no *bulk.Error", err)
	}
	return fmt.Sprintf("refused %s at line %d, byte %d: %s", e.Code, e.Line, e.Offset, e.Message)
}

func encoded(t *testing.T, e interface{ String(string) (string, error) }, s string) string {
	t.Helper()
	out, err := e.String(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestHostile follows the numbered table of what bad input gets, as far as a reader
// decides it. A want that ends in … is a prefix.
func TestHostile(t *testing.T) {
	utf16LE := unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder()
	utf16BE := unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewEncoder()
	big := strings.Repeat("x", 300<<10)
	tests := []struct {
		name, file string
		choice     bulk.DialectChoice
		want       []string
	}{
		{name: "01 empty file", file: "", want: []string{"refused empty_file…"}},
		{name: "01 nothing but line endings", file: "\xEF\xBB\xBF\r\n\n", want: []string{"refused empty_file…"}},
		{name: "02 header only", file: "id,name\n", want: []string{"id|name"}},
		{name: "03 BOM", file: "\xEF\xBB\xBFid,name\n1,a\n", want: []string{"id|name", "1|a"}},
		{name: "03 BOM before a quoted header", file: "\xEF\xBB\xBF\"id\",\"name\"\n1,a\n", want: []string{"id|name", "1|a"}},
		{name: "04 UTF-16LE with BOM", file: "\xFF\xFE" + encoded(t, utf16LE, "id,name\n1,Müller €\n"), want: []string{"id|name", "1|Müller €"}},
		{name: "04 UTF-16BE with BOM", file: "\xFE\xFF" + encoded(t, utf16BE, "id,name\n1,Müller 😀\n"), want: []string{"id|name", "1|Müller 😀"}},
		{name: "04 UTF-16LE without BOM", file: encoded(t, utf16LE, "id,name\n1,Müller\n"), want: []string{"id|name", "1|Müller"}},
		{name: "04 Windows-1252", file: encoded(t, charmap.Windows1252.NewEncoder(), "id,name\n1,Müller\n2,José – 5 €\n"), want: []string{"id|name", "1|Müller", "2|José – 5 €"}},
		{name: "04 Latin-1 chosen", file: "id,name\n1,\xE9\n", choice: bulk.DialectChoice{Encoding: "iso-8859-1"}, want: []string{"id|name", "1|é"}},
		{name: "04 Shift-JIS", file: encoded(t, japanese.ShiftJIS.NewEncoder(), "番号,名前\n1,やまだ太郎\n2,ソフト表\n"), want: []string{"番号|名前", "1|やまだ太郎", "2|ソフト表"}},
		{name: "04 what an encoding has not", file: "\xFF\xFEa\x00,\x00b\x00\n\x001\x00,\x00\x00\xD8x\x00\n\x00", want: []string{"a|b", "invalid_encoding at line 2…"}},
		{name: "05 invalid UTF-8", file: "id,name\n1,caf\xE9\n2,ok\n3,\xFF\xFE\n", want: []string{
			"id|name",
			"invalid_encoding at line 2: byte 6 of the record, 0xE9…", "2|ok", "invalid_encoding at line 4…",
		}},
		{name: "05 a stray byte among UTF-8", file: "id,name\n1,Müller\n2,na\xEFve\n3,Köln\n", want: []string{"id|name", "1|Müller", "invalid_encoding at line 3…", "3|Köln"}},
		{name: "06 NUL", file: "id,name\n1,a\x00b\n2,c\n", want: []string{"id|name", "invalid_character at line 2: byte 4 of the record is NUL", "2|c"}},
		{name: "07 CRLF", file: "id,name\r\n1,a\r\n2,b\r\n", want: []string{"id|name", "1|a", "2|b"}},
		{name: "07 lone CR", file: "id,name\r1,a\r2,b\r", want: []string{"id|name", "1|a", "2|b"}},
		{name: "07 mixed", file: "id,name\r\n1,a\n2,b\r3,c", want: []string{"id|name", "1|a", "2|b", "3|c"}},
		{name: "08 line endings inside quotes", file: "id,name\n1,\"a\r\nb\nc\rd\"\n2,b\"\n", want: []string{"id|name", "1|a\r\nb\nc\rd", "bad_quote at line 6…"}},
		{name: "09 no newline at the end", file: "id,name\n1,a", want: []string{"id|name", "1|a"}},
		{name: "09 a quote at the end", file: "id,name\n1,\"a\"", want: []string{"id|name", "1|a"}},
		{name: "09 a delimiter at the end", file: "id,name\n1,", want: []string{"id|name", "1|"}},
		{name: "10 blank lines", file: "\nid,name\n\n\r\n1,a\n\r2,b\"\n\n", want: []string{"id|name", "1|a", "bad_quote at line 7…"}},
		{name: "10 blank lines of one column", file: "id\n\n1\n\"\"\n", want: []string{"id", "", "1", ""}},
		{name: "11 too few and too many", file: "id,name\n1\n1,2,3\n1,a\n", want: []string{
			"id|name",
			"column_count at line 2: expected 2 cells, found 1", "column_count at line 3: expected 2 cells, found 3", "1|a",
		}},
		{name: "11 a million cells", file: "id,name\n" + strings.Repeat(",", 1e6) + "\n1,a\n", want: []string{"id|name", "column_count at line 2: expected 2 cells, found 1000001", "1|a"}},
		{name: "12 duplicate header", file: "a,b,a\n", want: []string{`refused bad_header at line 1, byte 0: The header needs a different name for every column: "a" is the name of columns 1 and 3.`}},
		{name: "12 case-colliding header", file: "Name,b,NAME\n", want: []string{`refused bad_header at line 1, byte 0: The header needs a different name for every column: "Name" (column 1) and "NAME" (column 3) differ only in case.`}},
		{name: "12 empty header", file: "a, ,c\n", want: []string{`refused bad_header at line 1, byte 0: The header needs a different name for every column: column 2 has no name.`}},
		{name: "12 unreadable header", file: "a,b\"c\n", want: []string{`refused bad_header at line 1, byte 0: The first record, which gives the columns, cannot be read: cell 2 has a quote…`}},
		{name: "12 too many columns", file: strings.Repeat("a,", 2000) + "b\n", want: []string{"refused bad_header at line 1, byte 0: The first record, which gives the columns, cannot be read: found 2001 cells, at most 1024…"}},
		{name: "12 a header too long", file: strings.Repeat("a", 65<<10) + ",b\n", want: []string{"refused bad_header at line 1, byte 0: The header has 66562 bytes…"}},
		{name: "13 quote never closed", file: "id,name\n1,a\n2,\"b\n3,c\n", want: []string{"id|name", "1|a", "refused unterminated_quote at line 3, byte 14…"}},
		{name: "13 quote never closed, endless", file: "id,name\n1,\"x\ny\",\"" + strings.Repeat("x\n", 1<<20), want: []string{"id|name", "refused unterminated_quote at line 3, byte 16…"}},
		{name: "14 bare quote", file: "id,name\n1,a\"b\n2,c\n", want: []string{"id|name", "bad_quote at line 2: cell 2 has a quote in its middle, at byte 4 of the record", "2|c"}},
		{name: "14 text after a closing quote", file: "id,name\n1,\"a\nb\" c\n2,\"d\"\n", want: []string{"id|name", "bad_quote at line 2: cell 2 goes on after its closing quote, at byte 8 of the record", "2|d"}},
		{name: "15 endless line", file: "id,name\n1,a\n2," + strings.Repeat("x", 3<<20), want: []string{"id|name", "1|a", "refused record_too_large at line 3, byte 12…"}},
		{name: "16 300 KiB field", file: "id,name\n1," + big + "\n2,b\n", want: []string{"id|name", "field_too_large at line 2: cell 2 has 307200 bytes, at most 262144 are allowed", "2|b"}},
		{name: "18 semicolon", file: "id;name\n1;a,b\n2;c,d,e\n", want: []string{"id|name", "1|a,b", "2|c,d,e"}},
		{name: "18 tab", file: "id\tname\n1\ta\n", want: []string{"id|name", "1|a"}},
		{name: "18 bar", file: "id|name\n1|a;b\n", want: []string{"id|name", "1|a;b"}},
		{name: "18 sep line", file: "sep=;\r\nid;name\r\n1;a\r\n2;b\"\r\n", want: []string{"id|name", "1|a", "bad_quote at line 4…"}},
		{name: "18 sep line after a BOM", file: "\xEF\xBB\xBFSEP=|\nid|name\n1|a,b\n", want: []string{"id|name", "1|a,b"}},
		{name: "18 single quotes", file: "id,name\n1,'a,b'\n2,'it''s'\n", want: []string{"id|name", "1|a,b", "2|it's"}},
		{name: "18 backslash", file: `id,name` + "\n" + `1,"say \"hi\", C:\\ and \n"` + "\n" + `2,"b"` + "\n", want: []string{"id|name", `1|say "hi", C:\ and \n`, "2|b"}},
		{name: "18 decimal commas", file: "id;price;qty\n1;2,50;1,0\n2;3,99;2,0\n", want: []string{"id|price|qty", "1|2,50|1,0", "2|3,99|2,0"}},
		{name: "19 formulas", file: "id,name\n=1+1,@x\n+1,-1\n\"\t1\",\"\r1\"\n", want: []string{"id|name", "=1+1|@x", "+1|-1", "\t1|\r1"}},
		{name: "20 HTML and SQL", file: "id,name\n1,<script>alert(1)</script>\n2,'; DROP TABLE x; --\n", want: []string{"id|name", "1|<script>alert(1)</script>", "2|'; DROP TABLE x; --"}},
		{name: "21 case and composition", file: "id,name\nA,e\u0301\na,\u00e9\n", want: []string{"id|name", "A|e\u0301", "a|\u00e9"}},
		{name: "22 the same key twice", file: "id,name\n1,a\n1,b\n", want: []string{"id|name", "1|a", "1|b"}},
		{name: "10 blank lines before one column without a header", file: "\n\r\n1\n\n2\n", choice: bulk.DialectChoice{NoHeader: true}, want: []string{"column_1", "", "1", "", "2"}},
		{name: "10 blank lines before columns without a header", file: "\n\n1,a\n\n2,b\n", choice: bulk.DialectChoice{NoHeader: true}, want: []string{"column_1|column_2", "2|b"}},
		{name: "no header", file: "1,a\n2,b\n", choice: bulk.DialectChoice{NoHeader: true}, want: []string{"column_1|column_2", "2|b"}},
		{name: "bad choice", file: "1,a\n", choice: bulk.DialectChoice{Delimiter: "ab"}, want: []string{"refused bad_dialect…"}},
		{name: "28 XLSX", file: "PK\x03\x04\x14\x00[Content_Types].xml", want: []string{"refused not_csv at line 0, byte 0: This is an Excel workbook (XLSX)…"}},
		{name: "28 ZIP", file: "PK\x03\x04\x14\x00a.csv", want: []string{"refused not_csv at line 0, byte 0: This is a ZIP archive…"}},
		{name: "28 PDF", file: "%PDF-1.7\n", want: []string{"refused not_csv at line 0, byte 0: This is a PDF document…"}},
		{name: "28 HTML", file: "\n <!DOCTYPE HTML><html>", want: []string{"refused not_csv at line 0, byte 0: This is an HTML page…"}},
		{name: "28 Parquet", file: "PAR1\x15\x00", want: []string{"refused not_csv at line 0, byte 0: This is a Parquet file…"}},
		{name: "28 a program", file: "\x7FELF\x02\x01\x01" + strings.Repeat("\x00", 60), want: []string{"refused not_csv at line 0, byte 0: This is a file of binary data…"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := read(t, tt.file, tt.choice)
			same := slices.EqualFunc(got, tt.want, func(got, want string) bool {
				prefix, cut := strings.CutSuffix(want, "…")
				return got == want || cut && strings.HasPrefix(got, prefix)
			})
			if !same {
				t.Errorf("got  %.300q (%d)\nwant %.300q", got[:min(len(got), 5)], len(got), tt.want)
			}
		})
	}
}

// TestHostileReads is row 17 for every way to cut a small file in two reads; the fuzz
// tests cut more wildly.
func TestHostileReads(t *testing.T) {
	file := "\xEF\xBB\xBFid,name\r\n1,\"a \"\"b\"\"\r\n\"\r\n\r\n2,é,x\r3,Ü\n\n"
	want := rest(t, New(strings.NewReader(file), Config{}))
	if len(want) != 4 {
		t.Fatalf("got %q", want)
	}
	for cut := range len(file) {
		r := io.MultiReader(strings.NewReader(file[:cut]), strings.NewReader(file[cut:]))
		if got := rest(t, New(r, Config{})); !slices.Equal(got, want) {
			t.Errorf("cut at %d: got %q, want %q", cut, got, want)
		}
	}
}

// endless yields the same byte for ever.
type endless byte

func (e endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(e)
	}
	return len(b), nil
}

// TestFlatMemory is the second half of rows 13 and 15, and of a file of blank lines.
func TestFlatMemory(t *testing.T) {
	for name, r := range map[string]io.Reader{
		"endless line":         endless('x'),
		"endless quote":        io.MultiReader(strings.NewReader(`"`), endless('\n')),
		"endless cells":        endless(','),
		"64 MiB of blank line": io.LimitReader(endless('\n'), 64<<20),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			s := New(r, Config{})
			if rec, err := s.Next(); err == nil {
				t.Fatalf("got a record of %d bytes", len(rec.Raw))
			}
			runtime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > 8<<20 {
				t.Errorf("allocated %d bytes", got)
			}
		})
	}
}
