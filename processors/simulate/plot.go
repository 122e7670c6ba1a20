package simulate

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// The plot's measures, in pixels.
const (
	plotWidth, plotHeight = 880, 510
	plotLeft, plotRight   = 86, 620 // of the axes
	plotTop, plotBottom   = 84, 430
	plotMost              = 2000 // × alone
	labelStep             = 21   // between two labels at the right
)

// curve is a design's line in the plot.
type curve struct {
	title, class string
	bold         bool
	values       []float64
	height       float64 // of its name
}

// Plot draws E1 as an SVG: how much longer than alone small imports take, by the number of
// whales beside them, for each design. It has its own background, light or dark as its
// viewer likes it. Without rows of E1 it draws nothing and says so.
func Plot(w io.Writer, rows []Row) error {
	rows = slices.DeleteFunc(slices.Clone(rows), func(r Row) bool { return r.Experiment != "E1" || r.Measure != WhalesMeasure })
	if len(rows) != len(besides) {
		return fmt.Errorf("a plot needs all of E1; run it too")
	}
	var b strings.Builder
	fmt.Fprintf(&b, plotHead, plotWidth, plotHeight, plotWidth, plotHeight, plotStyle, plotWidth-1, plotHeight-1)
	label{24, 36, "title", "start", "How long a small import takes beside huge ones"}.draw(&b)
	label{24, 60, "note", "start", "p99, in times of what it takes alone. 100 nodes × 8 slots, simulated; mean of all seeds. Less is better."}.draw(&b)
	plotGrid(&b)
	for _, c := range curves(rows) {
		c.draw(&b)
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

const plotHead = `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-labelledby="t">
<title id="t">How long a small import takes beside huge ones, by the number of huge ones, for each design</title>
<style>%s</style>
<rect class="back" x="0.5" y="0.5" width="%d" height="%d" rx="10"/>
`

const plotStyle = `
text{font:14px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;fill:#1f2933}
.title{font-size:20px;font-weight:650}.note,.tick{fill:#52606d}.tick{font-size:13px}
.back{fill:#fff;stroke:#cbd2d9}.grid{stroke:#e4e7eb}.target{stroke:#52606d;stroke-dasharray:5 4}
.line{fill:none;stroke-width:2.25}.bold{stroke-width:4.5}.name{font-weight:600}
.s0{stroke:#0b6bcb}.f0{fill:#0b6bcb}.s1{stroke:#00796b}.f1{fill:#00796b}.s2{stroke:#8a5a00}.f2{fill:#8a5a00}.s3{stroke:#b3261e}.f3{fill:#b3261e}
.s4{stroke:#7a3ea8}.f4{fill:#7a3ea8}.s5{stroke:#5f6b76;stroke-dasharray:2 5;stroke-linecap:round}.f5{fill:#5f6b76}
@media (prefers-color-scheme:dark){
text{fill:#e4e7eb}.note,.tick{fill:#a5b1bd}.back{fill:#161b22;stroke:#3a434d}.grid{stroke:#2b333c}.target{stroke:#a5b1bd}
.s0{stroke:#58a6ff}.f0{fill:#58a6ff}.s1{stroke:#56d4c0}.f1{fill:#56d4c0}.s2{stroke:#e3b341}.f2{fill:#e3b341}.s3{stroke:#ff7b72}.f3{fill:#ff7b72}
.s4{stroke:#d2a8ff}.f4{fill:#d2a8ff}.s5{stroke:#9aa7b4}.f5{fill:#9aa7b4}}
`

// curves returns the lines; their names at the right do not overlap.
func curves(rows []Row) []curve {
	var all []curve
	for i, d := range Designs {
		all = append(all, curveOf(rows, d.Name, d.Title, i))
	}
	all = append(all, curveOf(rows, Ideal, "ideal sharing (GPS)", len(Designs)))
	slices.SortFunc(all, func(x, y curve) int { return cmp.Compare(x.height, y.height) })
	for i := len(all) - 2; i >= 0; i-- { // the lowest stays, others give way upwards
		all[i].height = min(all[i].height, all[i+1].height-labelStep)
	}
	slices.SortFunc(all, func(x, y curve) int { return cmp.Compare(y.class, x.class) }) // ours on top
	return all
}

func curveOf(rows []Row, design, title string, i int) curve {
	c := curve{title: title, class: fmt.Sprint(i), bold: i == 0}
	for _, r := range rows {
		c.values = append(c.values, r.Figures[design].Mean)
	}
	c.height = plotY(c.values[len(c.values)-1])
	return c
}

func (c curve) draw(b *strings.Builder) {
	var points []string
	for i, v := range c.values {
		points = append(points, fmt.Sprintf("%.1f,%.1f", plotX(i), plotY(v)))
	}
	class := "line s" + c.class
	radius := 3.5
	if c.bold {
		class, radius = class+" bold", 5.5
	}
	fmt.Fprintf(b, "<polyline class=\"%s\" points=\"%s\"/>\n", class, strings.Join(points, " "))
	for i, v := range c.values {
		fmt.Fprintf(b, "<circle class=\"f%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"/>\n", c.class, plotX(i), plotY(v), radius)
	}
	label{plotRight + 16, c.height + 5, "name f" + c.class, "start", fmt.Sprintf("%s: %s×", c.title, times(c.values[len(c.values)-1]))}.draw(b)
}

// plotGrid draws both axes, each in steps of equal ratio, and the target.
func plotGrid(b *strings.Builder) {
	for _, v := range []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000} {
		y := plotY(v)
		fmt.Fprintf(b, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>\n", plotLeft, plotRight, y, y)
		label{plotLeft - 12, y + 5, "tick", "end", times(v) + "×"}.draw(b)
	}
	for i, s := range besides {
		label{plotX(i), plotBottom + 26, "tick", "middle", fmt.Sprint(s.whales)}.draw(b)
	}
	label{(plotLeft + plotRight) / 2, plotBottom + 54, "note", "middle", "accounts that always have work (whales) beside the small imports"}.draw(b)
	y := plotY(1.25)
	fmt.Fprintf(b, "<line class=\"target\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>\n", plotLeft, plotRight, y, y)
	label{plotX(0) + 112, y - 5, "tick", "start", "target: 1.25×"}.draw(b)
}

// label is a text in the plot; anchor says which end of it is at x.
type label struct {
	x, y                float64
	class, anchor, text string
}

func (l label) draw(b *strings.Builder) {
	fmt.Fprintf(b, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", l.class, l.x, l.y, l.anchor, l.text)
}

// times renders a multiple as people say it.
func times(v float64) string {
	switch {
	case v >= 1000:
		return fmt.Sprintf("%d,%03d", int(v+0.5)/1000, int(v+0.5)%1000)
	case v >= 10 || v == math.Trunc(v):
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// plotX is the place of a setting of E1.
func plotX(i int) float64 {
	most := math.Log(float64(besides[len(besides)-1].whales))
	return plotLeft + 24 + math.Log(float64(besides[i].whales))/most*(plotRight-plotLeft-48)
}

func plotY(v float64) float64 {
	const least = 0.8
	return plotBottom - (math.Log(max(v, least))-math.Log(least))/(math.Log(plotMost)-math.Log(least))*(plotBottom-plotTop)
}
