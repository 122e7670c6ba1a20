package validate

import (
	"cmp"
	"slices"
	"strings"

	"bulkhead/internal/bulk"
)

// Suggest proposes which dataset column each source column feeds, "" for none, for a
// person to confirm. What an import would take without asking ([bulk.MatchColumns])
// has confidence 1; names that are merely close have less, at least 0.6. It fails as
// MatchColumns does, and never for want of a required column.
func Suggest(header []string, spec *bulk.Spec, mapping map[string]string) (fields []string, confidence []float64, err error) {
	fields, err = bulk.MatchColumns(header, spec, mapping)
	if err != nil {
		return nil, nil, err
	}
	confidence = make([]float64, len(header))
	for i, f := range fields {
		if f != "" {
			confidence[i] = 1
		}
	}
	var free []int // columns whose name says nothing and of which nothing was said
	for i, h := range header {
		if _, decided := mapping[h]; !decided && fields[i] == "" {
			free = append(free, i)
		}
	}
	unfed, _ := spec.Unfed(fields)
	for _, p := range closest(header, free, spec, unfed) {
		if fields[p.at] == "" && !slices.Contains(fields, p.field) {
			fields[p.at], confidence[p.at] = p.field, p.score
		}
	}
	return fields, confidence, nil
}

// Columns describes the columns of a preview: the type of each by the sample rows,
// and the dataset column that it could feed. spec may be nil.
func Columns(header []string, rows [][]string, spec *bulk.Spec) []bulk.PreviewColumn {
	fields, confidence := make([]string, len(header)), make([]float64, len(header))
	if spec != nil {
		if f, c, err := Suggest(header, spec, nil); err == nil { // a conflict leaves the choice to the person
			fields, confidence = f, c
		}
	}
	out := make([]bulk.PreviewColumn, len(header))
	for i, name := range header {
		g, example := newGuess(), ""
		for _, row := range rows {
			if i < len(row) {
				g.add(row[i])
				example = cmp.Or(example, bulk.Truncate(row[i]))
			}
		}
		out[i] = bulk.PreviewColumn{Name: name, Type: g.result(), Field: fields[i], Confidence: confidence[i], Example: example}
	}
	return out
}

type pair struct {
	at    int // source column
	field string
	score float64
}

const (
	closeEnough = 0.6
	almost      = 0.95   // the best that a name may score that is not equal
	maxPairs    = 20_000 // more are not compared: nobody reads so many guesses
)

// closest lists the pairs of free source columns and unfed dataset columns with similar
// names, the best first.
func closest(header []string, free []int, spec *bulk.Spec, unfed []string) (pairs []pair) {
	if len(header)*len(unfed) > maxPairs {
		return nil
	}
	for _, i := range free {
		for _, name := range unfed {
			best := 0.0
			for _, n := range append([]string{name}, spec.Column(name).Aliases...) {
				best = max(best, similarity(header[i], n))
			}
			if best >= closeEnough {
				pairs = append(pairs, pair{i, name, min(best, almost)})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(b.score, a.score) })
	return pairs
}

// similarity is the greater of the shares of equal letters in order and of equal
// words, from 0 to 1.
func similarity(a, b string) float64 {
	a, b = snake(a), snake(b)
	if a == "" || b == "" {
		return 0
	}
	wordsA, wordsB := strings.Split(a, "_"), strings.Split(b, "_")
	common := 0
	for _, w := range wordsA {
		if slices.Contains(wordsB, w) {
			common++
		}
	}
	words := 2 * float64(common) / float64(len(wordsA)+len(wordsB))
	a, b = strings.Join(wordsA, ""), strings.Join(wordsB, "")
	return max(words, 1-float64(distance(a, b))/float64(max(len(a), len(b))))
}

// distance is Levenshtein's, over bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
