package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
	"bulkhead/internal/sample"
)

func TestSpecRoundTrip(t *testing.T) {
	spec := sample.Spec()
	spec.Columns = append(spec.Columns,
		bulk.Column{Name: "age", Type: bulk.TypeInteger, Min: "0", Max: "150", Default: "18", Aliases: []string{"Years: old"}},
		bulk.Column{Name: "born", Type: bulk.TypeDate, Min: "1900-01-01", Format: "DD.MM.YYYY"},
		bulk.Column{Name: "vip", Type: bulk.TypeBoolean, Default: "true"},
		bulk.Column{Name: "zip", Type: bulk.TypeText, Pattern: `[0-9]{5}`, Default: "00123"})
	for _, asJSON := range []bool{false, true} {
		var out bytes.Buffer
		if err := printSpec(&env{stdout: &out, json: asJSON}, spec); err != nil {
			t.Fatal(err)
		}
		got, err := parseSpec(out.Bytes())
		if err != nil {
			t.Fatalf("%v in\n%s", err, out.String())
		}
		if !reflect.DeepEqual(got, spec) {
			t.Errorf("got %+v\nwant %+v\nfrom\n%s", got, spec, out.String())
		}
	}
}

func TestSpecScalarsAsPeopleWriteThem(t *testing.T) {
	got, err := parseSpec([]byte("name: d\nkey: [id]\ncolumns:\n- name: id\n  type: integer\n  min: 1\n  max: 12345678901234567890123456789012345678.50\n  default: yes\n- {name: b, type: boolean, default: true}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if c := got.Columns[0]; c.Min != "1" || c.Max != "12345678901234567890123456789012345678.50" || c.Default != "yes" || got.Columns[1].Default != "true" {
		t.Errorf("got %+v", got.Columns)
	}
}

func TestSpecErrorsNameTheLine(t *testing.T) {
	for name, tt := range map[string]struct{ spec, want string }{
		"unknown field":  {"name: d\nkey: [id]\ncolumns:\n- name: id\n  typ: text\n", "[5:3]"},
		"repeated field": {"name: d\nname: e\n", "[2:1]"},
		"wrong type":     {"name: d\nkey: [id]\ncolumns: 7\n", "[3:10]"},
		"no YAML":        {"name: [d\n", "[1:7]"},
		"nested scalar":  {"name: d\ncolumns:\n- name: id\n  min: [1]\n", "single value"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseSpec([]byte(tt.spec))
			if bulk.KindOf(err) != bulk.KindInvalid || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error that has %q", err, tt.want)
			}
		})
	}
}

func TestApplyReadsAFileOrStandardInput(t *testing.T) {
	const bad = "name: d\nkey: [nope]\ncolumns: [{name: id, type: text}]\n"
	name := filepath.Join(t.TempDir(), "d.yaml")
	if err := os.WriteFile(name, []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"datasets", "apply"}, {"datasets", "apply", "-"}, {"datasets", "apply", name}} {
		code, _, stderr := run(t, bad, args...)
		if code != exitUsage || !strings.Contains(stderr, `key column "nope"`) {
			t.Errorf("%v: got %d, %q", args, code, stderr)
		}
	}
}
