package validate

import (
	"fmt"
	"slices"
	"strings"

	"bulkhead/internal/bulk"
)

// format is how a column writes dates or timestamps: the tokens YYYY, MM, DD, HH, mm
// and ss, Z at the end for an offset, and text that stands for itself.
type format []piece

// piece is a token, or text when token is "".
type piece struct {
	token string
	text  string
	open  bool // no digits stand beside it, so a leading zero may be missing
}

var tokens = []string{"YYYY", "MM", "DD", "HH", "mm", "ss", "Z"}

func newFormat(s string, t bulk.Type) (format, error) {
	var f format
	for rest := s; rest != ""; {
		i := slices.IndexFunc(tokens, func(t string) bool { return strings.HasPrefix(rest, t) })
		p := piece{text: rest[:1]}
		if i >= 0 {
			p = piece{token: tokens[i]}
		} else if c := rest[0]; c != 'T' && c < 0x80 && isAlnum(c) {
			return nil, fmt.Errorf("%q: %q is not one of %v", s, rest[:1], tokens)
		}
		rest = rest[len(p.token)+len(p.text):]
		f = append(f, p)
	}
	for i := range f {
		f[i].open = !f.digits(i-1) && !f.digits(i+1)
	}
	return f, f.complete(s, t)
}

// digits reports whether piece i exists and is written in digits.
func (f format) digits(i int) bool {
	return i >= 0 && i < len(f) && f[i].token != "" && f[i].token != "Z"
}

// complete checks that the format says all that its type needs, once.
func (f format) complete(s string, t bulk.Type) error {
	count := map[string]int{}
	for _, p := range f {
		count[p.token]++
	}
	for i, token := range tokens {
		switch n := count[token]; {
		case n > 1:
			return fmt.Errorf("%q has %s twice", s, token)
		case i < 3 && n == 0:
			return fmt.Errorf("%q lacks %s", s, token)
		case i >= 3 && n > 0 && t == bulk.TypeDate:
			return fmt.Errorf("%q has %s, which a date has not", s, token)
		}
	}
	if count["Z"] > 0 && f[len(f)-1].token != "Z" {
		return fmt.Errorf("%q has text after the offset", s)
	}
	if count["mm"] > count["HH"] || count["ss"] > count["mm"] || count["Z"] > count["HH"] {
		return fmt.Errorf("%q has a part of the time without the larger one", s)
	}
	return nil
}

// read implements reader.
func (f format) read(s string) (m moment, ok bool) {
	for _, p := range f {
		if p.token == "" {
			if s, ok = strings.CutPrefix(s, p.text); !ok {
				return m, false
			}
			continue
		}
		if p.token == "Z" {
			return m, m.readOffset(s)
		}
		if s, ok = m.take(p, s); !ok {
			return m, false
		}
	}
	return m, s == ""
}

// take reads the digits of a token.
func (m *moment) take(p piece, s string) (rest string, ok bool) {
	n := 0
	for n < len(p.token) && n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	if n < len(p.token) && (n == 0 || !p.open || p.token == "YYYY") {
		return s, false
	}
	m.timed = m.timed || p.token == "HH"
	return s[n:], fixed(s[:n], m.part(p.token))
}

func (m *moment) part(token string) *int {
	switch token {
	case "YYYY":
		return &m.year
	case "MM":
		return &m.month
	case "DD":
		return &m.day
	case "HH":
		return &m.hour
	case "mm":
		return &m.minute
	default:
		return &m.second
	}
}
