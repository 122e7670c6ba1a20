package console

import (
	"errors"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"bulkhead/internal/bulk"
)

// Fault is one thing that is wrong with a request.
type Fault struct {
	Pointer string `json:"pointer"` // JSON Pointer (RFC 6901) into the body, or ?name of the query
	Code    string `json:"code"`    // for programs: snake_case, stable
	Message string `json:"message"` // a sentence for people
}

// maxFaults bounds how many are told at once: nobody reads more.
const maxFaults = 50

// faults collects what is wrong with a request, so that all of it is told at once.
type faults []Fault

func (f *faults) add(pointer, code, format string, args ...any) {
	f.addError(pointer, bulk.Errorf(bulk.KindInvalid, code, format, args...))
}

func (f *faults) addError(pointer string, e *bulk.Error) {
	if len(*f) < maxFaults {
		*f = append(*f, Fault{pointer, e.Code, e.Message})
	}
}

// err returns a KindInvalid error of all faults, with the code of the first; nil for none.
func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return &invalid{f}
}

// invalid is the error that a request with faults is refused with.
type invalid struct{ faults []Fault }

// Error implements error.
func (e *invalid) Error() string {
	var all []string
	for _, f := range e.faults {
		all = append(all, f.Message)
	}
	return strings.Join(all, " ")
}

// Unwrap makes it the error of a kind and a code.
func (e *invalid) Unwrap() error {
	return bulk.Errorf(bulk.KindInvalid, e.faults[0].Code, "%s", e.Error())
}

// relocate points the faults of parameters, which are named as in a query, elsewhere.
func relocate(err error, to map[string]string) error {
	wrong, ok := errors.AsType[*invalid](err)
	if !ok {
		return err
	}
	moved := faults(slices.Clone(wrong.faults))
	for i, f := range moved {
		if at, ok := to[strings.TrimPrefix(f.Pointer, "?")]; ok {
			moved[i].Pointer = at
		}
	}
	return moved.err()
}

// suggestion ends a sentence about an unknown name: with the known one that it is
// nearest to, or with all.
func suggestion(name string, known []string) string {
	const slips = 2 // letters that may be wrong in a name that was meant
	all := "; there are: " + strings.Join(known, ", ") + "."
	switch {
	case len(known) == 0:
		return "; there are none."
	case len(name) > 64: // no slip
		return all
	}
	fold := func(s string) string { return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(s)) }
	distance := func(to string) int { return levenshtein.ComputeDistance(fold(name), fold(to)) }
	nearest := slices.MinFunc(known, func(a, b string) int { return distance(a) - distance(b) })
	if distance(nearest) <= min(slips, len(nearest)/2) {
		return "; did you mean " + nearest + "?"
	}
	return all
}
