package web

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"bulkhead/internal/bulk"
)

// verdict is what was seen of the pairs of the last minute; without having looked, nothing
// is called fair.
func (v FairnessView) verdict() badge {
	switch p := v.Fairness.Lag.Latest; {
	case p != nil && p.Ratio > 1:
		return badge{"Beyond the bound", "warning", "bad", "Two accounts are further apart than they may be."}
	case !v.known():
		return badge{"Not known", "question", "warn", "A dispatcher did not answer, so not every pair was looked at."}
	case p == nil:
		return badge{"Not measured", "dashed", "idle", "No two accounts had work at the same time."}
	default:
		return badge{"Within the bound", "check", "good", "No two accounts are further apart than they may be."}
	}
}

// broken is the worst pair of the hour if it is beyond its bound; else nil.
func (v FairnessView) broken() *bulk.Pair {
	if p := v.Fairness.Lag.Worst; p != nil && p.Ratio > 1 {
		return p
	}
	return nil
}

// meter is a scale from 0 to the bound, or beyond it.
type meter struct{ latest, worst float64 }

func (v FairnessView) meter() (m meter) {
	if p := v.Fairness.Lag.Latest; p != nil {
		m.latest = p.Ratio
	}
	if p := v.Fairness.Lag.Worst; p != nil {
		m.worst = p.Ratio
	}
	return m
}

func (m meter) top() float64 { return max(1, m.latest, m.worst) }

func (m meter) at(ratio float64) string { return percent(millionths(ratio), millionths(m.top())) }

// apart renders slot time ÷ weight: "0.22 s", "14 s", "3 min 5 s".
func apart(ms float64) string {
	if ms < 995 {
		return fmt.Sprintf("%.2f s", ms/1000)
	}
	return span(seconds(ms / 1000))
}

// ofBound renders a ratio to the bound: "12 %", "240 %".
func ofBound(ratio float64) string { return fmt.Sprintf("%.0f %%", 100*ratio) }

func minuteOf(t time.Time) string { return t.UTC().Format("15:04") }

// over tells a pair's window: "over 10 s", "over 1 h".
func over(p *bulk.Pair) string {
	switch d := p.End.Sub(p.Start).Round(time.Second); {
	case d%time.Hour == 0:
		return fmt.Sprintf("over %d h", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("over %d min", d/time.Minute)
	default:
		return fmt.Sprintf("over %d s", d/time.Second)
	}
}

// unsettledSays tells what an account's part of the bound is made of.
func unsettledSays(a bulk.Served) string {
	text := fmt.Sprintf("(%d in flight + 1) × %s, its longest batch", a.InFlight, apart(a.LongestMS))
	if a.Weight > 1 {
		text += fmt.Sprintf(", ÷ weight %d", a.Weight)
	}
	if a.AllowanceMS > 0 {
		text += fmt.Sprintf(" + %s ahead of the round", apart(a.AllowanceMS))
	}
	return text
}

// chart is the worst pair of each minute, as bars on a scale whose top is the bound, or
// the worst ratio if that is more.
type chart struct{ bulk.Lag }

func (v FairnessView) chart() chart { return chart{v.Fairness.Lag} }

// Bars are in a view box of 10 by minute and 100 high.
const barsHigh = 100

func (c chart) width() string { return strconv.Itoa(10 * len(c.Minutes)) }

func (c chart) top() float64 {
	if c.Worst == nil {
		return 1
	}
	return max(1, c.Worst.Ratio)
}

// high is the height of a bar; what was measured is never without one.
func (c chart) high(ratio float64) float64 { return max(1.5, barsHigh*ratio/c.top()) }

// line is where a ratio is on the scale.
func (c chart) line(ratio float64) string { return number(barsHigh - barsHigh*ratio/c.top()) }

func number(f float64) string { return strconv.FormatFloat(math.Round(100*f)/100, 'f', -1, 64) }

// measured counts the minutes in which a pair was.
func (c chart) measured() (n int) {
	for _, m := range c.Minutes {
		if m.Worst != nil {
			n++
		}
	}
	return n
}

// says is the chart in words.
func (c chart) says() string {
	if c.Worst == nil {
		return "No two accounts had work at the same time within the last hour"
	}
	return fmt.Sprintf("Lag of the worst pair as part of its bound, by minute: measured in %d of %d minutes, at most %s, at %s", c.measured(), len(c.Minutes), ofBound(c.Worst.Ratio), minuteOf(c.Worst.End))
}

// minuteSays tells why a minute has no pair.
func minuteSays(m bulk.LagMinute) string {
	if !m.Complete {
		return "not known: no dispatcher that answers measured all of it"
	}
	return "no two accounts had work at the same time"
}

// newestFirst are the minutes as the table lists them.
func (c chart) newestFirst() []bulk.LagMinute {
	minutes := slices.Clone(c.Minutes)
	slices.Reverse(minutes)
	return minutes
}
