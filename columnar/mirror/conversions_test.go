package mirror

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// conversions reads the table of the documentation: by type, for the current engine and for 18.16.
func conversions(t *testing.T) map[string][2]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/analytics.md")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][2]string{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, " | ")
		if kind := strings.TrimPrefix(cells[0], "| "); len(cells) == 3 && (kind == "decimal" || kind == "date" || kind == "timestamp") {
			out[kind] = [2]string{strings.Trim(cells[1], "` "), strings.Trim(strings.TrimSuffix(strings.TrimSpace(cells[2]), "|"), "` ")}
		}
	}
	return out
}

// What the documentation tells people to write gives the value, NULL or an error, and
// never another value.
func TestDocumentedConversionsAreExact(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		w.must(w.engine.Prepare(t.Context()))
		d, documented := must(dialectOf(t.Context(), w.engine)), conversions(t)
		const refused = "an error"
		for _, tt := range []struct{ kind, column, value, current, old string }{
			{"decimal", "price", "1.555", "1.555", "1.555000000"},
			{"decimal", "price", "-0.000000001", "-0.000000001", "-0.000000001"},
			{"decimal", "price", "12345678901234567890.123456789", "12345678901234567890.123456789", "12345678901234567890.123456789"},
			{"decimal", "price", "0.00000000000000000000000000000000000001", "0.00000000000000000000000000000000000001", refused},
			{"decimal", "price", "99999999999999999999999999999999999999", "99999999999999999999999999999999999999", refused},
			{"date", "born", "1950-03-04", "1950-03-04", "NULL"},
			{"date", "born", "1970-01-01", "1970-01-01", "NULL"},
			{"date", "born", "1970-01-02", "1970-01-02", "1970-01-02"},
			{"date", "born", "2024-02-29", "2024-02-29", "2024-02-29"},
			{"date", "born", "2105-12-31", "2105-12-31", "2105-12-31"},
			{"date", "born", "2106-02-08", "2106-02-08", "NULL"},
			{"date", "born", "2299-12-31", "2299-12-31", "NULL"},
			{"date", "born", "0044-03-15", "NULL", "NULL"},
			{"date", "born", "9999-12-31", "NULL", "NULL"},
			{"timestamp", "seen", "1950-03-04T05:06:07.123456Z", "1950-03-04 05:06:07.123456", "NULL"},
			{"timestamp", "seen", "2024-02-29T23:59:59.999999Z", "2024-02-29 23:59:59.999999", "2024-02-29 23:59:59"},
			{"timestamp", "seen", "2299-12-31T23:59:59.999999Z", "2299-12-31 23:59:59.999999", "NULL"},
			{"timestamp", "seen", "0044-03-15T00:00:00.000000Z", "NULL", "NULL"},
		} {
			expression, want := documented[tt.kind][0], tt.current
			if !d.micros {
				expression, want = documented[tt.kind][1], tt.old
			}
			got := refused
			err := w.engine.Query(t.Context(), fmt.Sprintf("SELECT ifNull(toString(%s), 'NULL') FROM (SELECT %s AS %s)", expression, literal(tt.value), tt.column), func(row []any) error {
				got = fmt.Sprint(row[0])
				return nil
			})
			if got != want || (err != nil) != (want == refused) {
				t.Errorf("%s of %s: %s, %v; want %s", expression, tt.value, got, err, want)
			}
		}
		if len(documented) != 3 {
			t.Errorf("the documentation has %d conversions, want 3", len(documented))
		}
	})
}
