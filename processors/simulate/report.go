package simulate

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Row is one measure of an experiment in one setting, for every design.
type Row struct {
	Experiment string            `json:"experiment"` // E1 to E9
	Title      string            `json:"title"`      // of the experiment
	Setting    string            `json:"setting"`
	Measure    string            `json:"measure"`
	Target     *Target           `json:"target,omitempty"`
	Met        *bool             `json:"met,omitempty"` // by Bulkhead, in every run
	Seeds      int               `json:"seeds"`
	Figures    map[string]Figure `json:"figures"`          // by Design.Name, and "ideal"
	Anchor     string            `json:"anchor,omitempty"` // what others accept or claim

	values map[string][]float64 // by design, one a seed
	of     []*Row               // whose mean this row is
}

// Target bounds a figure; one of the two is set.
type Target struct {
	AtMost  float64 `json:"at_most,omitempty"`
	AtLeast float64 `json:"at_least,omitempty"`
}

// Figure is what the runs of a design measured.
type Figure struct {
	Mean  float64 `json:"mean"`
	Least float64 `json:"least"` // over the seeds
	Most  float64 `json:"most"`
}

// Ideal names the column of generalized processor sharing.
const Ideal = "ideal"

// note enters the value of one run.
func (r *Row) note(design string, seed int, value float64) {
	v := r.values[design]
	if v == nil {
		v = make([]float64, r.Seeds)
		r.values[design] = v
	}
	v[seed] += value
}

// close computes the figures.
func (r *Row) close() {
	for _, o := range r.of {
		for design, v := range o.values {
			for seed, x := range v {
				r.note(design, seed, x/float64(len(r.of)))
			}
		}
	}
	r.Figures = make(map[string]Figure, len(r.values))
	for design, v := range r.values {
		f := Figure{Least: slices.Min(v), Most: slices.Max(v)}
		for _, x := range v {
			f.Mean += x / float64(len(v))
		}
		r.Figures[design] = f
	}
	if ours, ok := r.Figures[Designs[0].Name]; ok && r.Target != nil {
		r.Met = new(r.Target.met(ours))
	}
}

func (t Target) met(f Figure) bool {
	return (t.AtMost == 0 || f.Most <= t.AtMost) && (t.AtLeast == 0 || f.Least >= t.AtLeast)
}

func (t Target) String() string {
	if t.AtLeast > 0 {
		return "≥ " + number(t.AtLeast)
	}
	return "≤ " + number(t.AtMost)
}

// Print writes the rows as tables for people: the mean over all seeds, and in brackets
// the worst of them where there is a target.
func Print(w io.Writer, rows []Row) error {
	for i, r := range rows {
		if i == 0 || rows[i-1].Experiment != r.Experiment {
			fmt.Fprintf(w, "\n%s  %s\n", r.Experiment, r.Title)
			if err := table(w, rows, r.Experiment); err != nil {
				return err
			}
			if r.Anchor != "" {
				fmt.Fprintf(w, "  Beside it: %s\n", r.Anchor)
			}
		}
	}
	return nil
}

func table(out io.Writer, rows []Row, experiment string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "  \t")
	for _, d := range Designs {
		fmt.Fprint(w, "\t", d.Title)
	}
	fmt.Fprintln(w, "\tideal\ttarget\t")
	for _, r := range rows {
		if r.Experiment != experiment {
			continue
		}
		fmt.Fprintf(w, "  %s\t%s", r.Setting, r.Measure)
		for i, d := range Designs {
			fmt.Fprint(w, "\t", r.cell(d.Name, i == 0))
		}
		fmt.Fprintf(w, "\t%s\t%s\t\n", r.cell(Ideal, false), r.verdict())
	}
	return w.Flush()
}

func (r *Row) cell(design string, worst bool) string {
	f, ok := r.Figures[design]
	if !ok {
		return "–"
	}
	if worst && r.Target != nil && r.Seeds > 1 {
		return fmt.Sprintf("%s (%s)", number(f.Mean), number(r.worst(f)))
	}
	return number(f.Mean)
}

func (r *Row) worst(f Figure) float64 {
	if r.Target.AtLeast > 0 {
		return f.Least
	}
	return f.Most
}

func (r *Row) verdict() string {
	switch {
	case r.Target == nil:
		return ""
	case r.Met == nil:
		return r.Target.String()
	case *r.Met:
		return r.Target.String() + " met"
	}
	return fmt.Sprintf("%s MISSED: %s", r.Target, number(r.worst(r.Figures[Designs[0].Name])))
}

// number renders a figure with as many places as tell something.
func number(x float64) string {
	places := 2
	switch {
	case x >= 100:
		places = 0
	case x >= 10:
		places = 1
	case x < 1:
		places = 4
	}
	s := fmt.Sprintf("%.*f", places, x)
	if places == 4 {
		s = strings.TrimSuffix(strings.TrimSuffix(s, "0"), "0")
	}
	return s
}
