package sample

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

// The tests judge files with encoding/csv and rules of their own, so that they
// share nothing with the generator or the importer.

func TestAnswerIsExact(t *testing.T) {
	for _, o := range []Options{
		{},
		{Rows: 1},
		{Rows: 2, DuplicateRate: 0.5},
		{Rows: 3, RejectRate: 1},
		{Rows: 1000, Seed: 7, RejectRate: 0.02, DuplicateRate: 0.01},
		{Rows: 20_000, Seed: 1, RejectRate: 0.3, DuplicateRate: 0.3},
		{Rows: 20_000, Seed: 2, DuplicateRate: 0.9, FirstKey: 5_000_000_000},
	} {
		t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) {
			file, answer := generate(t, o)
			got := judge(t, file)
			digest := sha256.Sum256(file)
			got.Bytes, got.SHA256 = int64(len(file)), hex.EncodeToString(digest[:])
			if !equal(got, answer) {
				t.Errorf("the file holds %+v, the answer says %+v", got, answer)
			}
			if want := share(o.Rows, o.RejectRate); answer.Rejected != want {
				t.Errorf("rejected: got %d, want %d", answer.Rejected, want)
			}
			if want := share(o.Rows, o.DuplicateRate); answer.Superseded != want {
				t.Errorf("superseded: got %d, want %d", answer.Superseded, want)
			}
		})
	}
}

func TestSameSeedSameFile(t *testing.T) {
	o := Options{Rows: 5000, Seed: 3, RejectRate: 0.1, DuplicateRate: 0.1}
	a, _ := generate(t, o)
	b, _ := generate(t, o)
	o.Seed = 4
	c, _ := generate(t, o)
	if !bytes.Equal(a, b) {
		t.Error("the same options gave two files")
	}
	if bytes.Equal(a, c) {
		t.Error("another seed gave the same file")
	}
}

// TestGolden keeps published answers true: a change of the generator changes every
// benchmark that names a seed.
func TestGolden(t *testing.T) {
	_, got := generate(t, Options{Rows: 10_000, Seed: 42, RejectRate: 0.02, DuplicateRate: 0.01})
	const want = "f0d7c38e4daec3ea6f76ca49f80dab696be88feba6c7c79a5f41a0df51f4c82f"
	if got.SHA256 != want {
		t.Errorf("got %s, want %s", got.SHA256, want)
	}
}

func TestKindsAreSpread(t *testing.T) {
	p, err := newPlan(Options{Rows: 100_000, RejectRate: 0.1, DuplicateRate: 0.1})
	if err != nil {
		t.Fatal(err)
	}
	var far, near int
	for tenth := range 10 {
		var counts [3]int
		for range 10_000 {
			k, key := p.next()
			counts[k]++
			if k == repeat && p.key-key > 1000 {
				far++
			} else if k == repeat {
				near++
			}
		}
		for _, k := range []kind{repeat, broken} {
			if counts[k] < 850 || counts[k] > 1150 {
				t.Errorf("tenth %d has %d rows of kind %d, want about 1000", tenth, counts[k], k)
			}
		}
	}
	if far < 3000 || near < 3000 {
		t.Errorf("got %d repeats from afar and %d from nearby, want thousands of each", far, near)
	}
}

func TestImpossibleRatesAreRefused(t *testing.T) {
	for _, o := range []Options{
		{Rows: -1}, {Rows: 1, DuplicateRate: 1}, {Rows: 10, RejectRate: 0.6, DuplicateRate: 0.6}, {Rows: 10, RejectRate: -0.5},
	} {
		if _, err := Contacts(io.Discard, o); bulk.KindOf(err) != bulk.KindInvalid {
			t.Errorf("%+v: got %v, want an error of KindInvalid", o, err)
		}
	}
}

func TestFixRejects(t *testing.T) {
	file, answer := generate(t, Options{Rows: 2000, Seed: 9, RejectRate: 0.5})
	var fixed bytes.Buffer
	n, err := FixRejects(exportRejects(t, file), &fixed)
	if err != nil || n != answer.Rejected {
		t.Fatalf("fixed %d rows, %v; want %d", n, err, answer.Rejected)
	}
	var plain bytes.Buffer // what a re-import sees: the added columns dropped
	in, out := csv.NewReader(&fixed), csv.NewWriter(&plain)
	for row, err := in.Read(); err != io.EOF; row, err = in.Read() {
		if err != nil {
			t.Fatal(err)
		}
		out.Write(row[:columns])
	}
	out.Flush()
	got := judge(t, plain.Bytes())
	if got.Created != answer.Rejected || got.Rejected != 0 {
		t.Errorf("the fixed file holds %+v, want %d created", got, answer.Rejected)
	}
}

func TestSpecIsValid(t *testing.T) {
	spec := Spec()
	if err := spec.Check(); err != nil {
		t.Error(err)
	}
	var names []string
	for _, c := range spec.Columns {
		names = append(names, c.Name)
	}
	if got := strings.Join(names, ",") + "\n"; got != header {
		t.Errorf("spec has columns %s, the file %s", got, header)
	}
}

func BenchmarkContacts(b *testing.B) {
	answer, err := Contacts(io.Discard, Options{Rows: int64(b.N), RejectRate: 0.02, DuplicateRate: 0.01})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(answer.Bytes / int64(b.N))
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func generate(t *testing.T, o Options) ([]byte, Answer) {
	t.Helper()
	var file bytes.Buffer
	answer, err := Contacts(&file, o)
	if err != nil {
		t.Fatal(err)
	}
	return file.Bytes(), answer
}

// judge counts what a file holds.
func judge(t *testing.T, file []byte) Answer {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(file)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	got := Answer{ByCode: map[bulk.Code]int64{}}
	keys := map[string]bool{} // of every row so far; true: valid
	for _, row := range rows[1:] {
		got.Rows++
		codes := brokenRules(row)
		valid, known := keys[row[0]]
		switch {
		case len(codes) > 1:
			t.Fatalf("row %q breaks %v, want one rule at most", row, codes)
		case len(codes) == 1 && known:
			t.Fatalf("rejected row %q does not have a key of its own", row)
		case len(codes) == 1:
			got.Rejected++
			got.ByCode[codes[0]]++
		case known && !valid:
			t.Fatalf("row %q repeats the key of a rejected one", row)
		case known:
			got.Superseded++
		default:
			got.Created++
		}
		keys[row[0]] = len(codes) == 0
	}
	return got
}

var (
	idForm      = regexp.MustCompile(`^C[0-9]{9,18}$`)
	emailForm   = regexp.MustCompile(`^[a-z0-9.]+@[a-z.]+$`)
	phoneForm   = regexp.MustCompile(`^(\+[0-9]{7,15})?$`)
	decimalForm = regexp.MustCompile(`^-?[0-9]+\.[0-9]{2}$`)
	countryForm = regexp.MustCompile(`^(AT|BR|CA|CH|CZ|DE|DK|ES|FR|GB|IN|IT|JP|NL|PL|SE|TR|US)$`)
)

func brokenRules(row []string) (codes []bulk.Code) {
	rule := func(ok bool, code bulk.Code) {
		if !ok {
			codes = append(codes, code)
		}
	}
	_, err := time.Parse(time.RFC3339, row[6])
	rule(idForm.MatchString(row[0]), bulk.CodeMissingKey)
	rule(row[1] != "", bulk.CodeRequired)
	rule(emailForm.MatchString(row[2]), bulk.CodeInvalidEmail)
	rule(phoneForm.MatchString(row[3]), bulk.CodePattern)
	rule(countryForm.MatchString(row[4]), bulk.CodeInvalidEnum)
	rule(err == nil, bulk.CodeInvalidTimestamp)
	rule(decimalForm.MatchString(row[7]), bulk.CodeInvalidDecimal)
	rule(row[8] == "true" || row[8] == "false", bulk.CodeInvalidBoolean)
	return codes
}

// exportRejects writes the broken rows of a file as the importer exports them.
func exportRejects(t *testing.T, file []byte) io.Reader {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(file)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	out := csv.NewWriter(&buf)
	out.Write(slices.Concat(rows[0], bulk.RejectColumns))
	for i, row := range rows[1:] {
		for _, code := range brokenRules(row) {
			column := map[bulk.Code]string{
				bulk.CodeRequired: "name", bulk.CodeInvalidEmail: "email", bulk.CodePattern: "phone", bulk.CodeInvalidEnum: "country",
				bulk.CodeInvalidTimestamp: "created_at", bulk.CodeInvalidDecimal: "balance", bulk.CodeInvalidBoolean: "active",
			}[code]
			out.Write(slices.Concat(row, []string{"0", fmt.Sprint(i + 1), string(code), column, "why"}))
		}
	}
	out.Flush()
	return &buf
}

func equal(a, b Answer) bool {
	same := maps.Equal(a.ByCode, b.ByCode)
	a.ByCode, b.ByCode = nil, nil
	return same && fmt.Sprint(a) == fmt.Sprint(b)
}
