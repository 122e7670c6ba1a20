package validate

import (
	"fmt"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
)

// one returns the prepared column of a spec with the key "k" and that column.
func one(t testing.TB, c bulk.Column) *column {
	t.Helper()
	c.Name = "c"
	spec := bulk.Spec{Name: "d", Key: []string{"k"}, Columns: []bulk.Column{{Name: "k", Type: bulk.TypeText}, c}}
	if err := CheckSpec(spec); err != nil {
		t.Fatal(err)
	}
	col, err := newColumn(&c, &spec)
	if err != nil {
		t.Fatal(err)
	}
	return col
}

func TestCoercions(t *testing.T) {
	berlin := bulk.Column{Type: bulk.TypeTimestamp, Timezone: "Europe/Berlin"}
	for _, group := range []struct {
		column bulk.Column
		cells  map[string]any // the value, or the bulk.Code of the reject
	}{
		{bulk.Column{Type: bulk.TypeText}, map[string]any{
			"": nil, " ": " ", " a ": " a ", "=1+1": "=1+1", "<script>": "<script>", "007": "007", "é": "é", "e\u0301": "e\u0301", "a\x1fb": "a\x1fb",
		}},
		{bulk.Column{Type: bulk.TypeInteger}, map[string]any{
			"": nil, "  ": nil, "0": int64(0), "-0": int64(0), "+007": int64(7), " 42\t": int64(42), "\u00a042": int64(42),
			"9223372036854775807": int64(9223372036854775807), "-9223372036854775808": int64(-9223372036854775808),
			"9223372036854775808": bulk.CodeOutOfRange, "-9223372036854775809": bulk.CodeOutOfRange, strings.Repeat("9", 400): bulk.CodeOutOfRange,
			"99999999999999999999x": bulk.CodeInvalidInteger, "1.0": bulk.CodeInvalidInteger, "1,000": bulk.CodeInvalidInteger, "0x10": bulk.CodeInvalidInteger,
			"1_000": bulk.CodeInvalidInteger, "+-1": bulk.CodeInvalidInteger, "-": bulk.CodeInvalidInteger, "1e3": bulk.CodeInvalidInteger, "١": bulk.CodeInvalidInteger, "1 2": bulk.CodeInvalidInteger,
		}},
		{bulk.Column{Type: bulk.TypeDecimal}, map[string]any{
			"0": "0", "-0": "0", "0.00": "0", "-.0": "0", "00.10": "0.1", ".5": "0.5", "-.5": "-0.5", "-.50": "-0.5", "5.": "5", "+5": "5", "+5.0": "5", "-005.500": "-5.5", "100": "100", "122.9": "122.9",
			strings.Repeat("9", 38): strings.Repeat("9", 38), "0." + strings.Repeat("0", 37) + "1": "0." + strings.Repeat("0", 37) + "1", "000" + strings.Repeat("9", 38) + ".000": strings.Repeat("9", 38),
			strings.Repeat("9", 39): bulk.CodeOutOfRange, "0." + strings.Repeat("0", 38) + "1": bulk.CodeOutOfRange, "1" + strings.Repeat("0", 30) + ".123456789": bulk.CodeOutOfRange,
			".": bulk.CodeInvalidDecimal, "-": bulk.CodeInvalidDecimal, "-+1": bulk.CodeInvalidDecimal, "+-1": bulk.CodeInvalidDecimal, "1e3": bulk.CodeInvalidDecimal, "1.2.3": bulk.CodeInvalidDecimal, "1,5": bulk.CodeInvalidDecimal, "NaN": bulk.CodeInvalidDecimal,
		}},
		{bulk.Column{Type: bulk.TypeFloat}, map[string]any{
			"1.5": 1.5, "-1e3": -1000.0, "+.5": 0.5, "1e-400": 0.0, "1.7976931348623157e308": 1.7976931348623157e308,
			"1e309": bulk.CodeOutOfRange, "-1e309": bulk.CodeOutOfRange, "NaN": bulk.CodeInvalidFloat, "Inf": bulk.CodeInvalidFloat, "-infinity": bulk.CodeInvalidFloat,
			"0x1p4": bulk.CodeInvalidFloat, "1_0": bulk.CodeInvalidFloat, "e": bulk.CodeInvalidFloat, "1e": bulk.CodeInvalidFloat, "--1": bulk.CodeInvalidFloat,
		}},
		{bulk.Column{Type: bulk.TypeBoolean}, map[string]any{
			"true": true, "YES": true, "y": true, "T": true, "1": true, "on": true, "False": false, "no": false, "N": false, "f": false, "0": false, " Off ": false,
			"2": bulk.CodeInvalidBoolean, "maybe": bulk.CodeInvalidBoolean, "yes!": bulk.CodeInvalidBoolean, "ja": bulk.CodeInvalidBoolean,
		}},
		{bulk.Column{Type: bulk.TypeDate}, map[string]any{
			"2026-03-01": "2026-03-01", "0001-01-01": "0001-01-01", "9999-12-31": "9999-12-31", "2024-02-29": "2024-02-29", "2000-02-29": "2000-02-29", " 2026-03-01 ": "2026-03-01",
			"2026-02-31": bulk.CodeInvalidDate, "2025-02-29": bulk.CodeInvalidDate, "1900-02-29": bulk.CodeInvalidDate, "2026-04-31": bulk.CodeInvalidDate, "2026-13-01": bulk.CodeInvalidDate,
			"2026-00-01": bulk.CodeInvalidDate, "2026-01-00": bulk.CodeInvalidDate, "0000-01-01": bulk.CodeInvalidDate, "10000-01-01": bulk.CodeInvalidDate, "2026-3-1": bulk.CodeInvalidDate,
			"01.03.2026": bulk.CodeInvalidDate, "2026-03-01T00:00:00Z": bulk.CodeInvalidDate, "20260301": bulk.CodeInvalidDate, "2026-03-01x": bulk.CodeInvalidDate, "+026-03-01": bulk.CodeInvalidDate,
		}},
		{bulk.Column{Type: bulk.TypeDate, Format: "DD.MM.YYYY"}, map[string]any{
			"31.12.2026": "2026-12-31", "1.2.2026": "2026-02-01", "31.02.2026": bulk.CodeInvalidDate, "2026-12-31": bulk.CodeInvalidDate, "1.2.26": bulk.CodeInvalidDate,
			"1.2.2026 ": "2026-02-01", "001.2.2026": bulk.CodeInvalidDate, "12.31.2026": bulk.CodeInvalidDate, "..2026": bulk.CodeInvalidDate,
		}},
		{bulk.Column{Type: bulk.TypeDate, Format: "YYYYMMDD"}, map[string]any{"20261231": "2026-12-31", "2026121": bulk.CodeInvalidDate, "202612311": bulk.CodeInvalidDate}},
		{bulk.Column{Type: bulk.TypeTimestamp}, map[string]any{
			"2026-03-01T12:34:56.000000Z": "2026-03-01T12:34:56.000000Z", "2026-03-01T12:34:56Z": "2026-03-01T12:34:56.000000Z", "2026-03-01t12:34:56z": "2026-03-01T12:34:56.000000Z",
			"2026-03-01 12:34:56": "2026-03-01T12:34:56.000000Z", "2026-03-01 12:34": "2026-03-01T12:34:00.000000Z", "2026-03-01": "2026-03-01T00:00:00.000000Z",
			"2026-03-01T12:34:56.1Z": "2026-03-01T12:34:56.100000Z", "2026-03-01T12:34:56,123456": "2026-03-01T12:34:56.123456Z", "2026-03-01T12:34:56.123456000Z": "2026-03-01T12:34:56.123456Z", "2026-03-01T12:34:56.1000000000Z": "2026-03-01T12:34:56.100000Z",
			"2026-03-01T12:34:56.1234567Z": bulk.CodeTooPrecise, "2026-03-01T12:34:56,123456789": bulk.CodeTooPrecise, "2026-03-01T12:34:56.0000000001+02:00": bulk.CodeTooPrecise, "2026-03-01 00:30:00+02:00": "2026-02-28T22:30:00.000000Z",
			"2026-03-01 12:00:00 -0530": "2026-03-01T17:30:00.000000Z", "2026-03-01 12:00:00+01": "2026-03-01T11:00:00.000000Z", "2026-03-01 12:00 UTC": "2026-03-01T12:00:00.000000Z",
			"2026-02-31T00:00:00Z": bulk.CodeInvalidTimestamp, "2026-03-01T24:00:00Z": bulk.CodeInvalidTimestamp, "2026-03-01T12:60:00Z": bulk.CodeInvalidTimestamp, "2016-12-31T23:59:60Z": bulk.CodeInvalidTimestamp,
			"2026-03-01T12:34:56.Z": bulk.CodeInvalidTimestamp, "2026-03-01T12": bulk.CodeInvalidTimestamp, "2026-03-01T12:34:5": bulk.CodeInvalidTimestamp,
			"2026-03-01T12:34:56+25:00": bulk.CodeInvalidTimestamp, "2026-03-01T12:34:56+01:60": bulk.CodeInvalidTimestamp, "2026-03-01T12:34:56 CET": bulk.CodeInvalidTimestamp, "1772366096": bulk.CodeInvalidTimestamp,
			"9999-12-31T23:59:59-01:00": bulk.CodeOutOfRange, "0001-01-01T00:00:00+01:00": bulk.CodeOutOfRange,
		}},
		{berlin, map[string]any{
			"2026-07-01 12:00:00": "2026-07-01T10:00:00.000000Z", "2026-01-01 12:00:00": "2026-01-01T11:00:00.000000Z", "2026-01-01 12:00:00Z": "2026-01-01T12:00:00.000000Z",
			"2026-03-29 01:59:59": "2026-03-29T00:59:59.000000Z", "2026-03-29 02:00:00": bulk.CodeInvalidTimestamp, "2026-03-29 02:59:59": bulk.CodeInvalidTimestamp, "2026-03-29 03:00:00": "2026-03-29T01:00:00.000000Z",
			"2026-10-25 01:59:59": "2026-10-24T23:59:59.000000Z", "2026-10-25 02:00:00": "2026-10-25T00:00:00.000000Z", "2026-10-25 02:30:00": "2026-10-25T00:30:00.000000Z", "2026-10-25 02:59:59.999999": "2026-10-25T00:59:59.999999Z", "2026-10-25 03:00:00": "2026-10-25T02:00:00.000000Z",
		}},
		{bulk.Column{Type: bulk.TypeTimestamp, Timezone: "America/New_York"}, map[string]any{
			"2026-03-08 02:30:00": bulk.CodeInvalidTimestamp, "2026-11-01 01:30:00": "2026-11-01T05:30:00.000000Z", "2026-11-01 02:00:00": "2026-11-01T07:00:00.000000Z",
		}},
		{bulk.Column{Type: bulk.TypeTimestamp, Timezone: "Africa/Cairo"}, map[string]any{ // the clocks skip midnight
			"2026-04-24 00:30:00": bulk.CodeInvalidTimestamp, "2026-04-24": bulk.CodeInvalidTimestamp, "2026-04-24 01:00:00": "2026-04-23T22:00:00.000000Z",
		}},
		{bulk.Column{Type: bulk.TypeTimestamp, Format: "MM/DD/YYYY HH:mm"}, map[string]any{
			"3/1/2026 9:05": "2026-03-01T09:05:00.000000Z", "03/01/2026 09:05": "2026-03-01T09:05:00.000000Z", "31/01/2026 09:05": bulk.CodeInvalidTimestamp, "03/01/2026": bulk.CodeInvalidTimestamp,
		}},
		{bulk.Column{Type: bulk.TypeTimestamp, Format: "YYYY-MM-DDTHH:mm:ssZ"}, map[string]any{
			"2026-03-01T09:05:07+02:00": "2026-03-01T07:05:07.000000Z", "2026-03-01T09:05:07": bulk.CodeInvalidTimestamp,
		}},
		{bulk.Column{Type: bulk.TypeJSON}, map[string]any{
			"{}": "{}", ` {"a": [1, 2.50]} `: ` {"a": [1, 2.50]} `, "null": "null", "1e400": "1e400", "  ": nil,
			"{": bulk.CodeInvalidJSON, "{'a':1}": bulk.CodeInvalidJSON, "NaN": bulk.CodeInvalidJSON, strings.Repeat("[", 100_000): bulk.CodeInvalidJSON,
		}},
		{bulk.Column{Type: bulk.TypeEmail}, map[string]any{
			"a@b.co": "a@b.co", " Ada.Lovelace+x@Example.COM ": "Ada.Lovelace+x@Example.COM", "o'neil@sub.example.org": "o'neil@sub.example.org", "jürgen@müller.example": "jürgen@müller.example",
			strings.Repeat("a", 64) + "@b.co": strings.Repeat("a", 64) + "@b.co", "a@" + strings.Repeat("b", 63) + ".co": "a@" + strings.Repeat("b", 63) + ".co",
			"a": bulk.CodeInvalidEmail, "@b.co": bulk.CodeInvalidEmail, "a@": bulk.CodeInvalidEmail, "a@b": bulk.CodeInvalidEmail, "a@@b.co": bulk.CodeInvalidEmail, "a b@c.co": bulk.CodeInvalidEmail,
			".a@b.co": bulk.CodeInvalidEmail, "a.@b.co": bulk.CodeInvalidEmail, "a..b@c.co": bulk.CodeInvalidEmail, "a@-b.co": bulk.CodeInvalidEmail, "a@b-.co": bulk.CodeInvalidEmail, "a@b..co": bulk.CodeInvalidEmail,
			"a@b.co.": bulk.CodeInvalidEmail, "a@b_c.co": bulk.CodeInvalidEmail, "<a@b.co>": bulk.CodeInvalidEmail, "a\u00a0b@c.co": bulk.CodeInvalidEmail, "a\u200bb@c.co": bulk.CodeInvalidEmail, "a\nb@c.co": bulk.CodeInvalidEmail,
			strings.Repeat("a", 65) + "@b.co": bulk.CodeInvalidEmail, "a@" + strings.Repeat("b", 64) + ".co": bulk.CodeInvalidEmail, "a@" + strings.Repeat("b.", 130) + "co": bulk.CodeInvalidEmail,
		}},
		{bulk.Column{Type: bulk.TypeEnum, Values: []string{"new", "in use"}}, map[string]any{"new": "new", " in use ": "in use", "New": bulk.CodeInvalidEnum, "": nil}},
		{bulk.Column{Type: bulk.TypeInteger, Min: "-5", Max: "10"}, map[string]any{"-5": int64(-5), "10": int64(10), "-6": bulk.CodeOutOfRange, "11": bulk.CodeOutOfRange}},
		{bulk.Column{Type: bulk.TypeDecimal, Min: "-1.5", Max: "10.25"}, map[string]any{
			"-1.5": "-1.5", "-1.50001": bulk.CodeOutOfRange, "-2": bulk.CodeOutOfRange, "-1": "-1", "9.99": "9.99", "10.25000": "10.25", "10.250001": bulk.CodeOutOfRange, "100": bulk.CodeOutOfRange, "-10": bulk.CodeOutOfRange,
		}},
		{bulk.Column{Type: bulk.TypeDate, Min: "2000-01-01", Max: "31.12.2030", Format: "DD.MM.YYYY"}, map[string]any{"31.12.1999": bulk.CodeOutOfRange, "1.1.2000": "2000-01-01", "1.1.2031": bulk.CodeOutOfRange}},
		{bulk.Column{Type: bulk.TypeTimestamp, Min: "2026-01-01T00:00:00+01:00"}, map[string]any{"2025-12-31T23:00:00Z": "2025-12-31T23:00:00.000000Z", "2025-12-31T22:59:59.999999Z": bulk.CodeOutOfRange}},
		{bulk.Column{Type: bulk.TypeText, MinLength: 2, MaxLength: 3}, map[string]any{"é": bulk.CodeLength, "éé": "éé", "ééé": "ééé", "éééé": bulk.CodeLength, "": nil}},
		{bulk.Column{Type: bulk.TypeText, Pattern: "a|bc"}, map[string]any{"a": "a", "bc": "bc", "ac": bulk.CodePattern, "a\n": bulk.CodePattern, "xbc": bulk.CodePattern}},
		{bulk.Column{Type: bulk.TypeText, Pattern: "(?m)^x$"}, map[string]any{"x": "x", "x\ny": bulk.CodePattern}},
		{bulk.Column{Type: bulk.TypeInteger, Required: true}, map[string]any{"": bulk.CodeRequired, " ": bulk.CodeRequired, "1": int64(1)}},
		{bulk.Column{Type: bulk.TypeInteger, Required: true, Default: "+07"}, map[string]any{"": int64(7), " ": int64(7), "x": bulk.CodeInvalidInteger}},
	} {
		col := one(t, group.column)
		for cell, want := range group.cells {
			t.Run(fmt.Sprintf("%s %s%s/%.30q", group.column.Type, group.column.Format, group.column.Timezone, cell), func(t *testing.T) {
				got, code := col.value(cell)
				if wantCode, reject := want.(bulk.Code); reject && (code != wantCode || got != nil) {
					t.Errorf("got %v %q, want %q", got, code, wantCode)
				} else if !reject && (got != want || code != "") {
					t.Errorf("got %#v %q, want %#v", got, code, want)
				}
			})
		}
	}
}

// An accepted value in its canonical form is accepted again, as itself.
func FuzzCoercions(f *testing.F) {
	for _, s := range []string{"", " 1", "-.50", "1e309", "2026-03-29 02:30:00", "2026-10-25 02:30:00", "2026-03-01T12:34:56.789+01:00", "31.12.2026", "a@b.co", `{"a":1}`, "yes", "000", "\xff"} {
		f.Add(s)
	}
	var columns []*column
	for _, t := range bulk.Types {
		c := bulk.Column{Type: t}
		if t == bulk.TypeEnum {
			c.Values = []string{"a", "b c"}
		}
		columns = append(columns, one(f, c))
	}
	columns = append(columns, one(f, bulk.Column{Type: bulk.TypeTimestamp, Timezone: "Europe/Berlin"}),
		one(f, bulk.Column{Type: bulk.TypeTimestamp, Timezone: "America/Sao_Paulo"}))
	read, err := newFormat("DD.MM.YYYY HH:mm", bulk.TypeTimestamp)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, cell string) {
		read.read(cell)
		for _, c := range columns {
			v, code := c.value(cell)
			if v == nil || code != "" {
				if v != nil || code != "" && !code.Valid() {
					t.Errorf("%s %q: %v and %q", c.Type, cell, v, code)
				}
				continue
			}
			text := fmt.Sprint(v)
			if again, code := c.value(text); again != v || code != "" {
				t.Errorf("%s: %q gives %#v, which gives %#v %s", c.Type, cell, v, again, code)
			}
			if c.Type == bulk.TypeDecimal && compareDecimals(text, text) != 0 {
				t.Errorf("%s is not equal to itself", text)
			}
		}
	})
}

func TestCompareDecimals(t *testing.T) {
	ascending := []string{"-100", "-20.5", "-20.05", "-2", "-0.5", "-0.05", "0", "0.05", "0.5", "0.51", "2", "10", "10.01", "100"}
	for i, a := range ascending {
		for j, b := range ascending {
			if got, want := compareDecimals(a, b), sign(i-j); got != want {
				t.Errorf("compare %s, %s = %d, want %d", a, b, got, want)
			}
		}
	}
}

func sign(n int) int { return min(max(n, -1), 1) }
