package validate

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"bulkhead/columnar"
	"bulkhead/internal/bulk"
)

var _ Batch = (*columnar.Batch)(nil)

// stage makes a batch of rows; a row of one cell "!code" is one that the reader rejected.
func stage(t testing.TB, header []string, rows ...[]string) *columnar.Batch {
	t.Helper()
	b := columnar.NewBuilder(header)
	for i, r := range rows {
		row := int64(i + 1)
		if code, ok := strings.CutPrefix(r[0], "!"); ok {
			b.AppendReject(columnar.Reject{Row: row, Line: row + 1, Offset: row * 100, Code: bulk.Code(code), Detail: "expected 3 cells, found 1", Raw: []byte("raw " + code)})
			continue
		}
		var cells [][]byte
		for _, c := range r {
			cells = append(cells, []byte(c))
		}
		b.Append(row, row+1, row*100, cells)
	}
	rec := b.Finish()
	defer rec.Release()
	data, sum, err := columnar.Encode(rec)
	if err != nil {
		t.Fatal(err)
	}
	batch, err := columnar.Decode(data, sum)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(batch.Release)
	return batch
}

func people() bulk.Spec {
	return bulk.Spec{Name: "people", Key: []string{"id"}, Columns: []bulk.Column{
		{Name: "age", Type: bulk.TypeInteger, Max: "130"},
		{Name: "id", Type: bulk.TypeText},
		{Name: "note", Type: bulk.TypeText},
		{Name: "state", Type: bulk.TypeEnum, Values: []string{"new", "old"}, Default: "new"},
	}}
}

func compiled(t testing.TB, spec bulk.Spec, header ...string) *Validator {
	t.Helper()
	fields, err := bulk.MapColumns(header, &spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	v, err := Compile(spec, bulk.Layout{Header: header, Fields: fields})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestBatch(t *testing.T) {
	header := []string{"ID", "Age", "extra"}
	b := stage(t, header,
		[]string{"b", "2", "x"},
		[]string{"a", "", "x"},
		[]string{"!bad_quote"},
		[]string{"", "x", "x"}, // the key comes first
		[]string{"b", "3", "x"},
		[]string{"B", "4", "x"},
		[]string{"c", "131", "x"},
		[]string{"c", "old", "x"},
	)
	got := compiled(t, people(), header...).Batch(b)
	want := Result{
		Records: bulk.Records{
			Columns: []string{"age", "id", "state"},
			RowNo:   []int64{6, 2, 5},
			LineNo:  []int64{7, 3, 6},
			Keys:    []string{"B", "a", "b"},
			Values:  [][]bulk.Value{{int64(4), "B", "new"}, {nil, "a", "new"}, {int64(3), "b", "new"}},
		},
		Superseded: 1,
		Rejected:   4,
		RejectGroups: []bulk.RejectGroup{
			{Column: "", Code: bulk.CodeBadQuote, Count: 1, Sentence: bulk.CodeBadQuote.Sentence(), Examples: []bulk.Example{{Line: 4, Row: 3, Value: "raw bad_quote"}}},
			{Column: "Age", Code: bulk.CodeInvalidInteger, Count: 1, Sentence: bulk.CodeInvalidInteger.Sentence(), Examples: []bulk.Example{{Line: 9, Row: 8, Value: "old"}}},
			{Column: "Age", Code: bulk.CodeOutOfRange, Count: 1, Sentence: bulk.CodeOutOfRange.Sentence(), Examples: []bulk.Example{{Line: 8, Row: 7, Value: "131"}}},
			{Column: "ID", Code: bulk.CodeMissingKey, Count: 1, Sentence: bulk.CodeMissingKey.Sentence(), Examples: []bulk.Example{{Line: 5, Row: 4, Value: ""}}},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
}

func TestRejects(t *testing.T) {
	header := []string{"id", "age"}
	long := strings.Repeat("é", 100)
	b := stage(t, header, []string{"a", "1"}, []string{"b", long}, []string{"!column_count"}, []string{"c", "1"}, []string{"d", "140"})
	var got []bulk.Reject
	v := compiled(t, people(), header...)
	also := func(row int64) bulk.Code {
		if row == 4 {
			return bulk.CodeDuplicateKey
		}
		return ""
	}
	if err := v.Rejects(b, also, func(r bulk.Reject) error { got = append(got, r); return nil }); err != nil {
		t.Fatal(err)
	}
	cut := strings.Repeat("é", 60)
	want := []bulk.Reject{
		{Row: 2, Line: 3, Offset: 200, Code: bulk.CodeInvalidInteger, Column: "age", Value: cut, Cells: []string{"b", long}, Message: fmt.Sprintf("\"age\" is %q, but has to be a whole number of digits only.", cut)},
		{Row: 3, Line: 4, Offset: 300, Code: bulk.CodeColumnCount, Value: "raw column_count", Raw: "raw column_count", Message: "expected 3 cells, found 1"},
		{Row: 4, Line: 5, Offset: 400, Code: bulk.CodeDuplicateKey, Column: "id", Value: "c", Cells: []string{"c", "1"}, Message: bulk.CodeDuplicateKey.Sentence()},
		{Row: 5, Line: 6, Offset: 500, Code: bulk.CodeOutOfRange, Column: "age", Value: "140", Cells: []string{"d", "140"}, Message: `"age" is "140", but has to be a whole number of at most 130.`},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
	stop := errors.New("stop")
	if err := v.Rejects(b, nil, func(bulk.Reject) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("err = %v, want the callback's", err)
	}
	if n := v.Batch(b).Rejected; n != 3 {
		t.Errorf("Batch counts %d rejects, want 3", n)
	}
}

func TestKeyOfSeveralColumns(t *testing.T) {
	spec := bulk.Spec{Name: "d", Key: []string{"region", "nr"}, Columns: []bulk.Column{
		{Name: "nr", Type: bulk.TypeInteger}, {Name: "region", Type: bulk.TypeText}, {Name: "open", Type: bulk.TypeBoolean},
	}}
	header := []string{"nr", "region", "open"}
	b := stage(t, header,
		[]string{"+7", "eu", "1"}, []string{"007", "eu", "0"}, []string{"7", "us", ""}, []string{"x", "", "1"}, []string{"", "eu", "1"}, []string{"1", "a\x1fb", "1"}, []string{"7", "e", ""})
	got := compiled(t, spec, header...).Batch(b)
	if want := []string{"e\x1f7", "eu\x1f7", "us\x1f7"}; !slices.Equal(got.Records.Keys, want) || got.Superseded != 1 || got.Records.RowNo[1] != 2 {
		t.Errorf("keys %q, rows %v, superseded %d", got.Records.Keys, got.Records.RowNo, got.Superseded)
	}
	var codes []string
	for _, c := range got.RejectGroups {
		codes = append(codes, fmt.Sprintf("%s %s %d", c.Column, c.Code, c.Count))
	}
	if want := []string{"nr missing_key 1", "region invalid_character 1", "region missing_key 1"}; !slices.Equal(codes, want) {
		t.Errorf("groups %q, want %q", codes, want)
	}
}

// Whatever the rows: every one is counted once, keys ascend, the last row of a key wins.
func TestRecordsAreSortedAndUnique(t *testing.T) {
	v := compiled(t, people(), "id", "age")
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		var rows [][]string
		last := map[string]int64{}
		for i := range rnd.IntN(300) {
			id, age := fmt.Sprintf("%d", rnd.IntN(60)), fmt.Sprint(rnd.IntN(150))
			rows = append(rows, []string{id, age})
			if len(age) < 3 || age <= "130" {
				last[id] = int64(i + 1)
			}
		}
		got := v.Batch(stage(t, []string{"id", "age"}, rows...))
		r := got.Records
		if int64(r.Len())+got.Superseded+got.Rejected != int64(len(rows)) {
			t.Fatalf("%d + %d + %d is not %d rows", r.Len(), got.Superseded, got.Rejected, len(rows))
		}
		if !slices.IsSorted(r.Keys) || len(slices.Compact(slices.Clone(r.Keys))) != len(last) || r.Len() != len(last) {
			t.Fatalf("keys %q, want %d in order", r.Keys, len(last))
		}
		for i, k := range r.Keys {
			if r.RowNo[i] != last[k] || r.Values[i][1] != k {
				t.Fatalf("key %s: row %d with %v, want row %d", k, r.RowNo[i], r.Values[i], last[k])
			}
		}
	}
}

// A file that is sorted already takes a shortcut, unless a key repeats.
func TestSortedFile(t *testing.T) {
	v := compiled(t, people(), "id", "age")
	for _, c := range []struct {
		ids  string
		rows []int64
	}{
		{"a b c", []int64{1, 2, 3}},
		{"a a b", []int64{2, 3}},
		{"a b b b", []int64{1, 4}},
		{"a", []int64{1}},
	} {
		var rows [][]string
		for id := range strings.FieldsSeq(c.ids) {
			rows = append(rows, []string{id, "1"})
		}
		got := v.Batch(stage(t, []string{"id", "age"}, rows...))
		if !slices.Equal(got.Records.RowNo, c.rows) || got.Superseded != int64(len(rows)-len(c.rows)) {
			t.Errorf("%s: rows %v, superseded %d; want rows %v", c.ids, got.Records.RowNo, got.Superseded, c.rows)
		}
	}
}

// RejectGroups outlive the batch and stay small however many rows are bad.
func TestRejectGroupsAreBounded(t *testing.T) {
	var rows [][]string
	for i := range 1000 {
		rows = append(rows, []string{fmt.Sprint(i), strings.Repeat("x", 500)})
	}
	got := compiled(t, people(), "id", "age").Batch(stage(t, []string{"id", "age"}, rows...))
	if len(got.RejectGroups) != 1 || got.RejectGroups[0].Count != 1000 || got.Rejected != 1000 || got.Records.Len() != 0 {
		t.Fatalf("got %d groups, %d rejected", len(got.RejectGroups), got.Rejected)
	}
	if ex := got.RejectGroups[0].Examples; len(ex) != bulk.MaxExamples || len(ex[0].Value) != bulk.MaxValue {
		t.Errorf("%d examples, the first of %d bytes", len(ex), len(ex[0].Value))
	}
}

func TestCompileNeedsTheKey(t *testing.T) {
	_, err := Compile(people(), bulk.Layout{Header: []string{"age"}, Fields: []string{"age"}})
	if bulk.CodeOf(err) != bulk.ErrUnmappedRequired {
		t.Errorf("err = %v, want %s", err, bulk.ErrUnmappedRequired)
	}
}

func TestCheckSpec(t *testing.T) {
	for want, c := range map[string]bulk.Column{
		`min "x": invalid_integer`:         {Type: bulk.TypeInteger, Min: "x"},
		`min 5 is above max 4`:             {Type: bulk.TypeInteger, Min: "5", Max: "4"},
		`min 10 is above max 9.5`:          {Type: bulk.TypeDecimal, Min: "10", Max: "9.5"},
		`default "11": out_of_range`:       {Type: bulk.TypeInteger, Max: "10", Default: "11"},
		`default "c": invalid_enum`:        {Type: bulk.TypeEnum, Values: []string{"a"}, Default: "c"},
		`default "abcd": length`:           {Type: bulk.TypeText, MaxLength: 3, Default: "abcd"},
		`default "2026-02-30": invalid_da`: {Type: bulk.TypeDate, Default: "2026-02-30"},
		`"yyyy-MM-DD": "y" is not one of`:  {Type: bulk.TypeDate, Format: "yyyy-MM-DD"},
		`"DD.MM" lacks YYYY`:               {Type: bulk.TypeDate, Format: "DD.MM"},
		`has HH, which a date has not`:     {Type: bulk.TypeDate, Format: "YYYY-MM-DD HH"},
		`has MM twice`:                     {Type: bulk.TypeTimestamp, Format: "YYYY-MM-DD HH:MM"},
		`without the larger one`:           {Type: bulk.TypeTimestamp, Format: "YYYY-MM-DD mm"},
		`text after the offset`:            {Type: bulk.TypeTimestamp, Format: "YYYY-MM-DD HHZ!"},
		`zone of the machine`:              {Type: bulk.TypeTimestamp, Timezone: "Local"},
		`pattern does not apply`:           {Type: bulk.TypeInteger, Pattern: "1"},
		`max_length do not apply`:          {Type: bulk.TypeInteger, MaxLength: 3},
		`ends with white space`:            {Type: bulk.TypeEnum, Values: []string{"a "}},
		`min and max do not apply`:         {Type: bulk.TypeText, Min: "1"},
	} {
		c.Name = "c"
		err := CheckSpec(bulk.Spec{Name: "d", Key: []string{"k"}, Columns: []bulk.Column{{Name: "k", Type: bulk.TypeText}, c}})
		if bulk.CodeOf(err) != "bad_spec" || bulk.KindOf(err) != bulk.KindInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want bad_spec with %s", err, want)
		}
	}
}
