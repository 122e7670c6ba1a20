package app_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
	"bulkhead/internal/store/storetest"
)

// limit is a row of the table: a dataset, a file for it, and what becomes of both.
type limit struct {
	name string
	spec bulk.Spec
	file string
	want string // the spec's refusal, or how many rows landed and the codes of the others
}

// TestLimitsAreTheSameOnEveryEngine sends the same rows, at each limit and just beyond it,
// through whole systems on every engine. A dry run foresees, the import lands, and verify,
// from the file alone, finds what the table says.
func TestLimitsAreTheSameOnEveryEngine(t *testing.T) {
	onStores(t, func(t *testing.T, s *system) {
		for _, l := range limits() {
			t.Run(l.name, func(t *testing.T) {
				if got := s.in(t).outcome(l); got != l.want {
					t.Errorf("got %s, want %s", got, l.want)
				}
			})
		}
	})
}

// Two files that each fit fill one record: the row that no longer fits is a reject of the
// second, which has to be shown, exported and verified like any other.
func TestRecordThatIsFullOnEveryEngine(t *testing.T) {
	onStores(t, func(t *testing.T, s *system) {
		c := s.in(t)
		w := wide(bulk.TypeText, 600, false)
		w.Name = "full"
		s.apply(w)
		file := func(from, to int, keys ...string) []byte {
			header := []string{"c0"}
			for i := from; i < to; i++ {
				header = append(header, fmt.Sprintf("c%d", i))
			}
			lines := []string{strings.Join(header, ",")}
			for _, k := range keys {
				lines = append(lines, k+strings.Repeat(","+noise(40), to-from))
			}
			return []byte(strings.Join(lines, "\n") + "\n")
		}
		first, second := file(1, 291, "a", "b"), file(291, 581, "b", "c")
		c.wantEnd(c.run("mode=upsert&dataset=full", first), bulk.StateCompleted, bulk.Counts{Read: 2, Created: 2})
		imp := c.run("mode=upsert&dataset=full", second)
		c.wantEnd(imp, bulk.StateCompletedWithRejects, bulk.Counts{Read: 2, Created: 1, Rejected: 1})
		if cl := c.groups(imp.ID); len(cl) != 1 || cl[0].Code != bulk.CodeUnstorable || cl[0].Examples[0].Value != "b" {
			t.Errorf("groups %+v", cl)
		}
		if got := string(c.rejects(imp.ID, "")); !strings.Contains(got, bulk.CodeUnstorable.Sentence()) || strings.Count(got, "\n") != 2 {
			t.Errorf("rejects.csv: %.300s", got)
		}
		c.verify(imp.ID, second)
		few := file(291, 292, "a", "b", "c")
		c.wantEnd(c.run("mode=upsert&dataset=full", few), bulk.StateCompleted, bulk.Counts{Read: 3, Updated: 3})
	})
}

// onStores runs the test in a whole system on SQLite and on each PostgreSQL.
func onStores(t *testing.T, test func(t *testing.T, s *system)) {
	t.Run("SQLite", func(t *testing.T) { test(t, newSystem(t)) })
	for _, server := range storetest.Servers {
		t.Run(server, func(t *testing.T) { test(t, newSystemOn(t, storetest.Schema(t, server))) })
	}
}

// outcome applies the spec and imports the file, after a dry run of it.
func (c *client) outcome(l limit) string {
	c.t.Helper()
	if p := c.try(http.MethodPut, "/v1/datasets/"+url.PathEscape(string(l.spec.Name)), l.spec, nil); p != nil {
		return fmt.Sprintf("refused %d %s", p.Status, p.Code)
	}
	if l.file == "" {
		return "applied"
	}
	query := "mode=upsert&delimiter=,&dataset=" + string(l.spec.Name)
	dry := c.until(c.send(query+"&dry_run=true", []byte(l.file)).ID, func(i bulk.Import) bool { return i.State == bulk.StateAwaitingApproval || i.State.Terminal() })
	imp := c.run(query, []byte(l.file))
	if dry.Rows.Rejected != imp.Rows.Rejected {
		c.t.Errorf("the dry run rejects %d rows, the import %d", dry.Rows.Rejected, imp.Rows.Rejected)
	}
	c.verify(imp.ID, []byte(l.file))
	var codes []string
	for _, cl := range c.groups(imp.ID) {
		codes = append(codes, fmt.Sprintf(", %d %s", cl.Count, cl.Code))
	}
	slices.Sort(codes)
	return fmt.Sprintf("%d landed%s", imp.Rows.Created, strings.Join(codes, ""))
}

func limits() (all []limit) {
	n := 0
	add := func(name, want string, spec bulk.Spec, rows ...[]string) {
		n++
		spec.Name = bulk.DatasetName(fmt.Sprintf("d%d", n))
		l := limit{name: name, spec: spec, want: want}
		if len(rows) > 0 {
			var header []string
			for _, c := range spec.Columns {
				header = append(header, c.Name)
			}
			l.file = strings.Join(header, ",") + "\n"
			for _, r := range rows {
				l.file += strings.Join(r, ",") + strings.Repeat(",", len(header)-len(r)) + "\n"
			}
		}
		all = append(all, l)
	}

	// Keys: at the bound, beyond it; noise and text that compresses; one column and four.
	text := spec(bulk.TypeText)
	add("key of 2,600 and 2,601 bytes of noise", "1 landed, 1 key_too_large", text, []string{noise(2600)}, []string{noise(2601)})
	add("key of 3,000 bytes of noise", "0 landed, 1 key_too_large", text, []string{noise(3000)})
	add("key of 2,600 and 2,601 equal bytes", "1 landed, 1 key_too_large", text, []string{strings.Repeat("a", 2600)}, []string{strings.Repeat("b", 2601)})
	add("key of 866 and 867 runes of three bytes", "1 landed, 1 key_too_large", text, []string{strings.Repeat("€", 866)}, []string{strings.Repeat("€", 867)})
	four := spec(bulk.TypeText, bulk.TypeText, bulk.TypeText, bulk.TypeText)
	four.Key = []string{"c0", "c1", "c2", "c3"}
	add("key of four texts, 2,600 and 2,601 bytes", "1 landed, 1 key_too_large", four,
		[]string{noise(650), noise(650), noise(650), noise(650)}, []string{noise(650), noise(650), noise(650), noise(651)})
	mixed := spec(bulk.TypeText, bulk.TypeInteger, bulk.TypeTimestamp, bulk.TypeDecimal)
	mixed.Key = []string{"c0", "c1", "c2", "c3"}
	rest := []string{"-9223372036854775808", "2026-01-01T00:00:00.000000Z", strings.Repeat("9", 38)}
	add("key of four types, 2,600 and 2,601 bytes", "1 landed, 1 key_too_large", mixed,
		append([]string{noise(2600 - 20 - 27 - 38)}, rest...), append([]string{noise(2601 - 20 - 27 - 38)}, rest...))

	// Rows: as many values as fit, and one more.
	for _, w := range []struct {
		t    bulk.Type
		cell string
		most int
	}{
		{bulk.TypeText, noise(1), 1023},
		{bulk.TypeText, noise(8), 876},
		{bulk.TypeText, noise(20), 375},
		{bulk.TypeText, noise(26), 292},
		{bulk.TypeText, noise(100), 292},
		{bulk.TypeText, noise(800), 292},
		{bulk.TypeText, strings.Repeat("ab", 50), 292},
		{bulk.TypeText, strings.Repeat("x", 33), 292},
		{bulk.TypeInteger, "-1", 985},
		{bulk.TypeFloat, "1.5", 985},
		{bulk.TypeTimestamp, "2026-01-01", 985},
		{bulk.TypeDate, "2026-01-01", 1023},
		{bulk.TypeBoolean, "yes", 1023},
		{bulk.TypeDecimal, strings.Repeat("7", 38), 303},
		{bulk.TypeEmail, "someone.with.a.name@example.com", 292},
		{bulk.TypeJSON, "[1]", 1023},
		{bulk.TypeJSON, "[" + strings.Repeat("1", 40) + "]", 292},
	} {
		at := append([]string{"k"}, slices.Repeat([]string{w.cell}, w.most)...)
		if w.most == 1023 {
			add(fmt.Sprintf("row of %d × %s of %d", w.most, w.t, len(w.cell)), "1 landed", wide(w.t, 1023, false), at)
			continue
		}
		more := append([]string{"more", w.cell}, at[1:]...)
		add(fmt.Sprintf("row of %d and %d × %s of %d", w.most, w.most+1, w.t, len(w.cell)), "1 landed, 1 row_too_large", wide(w.t, 1023, false), at, more)
	}
	add("601 × text of 20", "0 landed, 1 row_too_large", wide(bulk.TypeText, 601, false), append([]string{"k"}, slices.Repeat([]string{noise(20)}, 601)...))
	add("500 × text of 20", "0 landed, 1 row_too_large", wide(bulk.TypeText, 500, false), append([]string{"k"}, slices.Repeat([]string{noise(20)}, 500)...))
	add("1,023 × text of 8", "0 landed, 1 row_too_large", wide(bulk.TypeText, 1023, false), append([]string{"k"}, slices.Repeat([]string{noise(8)}, 1023)...))
	add("1,024 columns, all empty", "1 landed", wide(bulk.TypeText, 1023, false), []string{"k"})
	add("dataset of 985 required integers", "applied", wide(bulk.TypeInteger, 985, true))
	add("dataset that never fits", "refused 400 bad_spec", wide(bulk.TypeInteger, 986, true))
	add("dataset of 1,025 columns", "refused 400 bad_spec", wide(bulk.TypeText, 1024, false))
	never := spec(bulk.TypeText)
	never.Columns[0].MinLength = 2601
	add("key that never fits", "refused 400 bad_spec", never)

	// Names.
	for _, name := range bulk.SystemColumns {
		add("column "+name, "refused 400 bad_spec", named(name))
	}
	for _, name := range []string{"rowid", "oid", "select", "user", "order", "table", "excluded", "column1", "no", "account_id", "op_seq", strings.Repeat("a", 63)} {
		add("column "+name[:min(len(name), 12)], "1 landed", named(name), []string{"k", "v"})
	}
	add("two columns equal in 62 bytes", "1 landed", named(strings.Repeat("a", 62)+"b", strings.Repeat("a", 62)+"c"), []string{"k", "v", "w"})
	add("column of 64 bytes", "refused 400 bad_spec", named(strings.Repeat("a", 64)))
	add("column in capitals", "refused 400 bad_spec", named("Name"))
	add("column _op_seq", "refused 400 bad_spec", named("_op_seq"))
	nul := named("v")
	nul.Columns[1].Default = "a\x00b"
	add("default with NUL", "refused 400 bad_json", nul)

	// Values at the ends of their types.
	for _, v := range []struct {
		t    bulk.Type
		good []string
		bad  map[string]bulk.Code
	}{
		{bulk.TypeInteger, []string{"9223372036854775807", "-9223372036854775808"}, map[string]bulk.Code{"9223372036854775808": bulk.CodeOutOfRange}},
		{bulk.TypeDecimal, []string{strings.Repeat("9", 38), "-0." + strings.Repeat("0", 37) + "1", "0"}, map[string]bulk.Code{strings.Repeat("9", 39): bulk.CodeOutOfRange, "NaN": bulk.CodeInvalidDecimal, "Infinity": bulk.CodeInvalidDecimal}},
		{bulk.TypeFloat, []string{"1.7976931348623157e308", "5e-324", "-0"}, map[string]bulk.Code{"1e309": bulk.CodeOutOfRange, "NaN": bulk.CodeInvalidFloat, "inf": bulk.CodeInvalidFloat}},
		{bulk.TypeDate, []string{"0001-01-01", "9999-12-31", "2000-02-29"}, map[string]bulk.Code{"0000-01-01": bulk.CodeInvalidDate, "10000-01-01": bulk.CodeInvalidDate, "infinity": bulk.CodeInvalidDate, "294277-01-01": bulk.CodeInvalidDate, "1900-02-29": bulk.CodeInvalidDate}},
		{bulk.TypeTimestamp, []string{"0001-01-01", "9999-12-31T23:59:59.999999Z", "2026-01-01T00:00:00.123456000Z"}, map[string]bulk.Code{
			"2026-01-01T00:00:00.1234567Z": bulk.CodeTooPrecise, "2026-01-01T00:00:00.000000001Z": bulk.CodeTooPrecise, "0001-01-01T00:00:00+01:00": bulk.CodeOutOfRange, "9999-12-31T23:59:59-01:00": bulk.CodeOutOfRange, "infinity": bulk.CodeInvalidTimestamp,
		}},
		{bulk.TypeText, []string{"\U0010FFFF", "\uFFFE", "\x01", "'; DROP TABLE accounts; --", "\\x00", `\N`, `\.`, noise(200_000)}, map[string]bulk.Code{"a\x00b": bulk.CodeInvalidCharacter, "\xff": bulk.CodeInvalidEncoding, "\xed\xa0\x80": bulk.CodeInvalidEncoding}},
		{bulk.TypeJSON, []string{`[1e999]`, `[]`, strings.Repeat("[", 9_999) + strings.Repeat("]", 9_999)}, map[string]bulk.Code{strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001): bulk.CodeInvalidJSON}},
	} {
		var rows [][]string
		codes := map[bulk.Code]int{}
		for _, cell := range v.good {
			rows = append(rows, []string{fmt.Sprint(len(rows)), cell})
		}
		for cell, code := range v.bad {
			rows = append(rows, []string{fmt.Sprint(len(rows)), cell})
			codes[code]++
		}
		want := fmt.Sprintf("%d landed", len(v.good))
		var lines []string
		for code, n := range codes {
			lines = append(lines, fmt.Sprintf(", %d %s", n, code))
		}
		slices.Sort(lines)
		add(fmt.Sprintf("ends of %s", v.t), want+strings.Join(lines, ""), spec(bulk.TypeText, v.t), rows...)
	}
	return all
}

// spec has a column c0, c1, … of each type; the first is the key.
func spec(types ...bulk.Type) bulk.Spec {
	s := bulk.Spec{Key: []string{"c0"}}
	for i, t := range types {
		s.Columns = append(s.Columns, bulk.Column{Name: fmt.Sprintf("c%d", i), Type: t})
	}
	return s
}

// wide has a text key and n columns of a type.
func wide(t bulk.Type, n int, required bool) bulk.Spec {
	s := spec(append([]bulk.Type{bulk.TypeText}, slices.Repeat([]bulk.Type{t}, n)...)...)
	for i := range s.Columns[1:] {
		s.Columns[i+1].Required = required
	}
	return s
}

// named has a key k and text columns of these names.
func named(names ...string) bulk.Spec {
	s := bulk.Spec{Key: []string{"k"}, Columns: []bulk.Column{{Name: "k", Type: bulk.TypeText}}}
	for _, n := range names {
		s.Columns = append(s.Columns, bulk.Column{Name: n, Type: bulk.TypeText})
	}
	return s
}

// noise is text that does not compress.
func noise(n int) string {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return base64.RawURLEncoding.EncodeToString(b)[:n]
}

// Requests with what no engine can compare get the same answers on each.
func TestOddRequestsAreAnsweredAlike(t *testing.T) {
	onStores(t, func(t *testing.T, s *system) {
		byNumber := spec(bulk.TypeInteger)
		byNumber.Name = "numbers"
		s.apply(byNumber)
		cursor := func(json string) string { return base64.RawURLEncoding.EncodeToString([]byte(json)) }
		requests := map[string]string{
			"/v1/datasets/numbers/records?cursor=" + cursor(`[1]`):                   "200",
			"/v1/datasets/numbers/records?cursor=" + cursor(`["a"]`):                 "400 bad_cursor",
			"/v1/datasets/numbers/records?cursor=" + cursor(`[true]`):                "400 bad_cursor",
			"/v1/datasets/numbers/records?cursor=" + cursor(`[1,2]`):                 "400 bad_cursor",
			"/v1/datasets/numbers/records?cursor=" + cursor(`[9223372036854775808]`): "400 bad_cursor",
			"/v1/datasets/numbers/records?cursor=x":                                  "400 bad_cursor",
			"/v1/imports?cursor=x":                                                   "400 bad_cursor",
			"/v1/imports?search=%00":                                                 "400 bad_parameter",
			"/v1/imports?search=%ff":                                                 "400 bad_parameter",
			"/v1/imports?dataset=%00":                                                "400 bad_parameter",
			"/v1/imports?search=" + strings.Repeat("a", 256):                         "400 bad_parameter",
			"/v1/imports?search=%25_":                                                "200",
			"/v1/datasets/%00":                                                       "400 bad_parameter",
			"/v1/datasets/%ff/records":                                               "400 bad_parameter",
			"/v1/datasets/no_such":                                                   "404 not_found",
			"/v1/imports/imp_%00":                                                    "404 not_found",
		}
		for _, path := range slices.Sorted(maps.Keys(requests)) {
			got := "200"
			if p := s.in(t).try(http.MethodGet, path, nil, nil); p != nil {
				got = fmt.Sprintf("%d %s", p.Status, p.Code)
			}
			if want := requests[path]; got != want {
				t.Errorf("%.80s: %s, want %s", path, got, want)
			}
		}
		if p := s.in(t).try(http.MethodPost, "/v1/imports", map[string]any{"dataset": "a\x00b", "mode": "create", "filename": "a.csv"}, nil); p == nil || p.Status != 400 {
			t.Errorf("a dataset with NUL: %+v", p)
		}
	})
}
