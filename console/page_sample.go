package console

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"bulkhead/internal/bulk"
)

// sampleFile makes a header and rows that obey the dataset's rules. A column for which
// no value can be found (a pattern that no candidate fits) stays empty.
func sampleFile(spec bulk.Spec, rows int) [][]string {
	file := [][]string{header(spec)}
	for i := range rows {
		row := make([]string, len(spec.Columns))
		for j, c := range spec.Columns {
			row[j] = sampleCell(c, i)
		}
		file = append(file, row)
	}
	return file
}

var sampleDay = time.Date(2024, 1, 15, 9, 30, 0, 0, time.UTC)

// sampleCell is a plausible value of a column; different rows get different ones where
// the rules leave room, so that keys stay unique.
func sampleCell(c bulk.Column, i int) string {
	switch c.Type {
	case bulk.TypeInteger:
		return strconv.FormatInt(int64(inRange(c, i)), 10)
	case bulk.TypeDecimal, bulk.TypeFloat:
		return strconv.FormatFloat(inRange(c, i), 'f', 2, 64)
	case bulk.TypeBoolean:
		return strconv.FormatBool(i%2 == 0)
	case bulk.TypeDate, bulk.TypeTimestamp:
		return sampleTime(c, i)
	case bulk.TypeJSON:
		return fmt.Sprintf(`{"n":%d}`, i+1)
	case bulk.TypeEnum:
		return c.Values[i%len(c.Values)]
	case bulk.TypeEmail:
		return fitting(c, fmt.Sprintf("person%d@example.com", i+1))
	}
	words := strings.ReplaceAll(c.Name, "_", " ")
	return fitting(c, fmt.Sprintf("%s %d", strings.ToUpper(words[:1])+words[1:], i+1),
		fmt.Sprintf("%05d", 10001+i), fmt.Sprintf("A%d", i+1), fmt.Sprintf("AB-%04d", i+1), fmt.Sprintf("abc%d", i+1),
		fmt.Sprintf("+4930123%04d", i), []string{"DE", "FR", "JP", "BR"}[i%4], []string{"DEU", "FRA", "JPN"}[i%3])
}

// fitting returns the first candidate that the column's length and pattern allow.
func fitting(c bulk.Column, candidates ...string) string {
	pattern, err := regexp.Compile(`^(?:` + cmp.Or(c.Pattern, ".*") + `)$`)
	if err != nil {
		return ""
	}
	for _, s := range candidates {
		if len(s) < c.MinLength {
			s += strings.Repeat("x", c.MinLength-len(s))
		}
		if (c.MaxLength == 0 || len(s) <= c.MaxLength) && pattern.MatchString(s) {
			return s
		}
	}
	return ""
}

func inRange(c bulk.Column, i int) float64 {
	low, err := strconv.ParseFloat(string(c.Min), 64)
	if err != nil {
		low = 1
	}
	x := low + float64(i)
	if high, err := strconv.ParseFloat(string(c.Max), 64); err == nil && x > high {
		return high
	}
	return x
}

// sampleTime writes a day or moment in the column's own format.
func sampleTime(c bulk.Column, i int) string {
	at := sampleDay.AddDate(0, 0, i)
	if low, err := time.Parse(time.DateOnly, clipTo(string(c.Min), 10)); err == nil && at.Before(low) {
		at = low.AddDate(0, 0, i)
	}
	if high, err := time.Parse(time.DateOnly, clipTo(string(c.Max), 10)); err == nil && at.After(high) {
		at = high
	}
	layout := c.Format
	switch {
	case layout == "" && c.Type == bulk.TypeDate:
		return at.Format(time.DateOnly)
	case layout == "":
		return at.Format(time.RFC3339)
	}
	return at.Format(strings.NewReplacer("YYYY", "2006", "MM", "01", "DD", "02", "HH", "15", "mm", "04", "ss", "05").Replace(layout))
}

func clipTo(s string, n int) string { return s[:min(n, len(s))] }
