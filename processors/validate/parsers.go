package validate

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"bulkhead/internal/bulk"
)

// newParser returns the parser of a column's type.
func newParser(c *bulk.Column) (parser, error) {
	switch c.Type {
	case bulk.TypeText:
		return parseText, nil
	case bulk.TypeInteger:
		return parseInteger, nil
	case bulk.TypeDecimal:
		return parseDecimal, nil
	case bulk.TypeFloat:
		return parseFloat, nil
	case bulk.TypeBoolean:
		return parseBoolean, nil
	case bulk.TypeJSON:
		return parseJSON, nil
	case bulk.TypeEmail:
		return parseEmail, nil
	case bulk.TypeEnum:
		return newEnum(c)
	case bulk.TypeDate, bulk.TypeTimestamp:
		return newMoment(c)
	}
	return nil, fmt.Errorf("type %q is not known", c.Type)
}

func parseText(s string) (bulk.Value, bulk.Code) { return s, "" }

func parseBoolean(s string) (bulk.Value, bulk.Code) {
	if len(s) > len("false") {
		return nil, bulk.CodeInvalidBoolean
	}
	switch strings.ToLower(s) {
	case "true", "t", "yes", "y", "on", "1":
		return true, ""
	case "false", "f", "no", "n", "off", "0":
		return false, ""
	}
	return nil, bulk.CodeInvalidBoolean
}

func parseJSON(s string) (bulk.Value, bulk.Code) {
	if !json.Valid([]byte(s)) {
		return nil, bulk.CodeInvalidJSON
	}
	return s, ""
}

// newEnum compares exactly, white space around the cell aside.
func newEnum(c *bulk.Column) (parser, error) {
	values := make(map[string]bulk.Value, len(c.Values))
	for _, v := range c.Values {
		if v == "" || strings.TrimSpace(v) != v {
			return nil, fmt.Errorf("values: %q is empty or begins or ends with white space, so that no cell equals it", v)
		}
		values[v] = v
	}
	return func(s string) (bulk.Value, bulk.Code) {
		if v, ok := values[s]; ok {
			return v, ""
		}
		return nil, bulk.CodeInvalidEnum
	}, nil
}

// newMoment is the parser of dates and timestamps.
func newMoment(c *bulk.Column) (parser, error) {
	read := readISO
	if c.Format != "" {
		f, err := newFormat(c.Format, c.Type)
		if err != nil {
			return nil, fmt.Errorf("format: %w", err)
		}
		read = f.read
	}
	if c.Type == bulk.TypeDate {
		return func(s string) (bulk.Value, bulk.Code) { return parseDate(s, read) }, nil
	}
	zone, err := time.LoadLocation(c.Timezone) // "" is UTC
	if err == nil && zone == time.Local {
		err = errors.New("the zone of the machine would make results depend on it")
	}
	if err != nil {
		return nil, fmt.Errorf("timezone: %w", err)
	}
	return func(s string) (bulk.Value, bulk.Code) { return parseTimestamp(s, read, zone) }, nil
}

// Limits of RFC 5321 and 1035, in bytes.
const (
	maxEmail = 254
	maxLocal = 64
	maxLabel = 63
)

// parseEmail accepts what mail systems deliver to: the dot-atom form of RFC 5322 and
// of RFC 6531 (other than ASCII letters), at a domain of two labels or more. Quoted
// local parts, comments and address literals are refused.
func parseEmail(s string) (bulk.Value, bulk.Code) {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || len(s) > maxEmail || len(local) > maxLocal || !dotted(local, 1, isAtom) || !dotted(domain, 2, isLabel) {
		return nil, bulk.CodeInvalidEmail
	}
	return s, ""
}

// dotted reports whether s has at least so many parts between dots, all of them good.
func dotted(s string, least int, good func(part string) bool) bool {
	for n := 1; ; n++ {
		part, rest, more := strings.Cut(s, ".")
		if !good(part) {
			return false
		}
		if !more {
			return n >= least
		}
		s = rest
	}
}

func isAtom(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isAlnum(c) && strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) < 0 {
			return false
		}
	}
	return s != "" && !odd(s)
}

func isLabel(s string) bool {
	for i := range len(s) {
		if !isAlnum(s[i]) && s[i] != '-' {
			return false
		}
	}
	return s != "" && len(s) <= maxLabel && s[0] != '-' && s[len(s)-1] != '-' && !odd(s)
}

// isAlnum takes letters beyond ASCII as letters; odd finds what among them is none.
func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80
}

// odd reports a character beyond ASCII that is neither letter nor digit, such as a
// no-break space.
func odd(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return r >= 0x80 && !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r)
	})
}
