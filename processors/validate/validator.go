package validate

import (
	"fmt"
	"slices"
	"strings"

	"bulkhead/internal/bulk"
)

// Validator checks the batches of one import. It is safe for concurrent use.
type Validator struct {
	fields []string  // dataset columns of its records, in spec order
	order  []*column // the same columns as they are checked: the key's first
	keys   int       // how many of order are the key's

	columns int  // of the file
	longKey bool // a key may exceed bulk.MaxKeyBytes
	wide    bool // a row may exceed bulk.MaxRowBytes
}

// CheckSpec returns a KindInvalid bad_spec [bulk.Error] that names what is wrong with
// the spec, or nil: what [bulk.Spec.Check] finds, and bounds, defaults, formats and
// patterns that do not suit their column, and records that would never fit into a store.
func CheckSpec(spec bulk.Spec) error {
	if err := spec.Check(); err != nil {
		return err
	}
	columns, err := compileColumns(&spec)
	if err != nil {
		return err
	}
	return neverFits(columns)
}

// Compile prepares the validation of an import's batches. The spec and the layout
// are those that the import keeps. It fails as [CheckSpec] does, and with
// unmapped_required when the layout leaves out what the spec needs.
func Compile(spec bulk.Spec, layout bulk.Layout) (*Validator, error) {
	columns, err := compileColumns(&spec)
	if err != nil {
		return nil, err
	}
	if _, missing := spec.Unfed(layout.Fields); len(missing) > 0 {
		return nil, bulk.Errorf(bulk.KindUnprocessed, bulk.ErrUnmappedRequired, "No column of the file goes to %s, which is required. Map one to it, or name it so in the file.", strings.Join(missing, ", "))
	}
	var most bulk.Width
	v := &Validator{keys: len(spec.Key), columns: len(layout.Header)}
	v.order = make([]*column, len(spec.Key))
	for _, c := range columns {
		c.at = slices.Index(layout.Fields, c.name)
		if c.at < 0 && c.fallback == nil {
			continue
		}
		if c.at >= 0 {
			c.source = layout.Header[c.at]
		}
		c.out = len(v.fields)
		v.fields = append(v.fields, c.name)
		most.AddMost(c.Type)
		v.longKey = v.longKey || c.key && c.textual()
		if c.key {
			v.order[slices.Index(spec.Key, c.name)] = c
		} else {
			v.order = append(v.order, c)
		}
	}
	v.wide = most.Size() > bulk.MaxRowBytes
	return v, nil
}

// compileColumns prepares every column of a spec.
func compileColumns(spec *bulk.Spec) ([]*column, error) {
	var columns []*column
	var faults []string
	for i := range spec.Columns {
		c, err := newColumn(&spec.Columns[i], spec)
		if err != nil {
			faults = append(faults, fmt.Sprintf("column %q: %v", spec.Columns[i].Name, err))
		}
		columns = append(columns, c)
	}
	if len(faults) > 0 {
		return nil, bulk.Errorf(bulk.KindInvalid, "bad_spec", "The dataset spec is not valid: %s.", strings.Join(faults, "; "))
	}
	return columns, nil
}
