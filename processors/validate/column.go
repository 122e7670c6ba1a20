package validate

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"bulkhead/internal/bulk"
)

// parser turns a cell that is not empty into its canonical value.
type parser func(cell string) (bulk.Value, bulk.Code)

// column is a dataset column with its rules made ready.
type column struct {
	*bulk.Column
	name     string
	source   string // the file's column that feeds it
	at       int    // that column's position; -1: none does
	out      int    // position among a record's values
	key      bool
	unsplit  bool // its text may not hold the separator of a key of several columns
	parse    parser
	min, max bulk.Value // nil: none
	pattern  *regexp.Regexp
	fallback bulk.Value // the default; nil: none
}

// keySeparator stands between the columns of a key, see [bulk.Records].
const keySeparator = "\x1f"

func newColumn(spec *bulk.Column, dataset *bulk.Spec) (*column, error) {
	c := &column{Column: spec, name: spec.Name, at: -1, key: dataset.IsKey(spec.Name)}
	c.unsplit = c.key && len(dataset.Key) > 1
	var err error
	if c.parse, err = newParser(spec); err != nil {
		return nil, err
	}
	if spec.Pattern != "" {
		if c.pattern, err = regexp.Compile(`\A(?:` + spec.Pattern + `)\z`); err != nil {
			return nil, fmt.Errorf("pattern: %w", err)
		}
	}
	return c, errors.Join(c.misplaced(), c.scalars())
}

// misplaced names rules that do not apply to the column's type.
func (c *column) misplaced() error {
	texts := []bulk.Type{bulk.TypeText, bulk.TypeEmail}
	if c.Pattern != "" && !slices.Contains(texts, c.Type) {
		return fmt.Errorf("pattern does not apply to type %s", c.Type)
	}
	if c.MinLength+c.MaxLength > 0 && !slices.Contains(append(texts, bulk.TypeJSON), c.Type) {
		return fmt.Errorf("min_length and max_length do not apply to type %s", c.Type)
	}
	return nil
}

// scalars reads the bounds and the default, which obey the column's own rules.
func (c *column) scalars() error {
	var faults []error
	read := func(what string, s bulk.Scalar) bulk.Value {
		if s == "" {
			return nil
		}
		v, code := c.scalar(string(s))
		if code == "" {
			code = c.check(v)
		}
		if strings.ContainsRune(string(s), 0) || !utf8.ValidString(string(s)) {
			code = bulk.CodeInvalidCharacter // as the reader would say of a cell
		}
		if code != "" {
			faults = append(faults, fmt.Errorf("%s %q: %s", what, string(s), code))
		}
		return v
	}
	lower, upper := read("min", c.Min), read("max", c.Max)
	if lower != nil && upper != nil && len(faults) == 0 && compare(c.Type, lower, upper) > 0 {
		faults = append(faults, fmt.Errorf("min %s is above max %s", c.Min, c.Max))
	}
	c.min, c.max = lower, upper
	c.fallback = read("default", c.Default)
	return errors.Join(faults...)
}

// scalar reads a value of the spec, in the column's own format or in ISO 8601.
func (c *column) scalar(s string) (bulk.Value, bulk.Code) {
	if v, code := c.parse(s); code == "" || c.Format == "" {
		return v, code
	}
	iso := *c.Column
	iso.Format = ""
	parse, err := newParser(&iso)
	if err != nil {
		return nil, bulk.CodeInvalidTimestamp
	}
	return parse(s)
}

// value returns the cell's canonical value, nil for an empty one, or the first rule
// that it breaks.
func (c *column) value(cell string) (bulk.Value, bulk.Code) {
	cell, empty := c.trim(cell)
	if empty {
		return c.absent()
	}
	v, code := c.parse(cell)
	if code == "" {
		code = c.check(v)
	}
	if code != "" {
		return nil, code
	}
	return v, ""
}

// trim drops white space where it has no meaning.
func (c *column) trim(cell string) (rest string, empty bool) {
	if c.Type == bulk.TypeText {
		return cell, cell == ""
	}
	rest = strings.TrimSpace(cell)
	if c.Type == bulk.TypeJSON {
		return cell, rest == ""
	}
	return rest, rest == ""
}

// absent is what an empty cell means.
func (c *column) absent() (bulk.Value, bulk.Code) {
	switch {
	case c.fallback != nil:
		return c.fallback, ""
	case c.key:
		return nil, bulk.CodeMissingKey
	case c.Required:
		return nil, bulk.CodeRequired
	default:
		return nil, ""
	}
}

// check applies the rules beyond the type.
func (c *column) check(v bulk.Value) bulk.Code {
	if s, ok := v.(string); ok {
		switch {
		case c.MinLength+c.MaxLength > 0 && !c.fits(s):
			return bulk.CodeLength
		case c.pattern != nil && !c.pattern.MatchString(s):
			return bulk.CodePattern
		case c.unsplit && strings.Contains(s, keySeparator):
			return bulk.CodeInvalidCharacter
		}
	}
	if c.min != nil && compare(c.Type, v, c.min) < 0 || c.max != nil && compare(c.Type, v, c.max) > 0 {
		return bulk.CodeOutOfRange
	}
	return ""
}

// fits compares the length in characters; counting them is left out where the
// number of bytes decides.
func (c *column) fits(s string) bool {
	if len(s) < c.MinLength {
		return false
	}
	if c.MinLength <= 1 && (c.MaxLength == 0 || len(s) <= c.MaxLength) {
		return true
	}
	n := utf8.RuneCountInString(s)
	return n >= c.MinLength && (c.MaxLength == 0 || n <= c.MaxLength)
}

// compare orders two canonical values of a type. Dates and timestamps have a fixed
// width, so their texts order as they do.
func compare(t bulk.Type, a, b bulk.Value) int {
	switch a := a.(type) {
	case int64:
		return cmp.Compare(a, b.(int64))
	case float64:
		return cmp.Compare(a, b.(float64))
	case string:
		if t == bulk.TypeDecimal {
			return compareDecimals(a, b.(string))
		}
		return strings.Compare(a, b.(string))
	}
	return 0
}

// textual reports whether values of the column may be of any length.
func (c *column) textual() bool {
	return c.Type == bulk.TypeText || c.Type == bulk.TypeEnum || c.Type == bulk.TypeEmail
}
