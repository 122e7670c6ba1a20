package csvscan

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"bulkhead/internal/bulk"
)

func TestSniff(t *testing.T) {
	tests := []struct {
		name, sample string
		whole        bool
		choice       bulk.DialectChoice
		want         bulk.Dialect
	}{
		{"plain", "id,name\n1,a\n", true, bulk.DialectChoice{}, bulk.Dialect{Delimiter: ',', Quote: '"', Escape: '"', Encoding: "utf-8"}},
		{"a rune cut by the sample's end", "id,name\n1,M\xC3", false, bulk.DialectChoice{}, bulk.Dialect{Delimiter: ',', Quote: '"', Escape: '"', Encoding: "utf-8"}},
		{"a header longer than the sample", "id;name;a_rather_long_na", false, bulk.DialectChoice{}, bulk.Dialect{Delimiter: ';', Quote: '"', Escape: '"', Encoding: "utf-8"}},
		{"one column of prose", "note\nhello, world\nand, so, on\n", true, bulk.DialectChoice{}, bulk.Dialect{Delimiter: ',', Quote: '"', Escape: '"', Encoding: "utf-8"}},
		{"apostrophes are no quotes", "id,name\n1,'tis\n2,O'Brien\n3,'a'\n", true, bulk.DialectChoice{}, bulk.Dialect{Delimiter: ',', Quote: '"', Escape: '"', Encoding: "utf-8"}},
		{"a path at the end of a quoted cell", "id,name\n1,\"C:\\\"\n2,\"D:\\\"\n", true, bulk.DialectChoice{}, bulk.Dialect{Delimiter: ',', Quote: '"', Escape: '"', Encoding: "utf-8"}},
		{"one unclosed quote", "id;name\n1;\"a\n2;b,c\n3;d,e\n", true, bulk.DialectChoice{}, bulk.Dialect{Delimiter: ';', Quote: '"', Escape: '"', Encoding: "utf-8"}},
		{"ragged rows", "a,b,c\n" + strings.Repeat("1,2\n", 200), true, bulk.DialectChoice{}, bulk.Dialect{Delimiter: ',', Quote: '"', Escape: '"', Encoding: "utf-8"}},
		{
			"the choice wins", "sep=;\nid;name\n", true,
			bulk.DialectChoice{Delimiter: "|", Quote: "'", Escape: "\\", Encoding: "UTF-8", NoHeader: true},
			bulk.Dialect{Delimiter: '|', Quote: '\'', Escape: '\\', Encoding: "utf-8", NoHeader: true, SepLine: true},
		},
		{"BOM", "\xEF\xBB\xBFid\tname\n", true, bulk.DialectChoice{}, bulk.Dialect{Delimiter: '\t', Quote: '"', Escape: '"', Encoding: "utf-8", BOM: true}},
		{
			"an export in backslashes", `id,name,_line,_row,_code,_column,_message` + "\n" + `1,"a\"b",2,1,pattern,name,no` + "\n", true,
			bulk.DialectChoice{},
			bulk.Dialect{Delimiter: ',', Quote: '"', Escape: '\\', Encoding: "utf-8", Rejects: true},
		},
		{
			"an export with bytes that were rejected", "id,name,_line,_row,_code,_column,_message\n1,Jos\xE9,2,1,invalid_encoding,,no\n2,Mar\xEDa,3,2,invalid_encoding,,no\n", true,
			bulk.DialectChoice{},
			bulk.Dialect{Delimiter: ',', Quote: '"', Escape: '"', Encoding: "utf-8", Rejects: true},
		},
		{
			"an export that a spreadsheet saved", "id;name;_line;_row;_code;_column;_message\n1;Jos\xE9;;;;;\n", true,
			bulk.DialectChoice{Encoding: "windows-1252"},
			bulk.Dialect{Delimiter: ';', Quote: '"', Escape: '"', Encoding: "windows-1252", Rejects: true},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := Sniff([]byte(tt.sample), tt.whole, tt.choice); err != nil || got != tt.want {
				t.Errorf("got %+v, %v\nwant %+v", got, err, tt.want)
			}
		})
	}
}

func TestMagic(t *testing.T) {
	for sample, want := range map[string]string{"\x1F\x8B\x08": "gzip", "\x28\xB5\x2F\xFD\x04": "zstd", "id,name": "", "": "", "\x1F": ""} {
		if got := Magic([]byte(sample)); got != want {
			t.Errorf("Magic(%q) is %q, want %q", sample, got, want)
		}
	}
}

// TestDecode reads in small pieces, so that replacement characters are cut.
func TestDecode(t *testing.T) {
	text := strings.Repeat("Müller, 5 € – José\n", 1000)
	western, err := charmap.Windows1252.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ encoding, in, want string }{
		{"windows-1252", western, text},
		{"utf-8", "\xEF\xBB\xBF\xFF", "\xEF\xBB\xBF\xFF"},
		{"shift_jis", strings.Repeat("a\xFF\xFFb", 5000), strings.Repeat("a\xFF\xFF\xFF\xFF\xFF\xFFb", 5000)},
		{"utf-16be", "\xFE\xFF\x00a\xD8\x00\x00b\x00", "\xEF\xBB\xBFa\xFF\xFF\xFFb\xFF\xFF\xFF"},
	}
	for _, tt := range tests {
		for size := range 9 {
			r := Decode(strings.NewReader(tt.in), bulk.Dialect{Encoding: tt.encoding})
			var got []byte
			for piece := make([]byte, size+1); ; {
				n, err := r.Read(piece)
				got = append(got, piece[:n]...)
				if err != nil {
					break
				}
			}
			if string(got) != tt.want {
				t.Errorf("%s in pieces of %d: got %d bytes %.60q, want %d bytes %.60q", tt.encoding, size+1, len(got), got, len(tt.want), tt.want)
			}
		}
	}
}

// FuzzSniff: whatever the bytes, they end as records or as an error, and what comes
// out as good is valid text.
func FuzzSniff(f *testing.F) {
	for _, sample := range []string{"id,name\n1,a\n", "\xFF\xFEa\x00", "sep=;\n", "'a';'b'\n", "a\\\"\n", "\x82\xA0\x82\xA2\n", "x,_line,_row,_code,_column,_message\n"} {
		f.Add([]byte(sample), true)
	}
	f.Fuzz(func(t *testing.T, sample []byte, whole bool) {
		d, err := Sniff(sample, whole, bulk.DialectChoice{})
		if err != nil {
			return
		}
		s := New(Decode(bytes.NewReader(sample), d), Config{Dialect: d})
		for {
			r, err := s.Next()
			if err != nil {
				return
			}
			if r.Code == "" && (len(r.Cells) != s.Columns() || !utf8.Valid(bytes.Join(r.Cells, nil))) {
				t.Fatalf("%+v has %d cells of %q", d, s.Columns(), r.Cells)
			}
		}
	})
}
