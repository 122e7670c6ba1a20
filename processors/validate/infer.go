package validate

import (
	"slices"
	"strings"
	"time"

	"bulkhead/internal/bulk"
)

// Inferrer proposes a spec for a file. It has to see every row, since one value
// decides a column's type; it keeps a few bytes a column, however long the file is.
type Inferrer struct {
	header  []string
	guesses []guess
}

// NewInferrer returns an inferrer for a file with the given header.
func NewInferrer(header []string) *Inferrer {
	in := &Inferrer{header: header, guesses: make([]guess, len(header))}
	for i := range in.guesses {
		in.guesses[i] = newGuess()
	}
	return in
}

// Add takes the cells of a row. Ones beyond the header are ignored.
func (in *Inferrer) Add(cells [][]byte) {
	for i, cell := range cells[:min(len(cells), len(in.guesses))] {
		if g := &in.guesses[i]; len(g.open) > 0 && len(cell) > 0 {
			g.add(string(cell))
		}
	}
}

// Spec proposes a dataset of the name, with the narrowest type for each column that
// all its values have, text for an empty one. key names columns by their header or by
// their name in the spec; only these are required. A spec that would not pass
// [CheckSpec], for want of a key for example, is an error as there.
func (in *Inferrer) Spec(name string, key []string) (bulk.Spec, error) {
	spec := bulk.Spec{Name: bulk.DatasetName(name)}
	names := columnNames(in.header)
	taken := map[string]bool{"": true} // what names and aliases mean, by HeaderKey
	for _, n := range names {
		taken[bulk.HeaderKey(n)] = true
	}
	for i, header := range in.header {
		c := bulk.Column{Name: names[i], Type: in.guesses[i].result()}
		if folded := bulk.HeaderKey(header); !taken[folded] {
			taken[folded] = true
			c.Aliases = []string{header}
		}
		spec.Columns = append(spec.Columns, c)
	}
	for _, k := range key {
		i := slices.Index(in.header, k)
		if i < 0 {
			i = slices.Index(names, k)
		}
		if i >= 0 {
			k = names[i]
			c := &spec.Columns[i]
			c.Required = true
			if c.Type == bulk.TypeFloat || c.Type == bulk.TypeJSON {
				c.Type = bulk.TypeText // no key is of these
			}
		}
		spec.Key = append(spec.Key, k)
	}
	return spec, CheckSpec(spec)
}

// guess is what the values of a column may be.
type guess struct {
	open []bulk.Type // types that all of them have, the narrowest first; none left: text
	seen bool        // a value
}

func newGuess() guess {
	return guess{open: []bulk.Type{bulk.TypeBoolean, bulk.TypeInteger, bulk.TypeDecimal, bulk.TypeFloat, bulk.TypeDate, bulk.TypeTimestamp, bulk.TypeEmail, bulk.TypeJSON}}
}

func (g *guess) add(cell string) {
	cell = strings.TrimSpace(cell)
	if cell == "" {
		return
	}
	g.seen = true
	g.open = slices.DeleteFunc(g.open, func(t bulk.Type) bool { return !could(t, cell) })
}

func (g *guess) result() bulk.Type {
	if !g.seen || len(g.open) == 0 {
		return bulk.TypeText
	}
	return g.open[0]
}

// could reports whether a value may be of the type without losing anything that its
// text says. It is stricter than validation: 0 and 1 are numbers, a phone number or a
// postal code with a leading plus or zero is text, and so is a number that would not
// fit or would be rounded.
func could(t bulk.Type, s string) bool {
	var code bulk.Code
	switch t {
	case bulk.TypeBoolean:
		return slices.Contains([]string{"true", "false", "yes", "no"}, strings.ToLower(s))
	case bulk.TypeInteger:
		_, code = parseInteger(s)
		return code == "" && plain(s)
	case bulk.TypeDecimal:
		if _, code = parseInteger(s); code == bulk.CodeOutOfRange {
			return false
		}
		_, code = parseDecimal(s)
		return code == "" && plain(s)
	case bulk.TypeFloat:
		_, code = parseFloat(s)
		return code == "" && plain(s) && len(s) <= maxExact
	case bulk.TypeDate:
		_, code = parseDate(s, readISO)
	case bulk.TypeTimestamp:
		_, code = parseTimestamp(s, readISO, time.UTC)
	case bulk.TypeEmail:
		_, code = parseEmail(s)
	case bulk.TypeJSON:
		if s[0] != '{' && s[0] != '[' {
			return false
		}
		_, code = parseJSON(s)
	}
	return code == ""
}

// maxExact is how many characters of a number a float keeps for sure.
const maxExact = 15

// plain reports whether a number is written without a leading plus, zero or point.
func plain(s string) bool {
	s = strings.TrimPrefix(s, "-")
	return s != "" && s[0] >= '0' && s[0] <= '9' && (s[0] != '0' || len(s) == 1 || s[1] == '.' || s[1] == 'e' || s[1] == 'E')
}
