package csvscan

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"bulkhead/internal/bulk"
)

// dialects are those that fuzz tests choose from.
var dialects = []bulk.Dialect{
	{},
	{Delimiter: ';', Quote: '"', Escape: '"'},
	{Delimiter: '\t', Quote: '\'', Escape: '\''},
	{Delimiter: ',', Quote: '"', Escape: '\\'},
	{Delimiter: ',', SepLine: true},
	{Delimiter: ',', NoHeader: true},
	{Delimiter: ',', Rejects: true},
	{Delimiter: '|', Quote: '\'', Escape: '\\', Rejects: true},
}

// trace is all that a scanner says: each record in full, the blank lines and the end.
type trace struct {
	records []string
	blank   int64
	err     string
}

// follow scans to the end. With more it is told of what is left when the reader ends
// before the file, and of the configuration to go on with.
func (tr *trace) follow(r io.Reader, c Config, more func(tail []byte, c Config)) {
	s := New(r, c)
	for {
		rec, err := s.Next()
		if err == nil {
			tr.records = append(tr.records, fmt.Sprintf("line %d [%d, %d) %q %q %s %s", rec.Line, rec.Offset, rec.End, rec.Cells, rec.Raw, rec.Code, rec.Detail))
			continue
		}
		tr.blank += s.Blank()
		if errors.Is(err, ErrMore) {
			c.Offset, c.Line, c.Columns = s.Offset(), s.Line(), s.Columns()
			more(slices.Clone(s.Tail()), c)
			return
		}
		tr.err = err.Error()
		return
	}
}

// pieces scans the file in parts of the given size, each by a scanner of its own that
// reads byte by byte.
func pieces(file []byte, size int, c Config) (tr trace) {
	var part func(tail []byte, c Config)
	read := 0
	part = func(tail []byte, c Config) {
		n := min(size, len(file)-read)
		c.Partial = read+n < len(file)
		body := io.MultiReader(bytes.NewReader(tail), iotest.OneByteReader(bytes.NewReader(file[read:read+n])))
		read += n
		tr.follow(body, c, part)
	}
	part(nil, c)
	return tr
}

// FuzzCuts: the records are the same however the bytes are cut into reads and scanners.
func FuzzCuts(f *testing.F) {
	for i, file := range []string{
		"\xEF\xBB\xBFid,name\r\n1,\"a \"\"b\"\"\r\n\"\r\n\r\n2,é,x\r3,Ü\n\n",
		"sep=;\r\nid;na\"me\r\n\r\n\n1;'a\r'\n\x00;\xC3",
		`id,name` + "\n" + `1,"a\"b\\"` + "\n" + `2,"c`,
		"id,_line,_row,_code,_column,_message\r'=1,2,1,required,id,no\r\nx\"y,3,2,bad_quote,,no\n",
		"id\n\n1\r\r\n\"\"",
		"\xEF\xBB\xBF\n\r\n1\n\n2",
	} {
		f.Add([]byte(file), uint8(i), uint8(1), uint8(0))
		f.Add([]byte(file), uint8(0), uint8(7), uint8(20))
	}
	f.Fuzz(func(t *testing.T, file []byte, dialect, size, limit uint8) {
		c := Config{Dialect: dialects[int(dialect)%len(dialects)], MaxRecord: 16 + int(limit), MaxField: 8 + int(limit)/2, MaxColumns: 5, Line: 1}
		var whole trace
		whole.follow(bytes.NewReader(file), c, nil)
		if got := pieces(file, int(size)+1, c); !slices.Equal(got.records, whole.records) || got.blank != whole.blank || got.err != whole.err {
			t.Errorf("in pieces of %d\n got %+v\nwant %+v", int(size)+1, got, whole)
		}
	})
}

// FuzzTiling: every byte belongs to one record or to what is no data, and lines are
// numbered as they stand.
func FuzzTiling(f *testing.F) {
	f.Add([]byte("\xEF\xBB\xBFid,name\r\n\n1,\"a\n\"\r\r2,b"))
	f.Fuzz(func(t *testing.T, file []byte) {
		s := New(bytes.NewReader(file), Config{})
		end := int64(0)
		if bytes.HasPrefix(file, byteOrderMark) {
			end = 3
		}
		for {
			r, err := s.Next()
			if err != nil {
				return
			}
			if gap := file[end:r.Offset]; len(bytes.Trim(gap, "\r\n")) > 0 {
				t.Fatalf("%q lies between records", gap)
			}
			if got := file[r.Offset:r.End]; !bytes.HasPrefix(got, r.Raw) || len(bytes.Trim(got[len(r.Raw):], "\r\n")) > 0 {
				t.Fatalf("record at %d is %q, its range holds %q", r.Offset, r.Raw, got)
			}
			before := bytes.ReplaceAll(file[:r.Offset], []byte("\r\n"), []byte("\n"))
			if want := int64(1 + bytes.Count(before, []byte("\n")) + bytes.Count(before, []byte("\r"))); r.Line != want {
				t.Fatalf("record at %d is on line %d, want %d", r.Offset, r.Line, want)
			}
			end = r.End
		}
	})
}

// FuzzEncodingCSV: on well-formed input the standard library reads the same.
func FuzzEncodingCSV(f *testing.F) {
	f.Add([]byte("id,name\n1,\"a \"\"b\"\"\n,\"\n2,\n"), uint8(0))
	f.Add([]byte("id;name\n;\n"), uint8(1))
	f.Fuzz(func(t *testing.T, file []byte, dialect uint8) {
		d := dialects[dialect%2]
		if bytes.ContainsAny(file, "\r\x00") || bytes.HasPrefix(file, byteOrderMark) {
			return // where the two differ on purpose
		}
		r := csv.NewReader(bytes.NewReader(file))
		if d.Delimiter != 0 {
			r.Comma = rune(d.Delimiter)
		}
		want, err := r.ReadAll()
		if err != nil || len(want) == 0 || len(want[0]) < 2 || !slices.ContainsFunc([]byte(file), func(c byte) bool { return c == '\n' }) {
			return
		}
		s := New(bytes.NewReader(file), Config{Dialect: d})
		for i := range want {
			rec, err := s.Next()
			if err != nil {
				t.Fatal(err)
			}
			if rec.Code == bulk.CodeInvalidEncoding {
				s.SetColumns(len(want[0]))
			} else if rec.Code != "" {
				t.Fatalf("record %d: %s %s", i, rec.Code, rec.Detail)
			}
			got := make([]string, len(rec.Cells))
			for i, cell := range rec.Cells {
				got[i] = string(cell)
			}
			if !slices.Equal(got, want[i]) {
				t.Fatalf("record %d: got %q, want %q", i, got, want[i])
			}
		}
		if rec, err := s.Next(); err != io.EOF {
			t.Fatalf("after the end: %v, %v", rec, err)
		}
	})
}

// TestPartial shows how an upload in two requests reads on.
func TestPartial(t *testing.T) {
	s := New(bytes.NewReader([]byte("id,name\n\n1,\"a\"")), Config{Partial: true})
	if r, err := s.Next(); err != nil || text(r) != "id|name" {
		t.Fatal(r, err)
	}
	if r, err := s.Next(); err != ErrMore {
		t.Fatalf("got %v, %v; the quote may still be doubled", r, err)
	}
	if got := string(s.Tail()); got != "1,\"a\"" || s.Offset() != 9 || s.Line() != 3 || s.Blank() != 1 || s.Columns() != 2 {
		t.Fatalf("tail %q at %d, line %d, %d blank, %d columns", got, s.Offset(), s.Line(), s.Blank(), s.Columns())
	}
	next := New(bytes.NewReader([]byte("1,\"a\"\"\"\n")), Config{Offset: s.Offset(), Line: s.Line(), Columns: s.Columns()})
	if r, err := next.Next(); err != nil || text(r) != "1|a\"" || r.Line != 3 || r.Offset != 9 || r.End != 17 {
		t.Fatalf("got %+v, %v", r, err)
	}
	s.EndOfFile()
	if r, err := s.Next(); err != nil || text(r) != "1|a" {
		t.Fatal(r, err)
	}
	if _, err := s.Next(); err != io.EOF {
		t.Fatal(err)
	}
}

// TestReaderError: what came before a failing read is not lost, the error is passed on.
func TestReaderError(t *testing.T) {
	broken := errors.New("connection reset")
	s := New(io.MultiReader(bytes.NewReader([]byte("id,name\n1,a\n2,")), iotest.ErrReader(broken)), Config{})
	for range 2 {
		if _, err := s.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Next(); err != broken || string(s.Tail()) != "2," {
		t.Fatalf("got %v with tail %q", err, s.Tail())
	}
}

// TestLargeRecords makes the buffer grow, with reads of every size.
func TestLargeRecords(t *testing.T) {
	cell := bytes.Repeat([]byte("0123456789\n"), 20_000)
	file := fmt.Appendf(nil, "id,a,b,c,d\n1,\"%s\",\"%s\",\"%s\",\"%s\"\n2,b,c,d,e\n", cell, cell, cell, cell)
	for _, r := range []io.Reader{bytes.NewReader(file), iotest.OneByteReader(bytes.NewReader(file)), iotest.HalfReader(bytes.NewReader(file))} {
		s := New(r, Config{})
		s.Next()
		rec, err := s.Next()
		if err != nil || rec.Code != "" || !bytes.Equal(rec.Cells[4], cell) {
			t.Fatalf("got %s %s, %v", rec.Code, rec.Detail, err)
		}
		if rec, err = s.Next(); err != nil || text(rec) != "2|b|c|d|e" || rec.Line != 80_003 {
			t.Fatalf("got %+v, %v", rec, err)
		}
	}
}
