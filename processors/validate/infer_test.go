package validate

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
)

func TestInferTypes(t *testing.T) {
	for _, c := range []struct {
		want  bulk.Type
		cells []string
	}{
		{bulk.TypeText, nil},
		{bulk.TypeText, []string{"", " "}},
		{bulk.TypeBoolean, []string{"true", "", "False", "YES", "no"}},
		{bulk.TypeInteger, []string{"0", "1", "0"}},
		{bulk.TypeInteger, []string{"1", " -42 ", "9223372036854775807"}},
		{bulk.TypeText, []string{"1", "9223372036854775808"}},
		{bulk.TypeText, []string{"1.5", "9223372036854775808"}},
		{bulk.TypeText, []string{"1", "007"}},
		{bulk.TypeText, []string{"+4930123456"}},
		{bulk.TypeText, []string{"1", "yes"}},
		{bulk.TypeDecimal, []string{"122.9", "5", "-0.50"}},
		{bulk.TypeDecimal, []string{"0.1234567890123456789"}},
		{bulk.TypeFloat, []string{"1e5", "3", "0.25"}},
		{bulk.TypeText, []string{"1e5", "0.1234567890123456789"}},
		{bulk.TypeText, []string{"00.5"}},
		{bulk.TypeDate, []string{"2026-03-01", "", "2024-02-29"}},
		{bulk.TypeText, []string{"2026-03-01", "2026-02-30"}},
		{bulk.TypeTimestamp, []string{"2026-03-01", "2026-03-01 10:00"}},
		{bulk.TypeEmail, []string{"a@b.co"}},
		{bulk.TypeText, []string{"a@b.co", "unknown"}},
		{bulk.TypeJSON, []string{`{"a":1}`, `[]`}},
		{bulk.TypeText, []string{`"a"`, `null`}},
		{bulk.TypeText, []string{"NaN", "1"}},
	} {
		in := NewInferrer([]string{"id", "c"})
		for i, cell := range c.cells {
			in.Add([][]byte{[]byte(fmt.Sprint(i)), []byte(cell)})
		}
		spec, err := in.Spec("d", []string{"id"})
		if err != nil || spec.Columns[1].Type != c.want {
			t.Errorf("%q: got %v, %v; want %s", c.cells, spec.Columns, err, c.want)
		}
	}
}

func TestInferSpec(t *testing.T) {
	in := NewInferrer([]string{"ID #", "Length (ft)", "firstName", "HTTPServer", "a_b", "ab", "---", "2024", "Größe", strings.Repeat("long ", 40)})
	in.Add([][]byte{[]byte("1e5"), []byte("122.9")})
	got, err := in.Spec("runways", []string{"ID #"})
	if err != nil {
		t.Fatal(err)
	}
	want := []bulk.Column{
		{Name: "id", Type: bulk.TypeText, Required: true},
		{Name: "length_ft", Type: bulk.TypeDecimal},
		{Name: "first_name", Type: bulk.TypeText},
		{Name: "http_server", Type: bulk.TypeText},
		{Name: "a_b", Type: bulk.TypeText},
		{Name: "ab_2", Type: bulk.TypeText},
		{Name: "column_7", Type: bulk.TypeText},
		{Name: "n_2024", Type: bulk.TypeText, Aliases: []string{"2024"}},
		{Name: "gr_e", Type: bulk.TypeText, Aliases: []string{"Größe"}},
		{Name: strings.TrimRight(strings.Repeat("long_", 40)[:maxName], "_"), Type: bulk.TypeText, Aliases: []string{strings.Repeat("long ", 40)}},
	}
	if !reflect.DeepEqual(got.Columns, want) || !slices.Equal(got.Key, []string{"id"}) {
		t.Errorf("key %q, columns\n got %+v\nwant %+v", got.Key, got.Columns, want)
	}
	if _, err := in.Spec("runways", nil); bulk.CodeOf(err) != "bad_spec" {
		t.Errorf("without a key: err = %v, want bad_spec", err)
	}
	if _, err := in.Spec("runways", []string{"nope"}); bulk.CodeOf(err) != "bad_spec" {
		t.Errorf("unknown key: err = %v, want bad_spec", err)
	}
}

// What is inferred accepts every row that it was inferred from.
func FuzzInfer(f *testing.F) {
	f.Add("id,name", "1,a\n2,b")
	f.Add("A B,a_b,ab,", "true,1e5,{}")
	f.Add("é,É,x", "2026-01-01,-0.50,a@b.co\n,,")
	f.Fuzz(func(t *testing.T, head, body string) {
		header := append([]string{"id"}, strings.Split(head, ",")...)
		in := NewInferrer(header)
		var rows [][]string
		for i, line := range strings.Split(body, "\n") {
			row := append([]string{fmt.Sprintf("k%d", i)}, strings.Split(line, ",")...)
			if len(row) != len(header) || strings.HasPrefix(line, "!") {
				continue
			}
			rows = append(rows, row)
			var cells [][]byte
			for _, c := range row {
				cells = append(cells, []byte(c))
			}
			in.Add(cells)
		}
		spec, err := in.Spec("d", []string{"id"})
		if err != nil {
			if len(header) <= bulk.MaxColumns {
				t.Fatalf("header %q: %v", header, err)
			}
			return
		}
		fields := make([]string, len(header))
		for i := range header {
			fields[i] = spec.Columns[i].Name
		}
		v, err := Compile(spec, bulk.Layout{Header: header, Fields: fields})
		if err != nil {
			t.Fatal(err)
		}
		if r := v.Batch(stage(t, header, rows...)); r.Rejected != 0 {
			t.Errorf("%q %q: rejects %+v under %+v", header, rows, r.RejectGroups, spec)
		}
	})
}

func TestSuggest(t *testing.T) {
	spec := &bulk.Spec{Name: "contacts", Key: []string{"id"}, Columns: []bulk.Column{
		{Name: "id", Type: bulk.TypeText}, {Name: "first_name", Type: bulk.TypeText}, {Name: "email", Type: bulk.TypeEmail, Aliases: []string{"mail address"}}, {Name: "country", Type: bulk.TypeText},
	}}
	fields, confidence, err := Suggest([]string{"ID", "Frist Name", "Customer mail address", "zzz", "county"}, spec, nil)
	if err != nil || !slices.Equal(fields, []string{"id", "first_name", "email", "", "country"}) {
		t.Fatalf("fields %q, err %v", fields, err)
	}
	for i, c := range confidence {
		if exact, none := i == 0, i == 3; exact != (c == 1) || none != (c == 0) || !exact && !none && c < closeEnough {
			t.Errorf("column %d: confidence %v", i, c)
		}
	}
	fields, _, _ = Suggest([]string{"county"}, spec, map[string]string{"county": ""})
	if fields[0] != "" {
		t.Errorf("a column that was left out on purpose is suggested for %q", fields[0])
	}
	if _, _, err := Suggest([]string{"a"}, spec, map[string]string{"a": "nope"}); bulk.CodeOf(err) != bulk.ErrUnknownField {
		t.Errorf("err = %v, want %s", err, bulk.ErrUnknownField)
	}
}

func TestColumns(t *testing.T) {
	spec := &bulk.Spec{Name: "d", Key: []string{"id"}, Columns: []bulk.Column{{Name: "id", Type: bulk.TypeText}}}
	got := Columns([]string{"Id", "n"}, [][]string{{"a", ""}, {"b", "7"}, {"c"}}, spec)
	want := []bulk.PreviewColumn{{Name: "Id", Type: bulk.TypeText, Field: "id", Confidence: 1, Example: "a"}, {Name: "n", Type: bulk.TypeInteger, Example: "7"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := Columns([]string{"n"}, nil, nil); got[0].Field != "" || got[0].Type != bulk.TypeText {
		t.Errorf("without rows and spec: %+v", got)
	}
}
