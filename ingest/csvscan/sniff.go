package csvscan

import (
	"bytes"
	"cmp"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"bulkhead/internal/bulk"
)

// Sniff finds how a file is to be read from its first bytes, which are not compressed
// (see [Magic]); whole says that they are all of it. What choice names is taken, the
// rest is guessed. In a rejects.csv of ours, what the file says of itself comes before
// the choice, which was made for the original.
//
// It fails with a *bulk.Error: empty_file, not_csv naming what the file is, or, of
// KindInvalid, bad_dialect when the choice makes no sense.
func Sniff(sample []byte, whole bool, choice bulk.DialectChoice) (bulk.Dialect, error) {
	d, err := chosen(choice)
	if err != nil {
		return d, err
	}
	if what := foreign(sample); what != "" {
		return d, notCSV(what)
	}
	guess, bom := charset(sample, whole)
	d.BOM = bom && (d.Encoding == "" || d.Encoding == guess)
	if own, ok := rejectsFile(bytes.TrimPrefix(sample, byteOrderMark), whole, choice); ok {
		own.BOM, own.Encoding = bom, utf8Name
		if d.Encoding != "" && !utf8.Valid(completeRunes(sample)) {
			own.Encoding = d.Encoding // a spreadsheet has saved it
		}
		return own, nil
	}
	d.Encoding = cmp.Or(d.Encoding, guess)
	text, err := decoded(sample, d)
	if err != nil {
		return d, err
	}
	if unprintable(text) {
		return d, notCSV("a file of binary data")
	}
	if whole && len(bytes.Trim(text, "\r\n")) == 0 {
		return d, bulk.Errorf(bulk.KindUnprocessed, bulk.ErrEmptyFile, "The file is empty. Choose one with a header and rows.")
	}
	if own, ok := rejectsFile(text, whole, choice); ok {
		own.BOM, own.Encoding = d.BOM, d.Encoding
		return own, nil
	}
	return guessDialect(text, whole, d), nil
}

// chosen checks the choice and returns it as a dialect whose zero fields are to be guessed.
func chosen(c bulk.DialectChoice) (d bulk.Dialect, err error) {
	bad := func(format string, args ...any) (bulk.Dialect, error) {
		return d, bulk.Errorf(bulk.KindInvalid, "bad_dialect", format, args...)
	}
	chars := []struct {
		name, value string
		to          *bulk.Char
	}{{"delimiter", c.Delimiter, &d.Delimiter}, {"quote", c.Quote, &d.Quote}, {"escape", c.Escape, &d.Escape}}
	for _, char := range chars {
		if char.value == "" {
			continue
		}
		if len(char.value) != 1 || !usable(char.value[0]) {
			return bad("The %s %q must be one ASCII character that is no letter, digit or line ending.", char.name, char.value)
		}
		*char.to = bulk.Char(char.value[0])
	}
	if quote := cmp.Or(d.Quote, '"'); d.Delimiter == quote || d.Delimiter != 0 && d.Delimiter == d.Escape {
		return bad("The delimiter %q must differ from the quote and the escape.", c.Delimiter)
	}
	d.Encoding = strings.ToLower(c.Encoding)
	if _, ok := encodings[d.Encoding]; !ok && d.Encoding != "" && d.Encoding != utf8Name {
		return bad("The encoding %q is not known; use utf-8, utf-16le, utf-16be, windows-1252, iso-8859-1 or shift_jis.", c.Encoding)
	}
	d.NoHeader = c.NoHeader
	return d, nil
}

// usable reports whether c may be a delimiter, quote or escape.
func usable(c byte) bool {
	alphanumeric := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	return c < utf8.RuneSelf && c != 0 && c != '\n' && c != '\r' && !alphanumeric
}

// decoded returns the sample as UTF-8 without a byte order mark.
func decoded(sample []byte, d bulk.Dialect) ([]byte, error) {
	text, err := io.ReadAll(Decode(bytes.NewReader(sample), d))
	return bytes.TrimPrefix(text, byteOrderMark), err
}

// delimiters are what is looked for, the likelier first.
var delimiters = []bulk.Char{',', ';', '\t', '|'}

// rejectsFile recognises an export of [RejectWriter] by its header.
func rejectsFile(text []byte, whole bool, choice bulk.DialectChoice) (bulk.Dialect, bool) {
	if !bytes.Contains(text[:min(len(text), 64<<10)], []byte(bulk.RejectColumns[0])) {
		return bulk.Dialect{}, false
	}
	for _, delim := range append(slices.Clone(delimiters), chars(choice.Delimiter)...) {
		for _, quote := range append([]bulk.Char{'"', '\''}, chars(choice.Quote)...) {
			d := bulk.Dialect{Delimiter: delim, Quote: quote, Escape: quote, Rejects: true}
			if first, err := New(bytes.NewReader(text), Config{Dialect: bulk.Dialect{Delimiter: delim, Quote: quote}}).Next(); err == nil && exported(first.Cells) {
				d.Escape = escapeOf(text, whole, d)
				return d, true
			}
		}
	}
	return bulk.Dialect{}, false
}

func chars(s string) []bulk.Char {
	if len(s) != 1 {
		return nil
	}
	return []bulk.Char{bulk.Char(s[0])}
}

// exported reports whether the cells are the header of an export.
func exported(cells [][]byte) bool {
	if n := len(cells); n > 0 && string(cells[n-1]) == bulk.RawColumn {
		cells = cells[:n-1]
	}
	n := len(cells) - len(bulk.RejectColumns)
	return n > 0 && slices.EqualFunc(cells[n:], bulk.RejectColumns, func(cell []byte, name string) bool { return string(cell) == name })
}

// guessDialect guesses delimiter, quote and escape: those under which the records agree best
// with the first one. Where no delimiter splits that, the usual one stays: another
// would only hide cells too many.
func guessDialect(text []byte, whole bool, d bulk.Dialect) bulk.Dialect {
	if sepLine(text, true) > 0 {
		d.SepLine = true
		d.Delimiter = cmp.Or(d.Delimiter, bulk.Char(text[len("sep=")]))
	}
	best, most := d, -1.0
	for _, try := range candidates(text, d) {
		if score := agreement(text, whole, try); score > most && (score > 1 || d.Delimiter != 0 || try.Delimiter == delimiters[0]) {
			best, most = try, score
		}
	}
	return best
}

// sepLine returns the length of a first line "sep=;" with its ending, 0 when there is
// none, -1 when the bytes are too few to tell.
func sepLine(text []byte, final bool) int {
	const name, length = "sep=", len("sep=;")
	n := min(len(text), len(name))
	switch {
	case !strings.EqualFold(string(text[:n]), name[:n]):
		return 0
	case len(text) <= length && !final:
		return -1
	case len(text) < length || !usable(text[len(name)]):
		return 0
	case len(text) > length && text[length] != '\r' && text[length] != '\n':
		return 0
	}
	return endOfLine(text, length, final)
}

// candidates are the dialects that d leaves open and that the text gives reason for.
// The likeliest comes first and wins when others are as good.
func candidates(text []byte, d bulk.Dialect) (out []bulk.Dialect) {
	delims, quotes := delimiters, []bulk.Char{'"', '\''}
	if d.Delimiter != 0 {
		delims = []bulk.Char{d.Delimiter}
	}
	if d.Quote != 0 {
		quotes = []bulk.Char{d.Quote}
	}
	for _, quote := range quotes {
		for _, delim := range delims {
			if quote == '\'' && d.Quote == 0 && !allWrapped(text, delim) {
				continue
			}
			try := d
			try.Delimiter, try.Quote, try.Escape = delim, quote, cmp.Or(d.Escape, quote)
			if try.Delimiter == quote {
				continue
			}
			out = append(out, try)
			if d.Escape == 0 && delim != '\\' && bytes.Contains(text, []byte{'\\', byte(quote)}) {
				try.Escape = '\\'
				out = append(out, try)
			}
		}
	}
	if d.Quote == 0 { // a quote that explains as much and is really there comes first
		slices.SortStableFunc(out, func(a, b bulk.Dialect) int { return cmp.Compare(rank(text, a), rank(text, b)) })
	}
	return out
}

// rank is 0 for a dialect whose quote opens some cell, 1 for others.
func rank(text []byte, d bulk.Dialect) int {
	if opened, _ := wraps(text, d.Delimiter, byte(d.Quote)); opened > 0 {
		return 0
	}
	return 1
}

// allWrapped reports whether ' opens at least two cells, and closes every one it opens.
func allWrapped(text []byte, delim bulk.Char) bool {
	opened, closed := wraps(text, delim, '\'')
	return opened >= 2 && opened == closed
}

// wraps counts the places where a quote opens a cell and where one closes it.
func wraps(text []byte, delim bulk.Char, quote byte) (opened, closed int) {
	edge := func(i int) bool {
		return i < 0 || i >= len(text) || text[i] == byte(delim) || text[i] == '\n' || text[i] == '\r'
	}
	for i, c := range text {
		if c != quote {
			continue
		}
		if edge(i - 1) {
			opened++
		} else if edge(i + 1) {
			closed++
		}
	}
	return opened, closed
}

// agreement says how well a dialect explains the text. It is above 1 when the first
// record has several cells, by the share of records that have as many, squared, for
// each cell beyond the first, and by less where a quote swallows much of the text.
func agreement(text []byte, whole bool, d bulk.Dialect) float64 {
	s := New(bytes.NewReader(text), Config{Dialect: d, Partial: !whole, MaxRecord: len(text) + 1, MaxColumns: min(len(text)+1, 8*bulk.MaxColumns)})
	records, good := 0, 0
	for {
		r, err := s.Next()
		if err != nil && records == 0 && !whole {
			return agreement(text, true, d) // not one whole record in it
		}
		if err != nil {
			break
		}
		records++
		if r.Code != bulk.CodeColumnCount && r.Code != bulk.CodeBadQuote {
			good++
		}
	}
	if records == 0 {
		return 0
	}
	share := float64(good) / float64(records)
	read := float64(s.Offset()) / float64(len(text))
	score := share * share * (0.1 + read) // a quote that is never closed says little against the delimiter
	if s.Columns() > 1 {
		return 1 + score*float64(s.Columns()-1)
	}
	return score / 2
}

// escapeOf tells a backslash from a doubled quote in a dialect that is known otherwise.
func escapeOf(text []byte, whole bool, d bulk.Dialect) bulk.Char {
	doubled, backslash := d, d
	doubled.Escape, backslash.Escape = d.Quote, '\\'
	if bytes.Contains(text, []byte{'\\', byte(d.Quote)}) && agreement(text, whole, backslash) > agreement(text, whole, doubled) {
		return backslash.Escape
	}
	return doubled.Escape
}
