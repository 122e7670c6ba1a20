package validate

import (
	"fmt"
	"strings"
	"unicode"

	"bulkhead/internal/bulk"
)

// maxName is the longest column name that a spec allows, less room for a suffix.
const maxName = 58

// columnNames makes valid column names of a header, in snake case, no two of them
// equal by [bulk.HeaderKey].
func columnNames(header []string) []string {
	taken := map[string]bool{}
	for _, name := range bulk.SystemColumns {
		taken[bulk.HeaderKey(name)] = true
	}
	names := make([]string, len(header))
	for i, h := range header {
		base := snake(h)
		if base == "" {
			base = fmt.Sprintf("column_%d", i+1)
		}
		name := base
		for n := 2; taken[bulk.HeaderKey(name)]; n++ {
			name = fmt.Sprintf("%s_%d", base, n)
		}
		taken[bulk.HeaderKey(name)] = true
		names[i] = name
	}
	return names
}

// snake joins the words of a header: "First name", "firstName" and "FIRST-NAME" are
// first_name. What is not an ASCII letter or digit separates words.
func snake(header string) string {
	var b strings.Builder
	var before rune
	runes := []rune(header)
	for i, r := range runes {
		word := unicode.IsUpper(r) && (unicode.IsLower(before) || unicode.IsDigit(before) ||
			unicode.IsUpper(before) && i+1 < len(runes) && unicode.IsLower(runes[i+1]))
		before = r
		ascii := r < 0x80 && isAlnum(byte(r))
		if (word || !ascii) && b.Len() > 0 && !strings.HasSuffix(b.String(), "_") {
			b.WriteByte('_')
		}
		if ascii {
			b.WriteRune(unicode.ToLower(r))
		}
	}
	name := strings.Trim(b.String(), "_")
	if name != "" && name[0] >= '0' && name[0] <= '9' {
		name = "n_" + name
	}
	return strings.TrimRight(name[:min(len(name), maxName)], "_")
}
