package web

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// num renders 1234567 as 1,234,567.
func num(n int64) string { return humanize.Comma(n) }

// count renders a number with its noun: "1 row", "2,000 rows".
func count(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	many := one + "s"
	if strings.HasSuffix(one, "ch") {
		many = one + "es"
	}
	return num(n) + " " + many
}

// size renders bytes in binary units: "93 MiB".
func size(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

// share renders part of whole as a percentage that never rounds something to
// nothing or an unfinished thing to 100 %.
func share(part, whole int64) string {
	if whole <= 0 {
		return "–"
	}
	p := 100 * float64(part) / float64(whole)
	switch {
	case part > 0 && p < 0.1:
		return "< 0.1 %"
	case part < whole && p > 99.9:
		return "> 99.9 %"
	case p < 10 && p != math.Trunc(p):
		return fmt.Sprintf("%.1f %%", p)
	}
	return fmt.Sprintf("%.0f %%", math.Floor(p))
}

// percent renders part of whole as an SVG length; whole ≤ 0 is an empty bar.
func percent(part, whole int64) string {
	if whole <= 0 {
		return "0%"
	}
	return strconv.FormatFloat(100*min(1, max(0, float64(part)/float64(whole))), 'f', 3, 64) + "%"
}

// perSecond renders a rate with three digits that mean something.
func perSecond(rate float64) string {
	switch {
	case rate >= 1000:
		digits := math.Pow(10, math.Floor(math.Log10(rate))-2)
		return num(int64(math.Round(rate/digits) * digits))
	case rate >= 10:
		return num(int64(rate))
	case rate < 0.1:
		return "< 0.1"
	}
	return fmt.Sprintf("%.1f", rate)
}

// seconds makes a duration of a number of seconds.
func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// span renders a duration for people: "12 ms", "0.8 s", "42 s", "3 min 5 s", "2 h 10 min".
func span(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "< 1 ms"
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days", int(d.Hours())/24)
}

// ago renders how long before now t was. app.js says the same, so that a page
// that stays open stays true.
func ago(t, now time.Time) string {
	d := now.Sub(t)
	switch {
	case d < 5*time.Second:
		return "just now"
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	case d < 30*24*time.Hour:
		return fmt.Sprintf("%d d ago", int(d.Hours())/24)
	}
	return t.UTC().Format("2 Jan 2006")
}

func exact(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04:05 UTC") }

func machine(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// clip shortens s to n characters for a place that is small.
func clip(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}
