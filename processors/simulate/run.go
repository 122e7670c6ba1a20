package simulate

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"bulkhead/internal/bulk"
)

// Options say what to run. Zero values take the defaults.
type Options struct {
	Only     []string              // experiments, such as E1. Default: all
	Designs  []string              // columns, by [Design.Name]. Default: all
	Seeds    int                   // runs of each. Default: 10
	Progress func(done, total int) // called as runs end, one call at a time. Default: nobody is told
	short    bool                  // for tests: seconds instead of a day
}

// DefaultSeeds is how often each experiment runs.
const DefaultSeeds = 10

// Experiments lists what can be run.
var Experiments = []string{"E1", "E2", "E2b", "E3", "E4", "E5", "E6", "E7", "E8", "E9", "E11", "E12", "E13", "E14", "E15", "E16"}

// trial runs one seed in one setting with every design, and notes what it measured.
type trial func(seed int) error

// Run runs experiments on all processors, and returns their rows in order. An error says
// that a run broke an invariant, that ctx ended, or that an experiment is unknown.
func Run(ctx context.Context, o Options) ([]Row, error) {
	for _, id := range o.Only {
		if !slices.Contains(Experiments, id) {
			return nil, bulk.Errorf(bulk.KindInvalid, "unknown_experiment", "There is no experiment %s; there are %s.", id, strings.Join(Experiments, ", "))
		}
	}
	for _, name := range o.Designs {
		if !slices.ContainsFunc(Designs, func(d Design) bool { return d.Name == name }) {
			return nil, bulk.Errorf(bulk.KindInvalid, "unknown_design", "There is no design %s.", name)
		}
	}
	if o.Seeds == 0 {
		o.Seeds = DefaultSeeds
	}
	p := newProgram(o)
	if err := p.run(ctx); err != nil {
		return nil, err
	}
	var rows []Row
	for _, r := range p.rows {
		if p.wants(r.Experiment) {
			r.close()
			rows = append(rows, *r)
		}
	}
	slices.SortStableFunc(rows, func(x, y Row) int {
		return slices.Index(Experiments, x.Experiment) - slices.Index(Experiments, y.Experiment)
	})
	return rows, nil
}

// program is what is to be run: the longest trials first, so that no processor is left
// with one at the end.
type program struct {
	Options
	rows   []*Row
	trials []trial
	done   int // of their runs
	mu     sync.Mutex
	bases  sync.Map // what several trials compare with, by design and seed
}

func newProgram(o Options) *program {
	p := &program{Options: o}
	for _, e := range []struct {
		ids []string
		add func()
	}{
		{[]string{"E3"}, p.e3},
		{[]string{"E1", "E9"}, p.e1},
		{[]string{"E11"}, p.e11},
		{[]string{"E15"}, p.e15},
		{[]string{"E8"}, p.e8},
		{[]string{"E2"}, p.e2},
		{[]string{"E2b"}, p.e2b},
		{[]string{"E16"}, p.e16},
		{[]string{"E12"}, p.e12},
		{[]string{"E13"}, p.e13},
		{[]string{"E14"}, p.e14},
		{[]string{"E5"}, p.e5},
		{[]string{"E6"}, p.e6},
		{[]string{"E7"}, p.e7},
		{[]string{"E4"}, p.e4},
	} {
		if slices.ContainsFunc(e.ids, p.wants) {
			e.add()
		}
	}
	return p
}

func (p *program) wants(id string) bool { return len(p.Only) == 0 || slices.Contains(p.Only, id) }

// designs are those to run.
func (p *program) designs() (all []Design) {
	for _, d := range Designs {
		if len(p.Designs) == 0 || slices.Contains(p.Designs, d.Name) {
			all = append(all, d)
		}
	}
	return all
}

func (p *program) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	total := len(p.trials) * p.Seeds
	for _, t := range p.trials {
		for seed := range p.Seeds {
			group.Go(func() error {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if err := t(seed); err != nil {
					return fmt.Errorf("seed %d: %w", seed, err)
				}
				p.tell(total)
				return nil
			})
		}
	}
	return group.Wait()
}

// tell says that another run of so many has ended.
func (p *program) tell(total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done++; p.Progress != nil {
		p.Progress(p.done, total)
	}
}

// row declares a measure; target may be nil.
func (p *program) row(e experiment, setting, measure string, target *Target) *Row {
	r := &Row{
		Experiment: e.id, Title: e.title, Setting: setting, Measure: measure, Target: target,
		Seeds: p.Seeds, Anchor: e.anchor, values: map[string][]float64{},
	}
	p.rows = append(p.rows, r)
	return r
}

// note enters a value; trials run at the same time.
func (p *program) note(r *Row, design string, seed int, value float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r.note(design, seed, value)
}
