package sample

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"bulkhead/internal/bulk"
)

// fault is a way to break one rule of [Spec] and to put it right again.
type fault struct {
	code   bulk.Code
	column int
	damage func(cell []byte) []byte
	repair func(cell string) string
}

var faults = []fault{
	{bulk.CodeRequired, colName, func(b []byte) []byte { return b[:0] }, func(string) string { return "Unknown" }},
	{bulk.CodeInvalidEmail, colEmail, swap('@', ' '), func(s string) string { return strings.ReplaceAll(s, " ", "@") }},
	{bulk.CodePattern, colPhone, localPhone, func(s string) string { return "+" + strings.TrimPrefix(s, "0") }},
	{bulk.CodeInvalidEnum, colCountry, bytes.ToLower, strings.ToUpper},
	{bulk.CodeInvalidTimestamp, colCreatedAt, lateFebruary, func(s string) string { return strings.Replace(s, "-02-31T", "-02-28T", 1) }},
	{bulk.CodeInvalidDecimal, colBalance, swap('.', ','), func(s string) string { return strings.ReplaceAll(s, ",", ".") }},
	{bulk.CodeInvalidBoolean, colActive, func(b []byte) []byte { return append(b[:0], "ja"...) }, func(string) string { return "true" }},
}

func swap(from, to byte) func([]byte) []byte {
	return func(b []byte) []byte { return bytes.ReplaceAll(b, []byte{from}, []byte{to}) }
}

// localPhone writes a zero where the plus belongs, and a number where there is none.
func localPhone(b []byte) []byte {
	if len(b) == 0 {
		b = append(b, "+4940123456"...)
	}
	b[0] = '0'
	return b
}

func lateFebruary(b []byte) []byte {
	copy(b[len("2006-"):], "02-31")
	return b
}

// breakOne breaks one rule of the contact and returns the code it must be rejected with.
func (c *contact) breakOne() bulk.Code {
	f := faults[c.pick(len(faults))]
	c.cells[f.column] = f.damage(c.cells[f.column])
	return f.code
}

// FixRejects corrects an exported rejects.csv of a [Contacts] file the way a person
// with a script would: it repairs the cell that each row was rejected for and
// leaves everything else as it is, so that the result can be imported as it is.
// It returns the number of repaired rows; rows with other codes pass unchanged.
func FixRejects(rejects io.Reader, w io.Writer) (int64, error) {
	in, out := csv.NewReader(rejects), csv.NewWriter(w)
	in.ReuseRecord = true
	names, err := in.Read()
	if err != nil {
		return 0, fmt.Errorf("read the header of the rejects: %w", err)
	}
	names = slices.Clone(names)
	codeAt, columnAt := slices.Index(names, "_code"), slices.Index(names, "_column")
	if codeAt < 0 || columnAt < 0 {
		return 0, errors.New("no _code and _column: this is not a rejects.csv")
	}
	out.Write(names) // errors stay in out until Flush
	var fixed int64
	for {
		row, err := in.Read()
		if err == io.EOF {
			out.Flush()
			return fixed, out.Error()
		}
		if err != nil {
			return fixed, fmt.Errorf("read the rejects: %w", err)
		}
		if repair := repairOf(bulk.Code(row[codeAt])); repair != nil {
			at := slices.Index(names, row[columnAt])
			if at < 0 {
				return fixed, fmt.Errorf("rejects name column %q, which the header does not have", row[columnAt])
			}
			row[at] = repair(row[at])
			fixed++
		}
		out.Write(row)
	}
}

func repairOf(code bulk.Code) func(string) string {
	for _, f := range faults {
		if f.code == code {
			return f.repair
		}
	}
	return nil
}
