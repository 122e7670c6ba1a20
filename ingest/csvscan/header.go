package csvscan

import (
	"fmt"
	"strings"
	"unicode"

	"bulkhead/internal/bulk"
)

// Header returns the names of the file's columns from its first record: its cells,
// trimmed, or column_1, column_2, … where the dialect says that there is no header and
// the record is data. A header that the scanner rejected, that exceeds a limit or that
// has an empty name or two that differ at most in case is a bad_header error that
// names them and their positions.
func Header(first *Record, d bulk.Dialect, l bulk.Limits) ([]string, error) {
	bad := func(format string, args ...any) error {
		return bulk.Errorf(bulk.KindUnprocessed, bulk.ErrBadHeader, format, args...).At(first.Line, first.Offset)
	}
	switch {
	case len(first.Cells) > l.Columns:
		return nil, bad("The file has %d columns, at most %d are allowed.", len(first.Cells), l.Columns)
	case d.NoHeader && first.Cells != nil:
		return numbered(len(first.Cells)), nil
	case first.Code != "":
		return nil, bad("The first record, which gives the columns, cannot be read: %s.", first.Detail)
	case len(first.Raw) > l.HeaderBytes:
		return nil, bad("The header has %d bytes, at most %d are allowed.", len(first.Raw), l.HeaderBytes)
	}
	names := make([]string, len(first.Cells))
	for i, cell := range first.Cells {
		names[i] = strings.TrimFunc(string(cell), func(r rune) bool { return unicode.IsSpace(r) || r == '\uFEFF' })
	}
	if faults := headerFaults(names); len(faults) > 0 {
		return nil, bad("The header needs a different name for every column: %s.", strings.Join(faults, "; "))
	}
	return names, nil
}

func numbered(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("column_%d", i+1)
	}
	return names
}

// maxFaults bounds what a message lists.
const maxFaults = 10

func headerFaults(names []string) (faults []string) {
	first := map[string]int{}
	for i, name := range names {
		folded := strings.ToLower(name)
		earlier, seen := first[folded]
		switch {
		case len(faults) == maxFaults:
			return append(faults, "and more")
		case name == "":
			faults = append(faults, fmt.Sprintf("column %d has no name", i+1))
		case seen && names[earlier] == name:
			faults = append(faults, fmt.Sprintf("%q is the name of columns %d and %d", clip(name), earlier+1, i+1))
		case seen:
			faults = append(faults, fmt.Sprintf("%q (column %d) and %q (column %d) differ only in case", clip(names[earlier]), earlier+1, clip(name), i+1))
		default:
			first[folded] = i
		}
	}
	return faults
}

// clip shortens a name for a message.
func clip(name string) string {
	if r := []rune(name); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return name
}
