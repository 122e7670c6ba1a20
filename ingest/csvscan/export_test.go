package csvscan

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"bulkhead/internal/bulk"
)

// rejected scans a file and returns what each record becomes as a reject; a record
// that is fine is rejected too, as if a rule had been broken.
func rejected(t *testing.T, file []byte, c Config) (header []string, rejects []bulk.Reject) {
	t.Helper()
	s := New(bytes.NewReader(file), c)
	for row := int64(0); ; row++ {
		r, err := s.Next()
		if err != nil {
			return header, rejects
		}
		var cells []string
		for _, cell := range r.Cells {
			cells = append(cells, string(cell))
		}
		if row == 0 && r.Code != "" {
			return nil, nil
		}
		if row == 0 {
			header = cells
			continue
		}
		reject := bulk.Reject{Row: row, Line: r.Line, Code: r.Code, Message: r.Detail, Cells: cells}
		if r.Code == "" {
			reject.Code, reject.Column, reject.Message = bulk.CodeRequired, header[0], "empty,\r\n\"'"
		}
		if r.Cells == nil {
			reject.Raw = string(r.Raw)
		}
		rejects = append(rejects, reject)
	}
}

func export(t *testing.T, layout bulk.Layout, rejects []bulk.Reject, raw bool) []byte {
	t.Helper()
	var out bytes.Buffer
	w := NewRejectWriter(&out, layout, raw)
	for _, r := range rejects {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// outcome is what has to survive a round trip.
func outcome(rejects []bulk.Reject) (out []string) {
	for _, r := range rejects {
		out = append(out, fmt.Sprintf("%s %q %q", r.Code, r.Cells, r.Raw))
	}
	return out
}

// FuzzExport: an export that is imported as it is gives the same rejects.
func FuzzExport(f *testing.F) {
	for i, file := range []string{
		"id,name\n1,=x\n'=2,\"+a\r\n\"\n3\n4,b,c\n5,a\"b\n6,\"=a\",=b\"\n7,\"a\"b\n\xFF,\n\x00,x\n",
		"id;name\n1;a,b\n\"2;=1;\"\"\"x\n",
		"id\tname\n'=1'\t'it''s'\n=1\t'a'b\n",
		`id,name` + "\n" + `1,"a\"b\\"` + "\n" + `2,"c\"=,=d"x` + "\n",
		"'id\n\n\"\"\n\"'\"\n",
	} {
		f.Add([]byte(file), uint8(i), false)
		f.Add([]byte(file), uint8(i), true)
	}
	f.Fuzz(func(t *testing.T, file []byte, dialect uint8, raw bool) {
		d := dialects[int(dialect)%4]
		header, rejects := rejected(t, file, Config{Dialect: d, MaxField: 20})
		if header == nil || bytes.HasPrefix([]byte(header[0]), byteOrderMark) || slices.Contains(header, bulk.RejectColumns[0]) || header[len(header)-1] == bulk.RawColumn {
			return
		}
		out := export(t, bulk.Layout{Dialect: d, Header: header}, rejects, raw)
		again := d
		again.Rejects = true
		gotHeader, got := rejected(t, out, Config{Dialect: again, MaxField: 20})
		if !slices.Equal(gotHeader, header) {
			t.Fatalf("header is %q, want %q", gotHeader, header)
		}
		if !slices.Equal(outcome(got), outcome(rejects)) {
			t.Errorf("export %q\n got %q\nwant %q", out, outcome(got), outcome(rejects))
		}
	})
}

// FuzzFormula: escaping is undone exactly, and leaves nothing that would run.
func FuzzFormula(f *testing.F) {
	for _, cell := range []string{"", "=1", "'=1", "''", "'a", "\t", "\r\n", "-", "a=1", "\n=1", " =1", "'\u00A0\u200B\uFEFF+1", "\uFF1D1", "\x00@", "\x7F-", " a", "\x80=1", "' '=1"} {
		f.Add(cell)
	}
	f.Fuzz(func(t *testing.T, cell string) {
		escaped := EscapeFormula(cell)
		if escaped != "" && strings.IndexByte("\t\r\n", escaped[0]) >= 0 {
			t.Errorf("%q would run", escaped)
		}
		shown := strings.TrimLeftFunc(escaped, func(r rune) bool { return unicode.In(r, unicode.White_Space, unicode.Cc, unicode.Cf) })
		if first, _ := utf8.DecodeRuneInString(shown); strings.ContainsRune("=+-@＝＋－＠", first) && first != utf8.RuneError {
			t.Errorf("%q would run", escaped)
		}
		if got := string(UnescapeFormula([]byte(escaped))); got != cell {
			t.Errorf("got %q, want %q", got, cell)
		}
	})
}

func TestExport(t *testing.T) {
	layout := bulk.Layout{Header: []string{"id", "=name"}}
	rejects := []bulk.Reject{
		{Row: 1, Line: 2, Code: bulk.CodeRequired, Column: "=name", Message: "The value is empty.", Cells: []string{"=1", "a,\"b\""}},
		{Row: 2, Line: 3, Code: bulk.CodeColumnCount, Cells: []string{"x"}},
		{Row: 3, Line: 4, Code: bulk.CodeBadQuote, Message: "a \"quote\", in cell 2", Raw: "=2,x\"y"},
		{Row: 4, Line: 5, Code: bulk.CodeColumnCount, Message: "expected 2", Raw: `"a,=b",c,d`},
		{Row: 5, Line: 6, Code: bulk.CodeBadQuote, Message: "cut", Raw: "\"open"},
	}
	tests := []struct {
		name string
		raw  bool
		want string
	}{
		{"escaped", false, `id,'=name,_line,_row,_code,_column,_message
'=1,"a,""b""",2,1,required,'=name,The value is empty.
x,3,2,column_count,,` + `"` + bulk.CodeColumnCount.Sentence() + `"
'=2,x"y,4,3,bad_quote,,a  quote   in cell 2
"a,=b",c,d,5,4,column_count,,expected 2
"""open",6,5,bad_quote,,cut
`},
		{"raw", true, `id,=name,_line,_row,_code,_column,_message,_raw
=1,"a,""b""",2,1,required,=name,The value is empty.,_raw
x,3,2,column_count,,` + `"` + bulk.CodeColumnCount.Sentence() + `"` + `,_raw
=2,x"y,4,3,bad_quote,,a  quote   in cell 2,_raw
"a,=b",c,d,5,4,column_count,,expected 2,_raw
"""open",6,5,bad_quote,,cut,_raw
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(export(t, layout, rejects, tt.raw)); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		if got := string(export(t, layout, nil, false)); got != "id,'=name,_line,_row,_code,_column,_message\n" {
			t.Errorf("got %q", got)
		}
	})
}

// TestReimport is what people do to a rejects.csv before they upload it again.
func TestReimport(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"as it is", "id,name,_line,_row,_code,_column,_message\n'=1,,2,1,required,name,no\n", "id|name =1|"},
		{"raw", "id,name,_line,_row,_code,_column,_message,_raw\n'=1,,2,1,required,name,no,_raw\n", "id|name '=1|"},
		{"saved with everything quoted", "\"id\",\"name\",\"_line\",\"_row\",\"_code\",\"_column\",\"_message\"\r\n\"1\",\"b\",\"2\",\"1\",\"required\",\"name\",\"no\"\r\n", "id|name 1|b"},
		{"saved with semicolons", "id;name;_line;_row;_code;_column;_message\n1;b;2;1;required;name;no\n", "id|name 1|b"},
		{"saved by a spreadsheet that pads short rows", "id,name,_line,_row,_code,_column,_message\n1,2,1,column_count,,no,\n", "id|name column_count at line 2: expected 2 cells, found 1"},
		{"a short row, corrected", "id,name,_line,_row,_code,_column,_message\n1,b,2,1,column_count,,no\n", "id|name 1|b"},
		{"reasons emptied", "id,name,_line,_row,_code,_column,_message\n1,b,,,,,\n", "id|name 1|b"},
		{"a row added", "id,name,_line,_row,_code,_column,_message\n1,b\n\n", "id|name 1|b"},
		{"with a BOM", "\xEF\xBB\xBFid,name,_line,_row,_code,_column,_message\n1,b,,,,,\n", "id|name 1|b"},
		{"single quotes", "id,name,'_line','_row','_code','_column','_message'\n1,'b,c',2,1,required,name,no\n", "id|name 1|b,c"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			// The choice was made for the original file, not for its export.
			for _, choice := range []bulk.DialectChoice{{}, {NoHeader: true, Encoding: "utf-16le", Delimiter: "^"}} {
				if got := strings.Join(read(t, tt.file, choice), " "); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			}
		})
	}
}

func TestNormalize(t *testing.T) {
	file := "id;name\r\n1;\"a,b\"\r\r\n2;say 'x'\n3\n4;\"l1\r\nl2\"\n"
	var out bytes.Buffer
	var codes []bulk.Code
	s := New(strings.NewReader(file), Config{Dialect: bulk.Dialect{Delimiter: ';'}})
	err := Normalize(&out, func(r *Record) error { codes = append(codes, r.Code); return nil }, s)
	if err != nil {
		t.Fatal(err)
	}
	if want := "id,name\n1,\"a,b\"\n2,say 'x'\n4,\"l1\r\nl2\"\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	if !slices.Equal(codes, []bulk.Code{bulk.CodeColumnCount}) {
		t.Errorf("rejects are %q", codes)
	}
	if err := Normalize(&out, func(*Record) error { return io.ErrClosedPipe }, New(strings.NewReader("a,b\nc\n"), Config{})); err != io.ErrClosedPipe {
		t.Errorf("got %v", err)
	}
}
