package validate

import (
	"fmt"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
)

// wide is a spec of a text key and n columns of a type.
func wide(n int, t bulk.Type, required bool) (spec bulk.Spec, header []string) {
	spec = bulk.Spec{Name: "wide", Key: []string{"k"}, Columns: []bulk.Column{{Name: "k", Type: bulk.TypeText}}}
	header = []string{"k"}
	for i := range n {
		name := fmt.Sprintf("c%d", i)
		spec.Columns = append(spec.Columns, bulk.Column{Name: name, Type: t, Required: required})
		header = append(header, name)
	}
	return spec, header
}

func TestKeysAndRowsHaveBounds(t *testing.T) {
	for _, c := range []struct {
		columns int
		t       bulk.Type
		cell    string
		most    int // of the columns that may have the cell
	}{
		{1023, bulk.TypeText, strings.Repeat("x", 8), 876},
		{1023, bulk.TypeText, strings.Repeat("x", 20), 375},
		{1023, bulk.TypeText, strings.Repeat("x", 26), 292},
		{1023, bulk.TypeEmail, "someone.or.other@example.com", 292},
		{400, bulk.TypeText, strings.Repeat("x", 5000), 292},
		{1023, bulk.TypeInteger, "1", 985},
		{1023, bulk.TypeTimestamp, "2026-01-01", 985},
		{1023, bulk.TypeDecimal, strings.Repeat("9", 38), 303},
		{1023, bulk.TypeDate, "2026-01-01", 1023},
		{1023, bulk.TypeBoolean, "no", 1023},
	} {
		spec, header := wide(c.columns, c.t, false)
		v := compiled(t, spec, header...)
		cells := make([]string, len(header))
		cells[0] = "k"
		for i := range c.most {
			cells[i+1] = c.cell
		}
		more := append([]string{}, cells...)
		if c.most < c.columns {
			more[c.most+1] = c.cell
		}
		got := v.Batch(stage(t, header, cells, more))
		want := int64(0)
		if c.most < c.columns {
			want = 1
		}
		if got.Rejected != want || want == 1 && (got.RejectGroups[0].Code != bulk.CodeRowTooLarge || got.RejectGroups[0].Column != "") {
			t.Errorf("%s of %d bytes in %d columns, then in one more: rejected %d, want %d: %+v", c.t, len(c.cell), c.most, got.Rejected, want, got.RejectGroups)
		}
	}
}

func TestKeysAreCountedInBytes(t *testing.T) {
	spec := bulk.Spec{Name: "d", Key: []string{"a", "b"}, Columns: []bulk.Column{{Name: "a", Type: bulk.TypeText}, {Name: "b", Type: bulk.TypeInteger}}}
	v := compiled(t, spec, "a", "b")
	for a, ok := range map[string]bool{
		strings.Repeat("x", 2597): true, strings.Repeat("x", 2598): false,
		strings.Repeat("€", 865): true, strings.Repeat("€", 866): false,
	} {
		batch := stage(t, []string{"a", "b"}, []string{a, "+123"})
		got := v.Batch(batch)
		if (got.Rejected == 0) != ok || !ok && got.RejectGroups[0].Code != bulk.CodeKeyTooLarge {
			t.Errorf("a key of %d and 3 bytes: %+v", len(a), got.RejectGroups)
		}
		var said []string
		if err := v.Rejects(batch, nil, func(r bulk.Reject) error { said = append(said, r.Message); return nil }); err != nil {
			t.Fatal(err)
		}
		if !ok && (len(said) != 1 || !strings.Contains(said[0], "2601 bytes")) {
			t.Errorf("it says %q", said)
		}
	}
}

func TestSpecsThatNeverFitAreRefused(t *testing.T) {
	for what, c := range map[string]struct {
		n        int
		t        bulk.Type
		required bool
		ok       bool
	}{
		"optional":          {1023, bulk.TypeInteger, false, true},
		"required, small":   {1023, bulk.TypeBoolean, true, true},
		"required, in room": {985, bulk.TypeInteger, true, true},
		"required, beyond":  {986, bulk.TypeInteger, true, false},
	} {
		spec, _ := wide(c.n, c.t, c.required)
		if err := CheckSpec(spec); (err == nil) != c.ok {
			t.Errorf("%s: %v", what, err)
		}
	}
	long := bulk.Spec{Name: "d", Key: []string{"k"}, Columns: []bulk.Column{{Name: "k", Type: bulk.TypeText, MinLength: 2601}}}
	if err := CheckSpec(long); bulk.CodeOf(err) != "bad_spec" {
		t.Errorf("a key of at least 2601 characters: %v", err)
	}
	for _, name := range bulk.SystemColumns {
		spec := bulk.Spec{Name: "d", Key: []string{"k"}, Columns: []bulk.Column{{Name: "k", Type: bulk.TypeText}, {Name: name, Type: bulk.TypeText}}}
		if err := CheckSpec(spec); bulk.CodeOf(err) != "bad_spec" {
			t.Errorf("column %s: %v", name, err)
		}
		in := NewInferrer([]string{"id", name})
		inferred, err := in.Spec("d", []string{"id"})
		if err != nil || inferred.Columns[1].Name == name || inferred.Columns[1].Aliases[0] != name {
			t.Errorf("inferred of a header %s: %+v %v", name, inferred.Columns, err)
		}
	}
	nul := bulk.Spec{Name: "d", Key: []string{"k"}, Columns: []bulk.Column{{Name: "k", Type: bulk.TypeText, Default: "a\x00b"}}}
	if err := CheckSpec(nul); bulk.CodeOf(err) != "bad_spec" {
		t.Errorf("a default with NUL: %v", err)
	}
}
