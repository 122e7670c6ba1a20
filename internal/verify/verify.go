// Package verify proves that the store holds what an import's file says, no more
// and no less.
//
// [Run] reads the file itself, works out for every key which row must have won,
// which rows must be rejected and which superseded, and compares that with the
// dataset's records, value by value, with the exported rejects, and with what the
// import reported. It takes nothing for granted that the importer computed: not
// its batches, nor its counts, nor its digest. Two things it cannot know from the
// file it learns from the exported rejects, and then requires that nothing else is
// missing: keys that another import owned (duplicate_key), and records for which
// the quota had no room (over_quota).
//
// Records that a later import changed are counted, not compared. What is read
// depends on the dataset's spec, which may have grown since; a column added later
// with a default can show as a difference.
//
// Memory grows with the keys, not with the rows: about 100 bytes a key, as keys and
// values are kept as 128-bit hashes with a random seed.
package verify

import (
	"context"
	"fmt"
	"io"

	"bulkhead/internal/bulk"
)

// Server is what verification asks about an import.
type Server interface {
	Import(ctx context.Context, id bulk.ImportID) (bulk.Import, error)
	Dataset(ctx context.Context, name bulk.DatasetName) (bulk.Dataset, error)
	// Records calls each with every live record of the account's dataset as a JSON object.
	Records(ctx context.Context, name bulk.DatasetName, each func(object []byte) error) error
	// Rejects opens the import's rejects.csv.
	Rejects(ctx context.Context, id bulk.ImportID) (io.ReadCloser, error)
}

// Report is what a verification found.
type Report struct {
	Import      bulk.ImportID       `json:"import"`
	Equal       bool                `json:"equal"`
	Differences []string            `json:"differences"` // the first maxDifferences
	More        int64               `json:"more"`        // differences beyond those
	SHA256      string              `json:"sha256"`      // of the source
	Rows        int64               `json:"rows"`        // in the source
	Keys        int64               `json:"keys"`        // different ones among its valid rows
	Rejected    map[bulk.Code]int64 `json:"rejected"`    // rows that break a rule, by code
	Refused     map[bulk.Code]int64 `json:"refused"`     // valid rows that the store had to refuse, by code
	Compared    int64               `json:"compared"`    // records whose every value was compared
	Changed     int64               `json:"changed"`     // keys that a later import has changed since
	CrossCheck  string              `json:"cross_check"` // what encoding/csv says of the source
}

// maxDifferences bounds what a report lists.
const maxDifferences = 20

func (r *Report) differ(format string, args ...any) {
	if len(r.Differences) < maxDifferences {
		r.Differences = append(r.Differences, fmt.Sprintf(format, args...))
	} else {
		r.More++
	}
}

// Run verifies a completed import against its source, which open opens from the
// start as often as it is called. A report with differences is no error.
func Run(ctx context.Context, server Server, id bulk.ImportID, open func() (io.ReadCloser, error)) (Report, error) {
	report := Report{Import: id, Differences: []string{}}
	imp, err := server.Import(ctx, id)
	if err != nil {
		return report, err
	}
	if !imp.State.Completed() || imp.Layout == nil && imp.Rows.Read > 0 {
		return report, bulk.Errorf(bulk.KindConflict, "not_completed", "The import is %s; only a completed one says what the store must hold.", imp.State)
	}
	dataset, err := server.Dataset(ctx, imp.Dataset)
	if err != nil {
		return report, err
	}
	v := &verification{ctx: ctx, server: server, open: open, imp: imp, spec: dataset.Spec, report: &report}
	if err := v.run(); err != nil {
		return report, err
	}
	report.Equal = len(report.Differences) == 0
	return report, nil
}

// verification is one run.
type verification struct {
	ctx    context.Context
	server Server
	open   func() (io.ReadCloser, error)
	imp    bulk.Import
	spec   bulk.Spec
	report *Report

	hasher    *hasher
	refused   map[int64]bulk.Code // valid rows that the store refused, as the export says
	exported  tally               // of the rejected rows in the export
	columns   []bulk.Column       // that are compared
	keys      map[hash]claim      // what the store must hold; a claim that was met is deleted
	valid     int64               // rows
	never     int64               // keys of which every row was refused
	uncertain int64               // keys whose last row was refused: an earlier one may have landed
}

// claim is what must become of a key.
type claim struct {
	values hash
	row    int64   // the last one that was not refused, which values belong to; 0: none
	why    refusal // of a later row
}

// refusal says why the store could not take a valid row.
type refusal uint8

const (
	accepted refusal = iota
	duplicate
	overQuota
	unstorable
)

var refusals = map[bulk.Code]refusal{bulk.CodeDuplicateKey: duplicate, bulk.CodeOverQuota: overQuota, bulk.CodeUnstorable: unstorable}

func (v *verification) run() error {
	v.hasher, v.keys, v.refused = newHasher(), map[hash]claim{}, map[int64]bulk.Code{}
	if err := v.learnRejects(); err != nil {
		return err
	}
	same, err := v.readSource()
	if err != nil || !same {
		return err
	}
	if err := v.crossCheck(); err != nil {
		return err
	}
	if err := v.compareRecords(); err != nil {
		return err
	}
	v.compareCounts()
	return nil
}

// compareCounts holds what the import reported against what was recomputed.
func (v *verification) compareCounts() {
	r, c := v.report, v.imp.Rows
	if c.Sum() != c.Read {
		r.differ("the import's counts do not add up: %d read, %d with an outcome", c.Read, c.Sum())
	}
	rejected := total(r.Rejected) + r.Refused[bulk.CodeDuplicateKey] + r.Refused[bulk.CodeUnstorable]
	for _, line := range []struct {
		what      string
		got, want int64
	}{
		{"rows read", c.Read, r.Rows},
		{"rows rejected", c.Rejected, rejected},
		{"rows over quota", c.OverQuota, r.Refused[bulk.CodeOverQuota]},
		{"rows created, updated or superseded", c.Created + c.Updated + c.Superseded, v.valid - total(r.Refused)},
		{"rows unprocessed", c.Unprocessed, 0},
	} {
		if line.got != line.want {
			r.differ("%s: the import reports %d, the source has %d", line.what, line.got, line.want)
		}
	}
	// A later import may have won a key before this one came to it: then its row was
	// superseded, and never created or updated.
	landed := c.Created + c.Updated
	if most := r.Keys - v.never; landed > most || landed < most-v.uncertain-r.Changed {
		r.differ("rows created or updated: the import reports %d, the source has %d keys that could land", landed, most)
	}
}

func total(counts map[bulk.Code]int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}
