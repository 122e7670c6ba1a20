package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"bulkhead/ingest/csvscan"
	"bulkhead/internal/bulk"
	"bulkhead/internal/csvfile"
	"bulkhead/processors/validate"
)

// readSource works out from the source alone what must become of every key. It
// returns false when the source is another file altogether.
func (v *verification) readSource() (same bool, err error) {
	in, err := v.open()
	if err != nil {
		return false, err
	}
	defer in.Close()
	digest := sha256.New()
	raw := io.TeeReader(in, digest)
	f, err := csvfile.OpenAs(raw, v.imp.Layout.Dialect)
	if err != nil {
		return false, fmt.Errorf("open the source: %w", err)
	}
	defer f.Close()
	header, err := f.ReadHeader()
	if err != nil {
		return false, fmt.Errorf("read the source: %w", err)
	}
	if !slices.Equal(header, v.imp.Layout.Header) {
		v.report.differ("the source has the columns %q, the import read %q: this is another file", header, v.imp.Layout.Header)
		return false, nil
	}
	rejected, err := v.readRows(f)
	if err != nil {
		return false, fmt.Errorf("read the source: %w", err)
	}
	if _, err := io.Copy(io.Discard, raw); err != nil {
		return false, fmt.Errorf("read the source: %w", err)
	}
	v.report.SHA256 = hex.EncodeToString(digest.Sum(nil))
	if got := v.imp.SHA256; got == nil || *got != v.report.SHA256 {
		v.report.differ("the source is not the file that was imported: their SHA-256 differ")
	}
	v.compareRejects(rejected)
	return true, nil
}

func (v *verification) readRows(f *csvfile.File) (rejected tally, err error) {
	j, err := v.newJudge()
	if err != nil {
		return rejected, err
	}
	for row := int64(1); ; row++ {
		r, err := f.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return rejected, err
		}
		v.report.Rows++
		values, code := j.judge(row, r)
		if code != "" {
			rejected.add(v.hasher, row, code)
			continue
		}
		if err := v.claim(j, row, values); err != nil {
			return rejected, err
		}
	}
	v.report.Rejected, v.report.Keys = rejected.byCode, int64(len(v.keys))
	for _, c := range v.keys {
		switch {
		case c.row == 0:
			v.never++
		case c.why != accepted:
			v.uncertain++
		}
	}
	return rejected, nil
}

// claim notes a valid row: unless it was refused, it takes its key from earlier rows.
func (v *verification) claim(j *judge, row int64, values []bulk.Value) error {
	v.valid++
	key, err := v.hasher.row(j.keyColumns, j.at(values, j.keyAt))
	if err != nil {
		return err
	}
	if code, refused := v.refused[row]; refused {
		c := v.keys[key]
		c.why = refusals[code]
		v.keys[key] = c
		return nil
	}
	sum, err := v.hasher.row(v.columns, j.at(values, j.valueAt))
	if err != nil {
		return err
	}
	v.keys[key] = claim{values: sum, row: row}
	return nil
}

// judge decides about one row at a time, so that what happens to rows in company is
// not taken over from the importer.
type judge struct {
	validator  *validate.Validator
	keyColumns []bulk.Column
	keyAt      []int // positions among the validator's values
	valueAt    []int // of the compared columns; -1: the value must be null
	scratch    []bulk.Value
	one        single
}

// newJudge prepares the validation and decides which columns are compared: in mode
// create all of them, in mode upsert those that the file feeds, as others keep the
// values of earlier imports.
func (v *verification) newJudge() (*judge, error) {
	spec, layout := v.spec, *v.imp.Layout
	_, missing := spec.Unfed(layout.Fields)
	spec.Columns = slices.DeleteFunc(slices.Clone(spec.Columns), func(c bulk.Column) bool { return slices.Contains(missing, c.Name) }) // added since
	validator, err := validate.Compile(spec, layout)
	if err != nil {
		return nil, err
	}
	var out []string // the columns of the validator's records
	for _, c := range spec.Columns {
		fed := slices.Contains(layout.Fields, c.Name)
		if fed || c.Default != "" {
			out = append(out, c.Name)
		}
		if fed || v.imp.Mode == bulk.ModeCreate {
			v.columns = append(v.columns, c)
		}
	}
	j := &judge{validator: validator}
	for _, c := range v.columns {
		j.valueAt = append(j.valueAt, slices.Index(out, c.Name))
	}
	for _, name := range spec.Key {
		j.keyColumns = append(j.keyColumns, *spec.Column(name))
		j.keyAt = append(j.keyAt, slices.Index(out, name))
	}
	return j, nil
}

// judge returns the row's values, valid until the next call, or the code that it must
// be rejected with.
func (j *judge) judge(row int64, r *csvscan.Record) ([]bulk.Value, bulk.Code) {
	if r.Code != "" {
		return nil, r.Code
	}
	j.one.row, j.one.record = row, r
	result := j.validator.Batch(&j.one)
	if result.Rejected > 0 {
		return nil, result.RejectGroups[0].Code
	}
	return result.Records.Values[0], ""
}

// at returns the values at those positions, valid until the next call.
func (j *judge) at(values []bulk.Value, positions []int) []bulk.Value {
	j.scratch = j.scratch[:0]
	for _, p := range positions {
		var v bulk.Value
		if p >= 0 {
			v = values[p]
		}
		j.scratch = append(j.scratch, v)
	}
	return j.scratch
}

// single is a batch of one good record.
type single struct {
	row    int64
	record *csvscan.Record
}

func (s *single) Rows() int                         { return 1 }
func (s *single) Row(int) (row, line, offset int64) { return s.row, s.record.Line, s.record.Offset }
func (s *single) Code(int) bulk.Code                { return "" }
func (s *single) Detail(int) string                 { return "" }
func (s *single) Raw(int) string                    { return string(s.record.Raw) }
func (s *single) Cell(col, _ int) string            { return string(s.record.Cells[col]) }
