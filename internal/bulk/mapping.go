package bulk

import (
	"maps"
	"slices"
	"strings"
)

// MapColumns decides for each source column which dataset column it feeds, "" for
// none, the way an import does: see [MatchColumns]. A required or key column that
// nothing feeds and that has no default is a KindUnprocessed unmapped_required error.
func MapColumns(header []string, spec *Spec, mapping map[string]string) (fields []string, err error) {
	fields, err = MatchColumns(header, spec, mapping)
	if err != nil {
		return nil, err
	}
	if _, missing := spec.Unfed(fields); len(missing) > 0 {
		return nil, Errorf(KindUnprocessed, ErrUnmappedRequired,
			"No column of the file feeds %s, which %s requires. Rename the header or map a column to it.", quoted(missing), spec.Name)
	}
	return fields, nil
}

// MatchColumns decides for each source column which dataset column it feeds, "" for
// none. The explicit mapping (header name → column, "" to leave one out) comes first,
// then equal names, then equal aliases, then names and aliases equal by [HeaderKey];
// a column that is fed already is not fed again by a weaker match. It never guesses.
//
// Unknown names in the mapping are KindUnprocessed unknown_field errors; two equally
// good sources of one column are a KindUnprocessed bad_mapping error.
func MatchColumns(header []string, spec *Spec, mapping map[string]string) (fields []string, err error) {
	m := matcher{header: header, fields: make([]string, len(header)), decided: make([]bool, len(header)), fed: map[string]int{}}
	if err := m.explicit(spec, mapping); err != nil {
		return nil, err
	}
	for _, index := range spec.names() {
		if err := m.match(index); err != nil {
			return nil, err
		}
	}
	return m.fields, nil
}

// Unfed lists the dataset columns that no source column feeds, and those of them
// that are required, being part of the key included, and have no default.
func (s *Spec) Unfed(fields []string) (unmapped, missing []string) {
	for _, c := range s.Columns {
		if slices.Contains(fields, c.Name) {
			continue
		}
		unmapped = append(unmapped, c.Name)
		if (c.Required || s.IsKey(c.Name)) && c.Default == "" {
			missing = append(missing, c.Name)
		}
	}
	return unmapped, missing
}

// names returns the ways in which a header name can mean a column, strongest first.
func (s *Spec) names() []func(header string) string {
	names, aliases, folded := map[string]string{}, map[string]string{}, map[string]string{}
	for _, c := range s.Columns {
		names[c.Name] = c.Name
		folded[HeaderKey(c.Name)] = c.Name
		for _, a := range c.Aliases {
			aliases[a] = c.Name
			folded[HeaderKey(a)] = c.Name
		}
	}
	delete(folded, "") // an alias of symbols alone means only itself
	return []func(string) string{
		func(h string) string { return names[h] },
		func(h string) string { return aliases[h] },
		func(h string) string { return folded[HeaderKey(h)] },
	}
}

type matcher struct {
	header  []string
	fields  []string
	decided []bool
	fed     map[string]int // dataset column → index of the source column
}

func (m *matcher) explicit(spec *Spec, mapping map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(mapping)) {
		field, i := mapping[name], slices.Index(m.header, name)
		if i < 0 {
			return Errorf(KindUnprocessed, ErrUnknownField, "The mapping names the column %q, which the file does not have; it has %s.", name, quoted(m.header))
		}
		if field != "" && spec.Column(field) == nil {
			return Errorf(KindUnprocessed, ErrUnknownField, "The mapping sends %q to %q, which is not a column of %s.", name, field, spec.Name)
		}
		if err := m.feed(i, field); err != nil {
			return err
		}
	}
	return nil
}

// match feeds the columns that the index finds and that no stronger index fed.
func (m *matcher) match(index func(header string) string) error {
	before := maps.Clone(m.fed)
	for i, name := range m.header {
		field := index(name)
		if _, fed := before[field]; fed || field == "" || m.decided[i] {
			continue
		}
		if err := m.feed(i, field); err != nil {
			return err
		}
	}
	return nil
}

func (m *matcher) feed(i int, field string) error {
	if by, twice := m.fed[field]; twice && field != "" {
		return Errorf(KindUnprocessed, "bad_mapping", "Both %q and %q feed the column %q. Map one of them to it and the other to nothing.", m.header[by], m.header[i], field)
	}
	m.decided[i], m.fields[i] = true, field
	if field != "" {
		m.fed[field] = i
	}
	return nil
}

// quoted lists names for a message, the first few of many.
func quoted(names []string) string {
	const most = 12
	var b strings.Builder
	for i, n := range names[:min(len(names), most)] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(`"` + Truncate(n) + `"`)
	}
	if len(names) > most {
		b.WriteString(", …")
	}
	return b.String()
}
