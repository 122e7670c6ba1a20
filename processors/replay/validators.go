package replay

import (
	"sync"

	"bulkhead/internal/bulk"
	"bulkhead/processors/validate"
)

// validatorsKept bounds the compiled rules that a reader remembers.
const validatorsKept = 64

// validators remembers the compiled rules of recent imports, whose spec and layout
// never change. It is safe for concurrent use.
type validators struct {
	mu     sync.Mutex
	byID   map[bulk.ImportID]*validate.Validator
	recent []bulk.ImportID // oldest first
}

// of returns the rules of a batch's import.
func (v *validators) of(task bulk.BatchTask) (*validate.Validator, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if known := v.byID[task.Import.ID]; known != nil {
		return known, nil
	}
	if task.Import.Layout == nil {
		return nil, bulk.Errorf("", "layout_missing", "The import has staged rows but no header.")
	}
	compiled, err := validate.Compile(task.Spec, *task.Import.Layout)
	if err != nil {
		return nil, err
	}
	v.remember(task.Import.ID, compiled)
	return compiled, nil
}

func (v *validators) remember(id bulk.ImportID, compiled *validate.Validator) {
	if v.byID == nil {
		v.byID = make(map[bulk.ImportID]*validate.Validator)
	}
	if len(v.recent) == validatorsKept {
		delete(v.byID, v.recent[0])
		v.recent = append(v.recent[:0], v.recent[1:]...)
	}
	v.byID[id] = compiled
	v.recent = append(v.recent, id)
}
