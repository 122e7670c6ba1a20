package columnar

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"bulkhead/internal/bulk"

	"github.com/apache/arrow/go/v17/arrow/memory"
)

// record is what goes in and has to come out.
type record struct {
	row, line, offset int64
	code              bulk.Code
	detail, raw       string
	cells             []string
}

func encodeAll(t testing.TB, b *Builder, records []record) (data []byte, sum string) {
	t.Helper()
	for _, r := range records {
		if r.code != "" {
			b.AppendReject(Reject{Row: r.row, Line: r.line, Offset: r.offset, Code: r.code, Detail: r.detail, Raw: []byte(r.raw)})
			continue
		}
		var cells [][]byte
		for _, c := range r.cells {
			cells = append(cells, []byte(c))
		}
		b.Append(r.row, r.line, r.offset, cells)
	}
	if b.Rows() != len(records) {
		t.Fatalf("Rows = %d, want %d", b.Rows(), len(records))
	}
	rec := b.Finish()
	defer rec.Release()
	data, sum, err := Encode(rec)
	if err != nil {
		t.Fatal(err)
	}
	return data, sum
}

func check(t *testing.T, data []byte, sum string, header []string, want []record) {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	b, err := decodeWith(mem, data, sum)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	if !slices.Equal(b.Header(), header) || b.Rows() != len(want) {
		t.Fatalf("header %q, %d rows; want %q, %d", b.Header(), b.Rows(), header, len(want))
	}
	for i, w := range want {
		got := record{code: b.Code(i), detail: b.Detail(i), raw: b.Raw(i)}
		got.row, got.line, got.offset = b.Row(i)
		if bad := w.code != ""; b.code.IsNull(i) == bad || b.detail.IsNull(i) == bad || b.raw.IsNull(i) == bad {
			t.Fatalf("record %d: null in _code, _detail, _raw: %v %v %v", i, b.code.IsNull(i), b.detail.IsNull(i), b.raw.IsNull(i))
		}
		for col := range header {
			if b.cells[col].IsNull(i) != (w.code != "") {
				t.Fatalf("record %d, column %d: null is %v", i, col, b.cells[col].IsNull(i))
			}
			got.cells = append(got.cells, b.Cell(col, i))
		}
		if w.code != "" {
			w.cells = make([]string, len(header))
		}
		if !reflect.DeepEqual(got, w) {
			t.Fatalf("record %d:\n got %.300v\nwant %.300v", i, got, w)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	header := []string{"id", "", "a \"b\", ü\n", "id"}
	good := record{1, 2, 40, "", "", "", []string{"1", "", "two\r\nlines", "\x00\xff"}}
	bad := record{2, 4, 60, bulk.CodeBadQuote, "a quote in the middle", `x"y,1`, nil}
	for name, records := range map[string][]record{
		"none":         nil,
		"good":         {good, {2, 3, 60, "", "", "", []string{"", "", "", ""}}},
		"mixed":        {good, bad, {3, 9, 1 << 40, "", "", "", []string{"9", "8", "7", "6"}}, {4, 10, 1<<40 + 1, bulk.CodeColumnCount, "", "", nil}},
		"rejects only": {bad, bad},
	} {
		t.Run(name, func(t *testing.T) {
			data, sum := encodeAll(t, NewBuilder(header), records)
			check(t, data, sum, header, records)
		})
	}
}

func TestBuilderTakesTheNextBatch(t *testing.T) {
	b := NewBuilder([]string{"a"})
	for n := range 5 {
		var records []record
		for i := range n * 100 {
			r := record{row: int64(i), cells: []string{strings.Repeat("x", i%7+n)}}
			if i%9 == n {
				r = record{row: int64(i), code: bulk.CodeBadQuote, detail: "d", raw: "raw"}
			}
			records = append(records, r)
		}
		data, sum := encodeAll(t, b, records)
		if b.Rows() != 0 || b.Bytes() != 0 {
			t.Errorf("after Finish: %d rows, %d bytes", b.Rows(), b.Bytes())
		}
		check(t, data, sum, []string{"a"}, records)
	}
}

// A finished record stays as it is while the builder takes the next one.
func TestFinishedRecordIsIndependent(t *testing.T) {
	b := NewBuilder([]string{"a"})
	b.Append(1, 1, 0, [][]byte{[]byte("first")})
	rec := b.Finish()
	defer rec.Release()
	b.Append(2, 2, 9, [][]byte{[]byte("other")})
	data, sum, err := Encode(rec)
	if err != nil {
		t.Fatal(err)
	}
	check(t, data, sum, []string{"a"}, []record{{row: 1, line: 1, cells: []string{"first"}}})
}

func TestLargeCells(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", 256<<10/16)
	var records []record
	for i := range 16 {
		records = append(records, record{row: int64(i), cells: []string{big[i:], "x"}})
	}
	b := NewBuilder([]string{"big", "small"})
	data, sum := encodeAll(t, b, records)
	check(t, data, sum, []string{"big", "small"}, records)
}

func TestManyColumns(t *testing.T) {
	header := make([]string, bulk.MaxColumns)
	cells := make([]string, len(header))
	for i := range header {
		header[i], cells[i] = fmt.Sprintf("column %d", i), fmt.Sprint(i)
	}
	records := []record{{row: 1, cells: cells}, {row: 2, code: bulk.CodeColumnCount, raw: "x"}, {row: 3, cells: cells}}
	data, sum := encodeAll(t, NewBuilder(header), records)
	check(t, data, sum, header, records)
}

// The bytes that a caller bounds a batch by follow what the object weighs.
func TestBytesFollowTheObject(t *testing.T) {
	for _, width := range []int{0, 10, 1000} {
		b := NewBuilder(make([]string, 20))
		cells := slices.Repeat([][]byte{bytes.Repeat([]byte("x"), width)}, 20)
		for i := range 500 {
			b.Append(int64(i), 1, 1, cells)
		}
		size := b.Bytes()
		rec := b.Finish()
		data, _, err := Encode(rec)
		rec.Release()
		if err != nil {
			t.Fatal(err)
		}
		if size < len(data)*8/10 || size > len(data)*12/10 {
			t.Errorf("width %d: Bytes = %d, the object has %d", width, size, len(data))
		}
	}
}

func TestDamagedObject(t *testing.T) {
	data, sum := encodeAll(t, NewBuilder([]string{"a", "b"}), []record{{row: 1, cells: []string{"1", "2"}}})
	resum := func(b []byte) string { h := sha256.Sum256(b); return hex.EncodeToString(h[:]) }
	flipped := bytes.Clone(data)
	flipped[len(flipped)/2] ^= 1
	for name, c := range map[string]struct {
		data []byte
		sum  string
	}{
		"bit flipped":   {flipped, sum},
		"cut":           {data[:len(data)-9], sum},
		"wrong sum":     {data, strings.Repeat("0", 64)},
		"no sum":        {data, ""},
		"empty":         {nil, resum(nil)},
		"no parquet":    {[]byte("PAR1 something PAR1"), resum([]byte("PAR1 something PAR1"))},
		"cut, rehashed": {data[len(data)/2:], resum(data[len(data)/2:])},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decode(c.data, c.sum)
			if e, ok := errors.AsType[*bulk.Error](err); !ok || e.Code != ErrDamaged || e.Kind != "" {
				t.Errorf("err = %v, want %s of no kind", err, ErrDamaged)
			}
		})
	}
}

func TestAppendRefusesWrongCellCount(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	NewBuilder([]string{"a", "b"}).Append(1, 1, 0, [][]byte{nil})
}
