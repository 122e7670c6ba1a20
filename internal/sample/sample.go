// Package sample makes CSV files whose right outcome is known beforehand.
//
// [Contacts] writes a file of contacts together with the [Answer] that importing
// it must report: how many rows are created, superseded by a later row with the
// same key, and rejected, by code. Tests, demos and benchmarks compare a real
// import against it.
//
// The same [Options] give the same bytes on every machine. Writing takes constant
// memory whatever the number of rows. The counts are exact, not approximate, and
// the rows that make them are spread over the whole file at random. Every rejected
// row breaks one rule only, in a way that [FixRejects] can put right, and has a
// key of its own, so the corrected rows import as new records.
package sample

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math"

	"bulkhead/internal/bulk"
)

// Options choose a file.
type Options struct {
	Rows          int64   // data rows, ≥ 0
	Seed          uint64  // another seed gives another file with the same keys
	FirstKey      int64   // number of the first row's key; zero: 1
	RejectRate    float64 // share of rows that break a rule, 0 to 1
	DuplicateRate float64 // share of rows that repeat the key of an earlier valid row, 0 to 1
}

// Answer is what an import of the file must report, in a dataset with no record
// of these keys and an account with room for all of them.
type Answer struct {
	Rows       int64               `json:"rows"`
	Created    int64               `json:"created"`
	Superseded int64               `json:"superseded"`
	Rejected   int64               `json:"rejected"`
	ByCode     map[bulk.Code]int64 `json:"by_code"` // of Rejected
	Bytes      int64               `json:"bytes"`
	SHA256     string              `json:"sha256"` // hex, of the file
}

// Contacts writes a file of contacts for [Spec] to w: a header and o.Rows rows of
// about 144 bytes. Rates that leave no row to repeat are a KindInvalid error.
func Contacts(w io.Writer, o Options) (Answer, error) {
	p, err := newPlan(o)
	if err != nil {
		return Answer{}, err
	}
	digest := sha256.New()
	out := &counter{w: io.MultiWriter(w, digest)}
	buf := bufio.NewWriterSize(out, 256<<10)
	answer := Answer{Rows: o.Rows, ByCode: map[bulk.Code]int64{}}
	if err := writeRows(buf, o, p, &answer); err != nil {
		return answer, err
	}
	answer.Bytes = out.n
	answer.SHA256 = hex.EncodeToString(digest.Sum(nil))
	return answer, nil
}

func writeRows(buf *bufio.Writer, o Options, p *plan, answer *Answer) error {
	buf.WriteString(header) // errors stay in buf until Flush
	people := newContact(o.Seed)
	for range o.Rows {
		kind, key := p.next()
		people.fill(key)
		switch kind {
		case fresh:
			answer.Created++
		case repeat:
			answer.Superseded++
		case broken:
			answer.Rejected++
			answer.ByCode[people.breakOne()]++
		}
		if _, err := buf.Write(people.line()); err != nil {
			return err
		}
	}
	return buf.Flush()
}

// share returns how many of n rows a rate means.
func share(n int64, rate float64) int64 { return int64(math.Round(float64(n) * rate)) }

// counter counts what goes through it.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
