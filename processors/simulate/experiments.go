package simulate

import (
	"fmt"
	"time"
)

// WhalesMeasure is the measure of E1 that [Plot] draws.
const WhalesMeasure = "small p99 ÷ alone"

// beside is a setting of E1: whales, and the load of the small imports.
type beside struct {
	whales int
	load   float64
}

var besides = []beside{{1, 0.5}, {10, 0.5}, {100, 0.3}, {400, 0.2}}

func (b beside) String() string {
	if b.whales == 1 {
		return fmt.Sprintf("1 whale, load %.0f %%", 100*b.load)
	}
	return fmt.Sprintf("%d whales, load %.0f %%", b.whales, 100*b.load)
}

// span is what is measured of a run with small imports.
func (p *program) span() (from, until time.Duration) {
	if p.short {
		return 10 * time.Second, 14 * time.Second // dispatchers learn what nodes are slow meanwhile
	}
	return 10 * time.Second, 30 * time.Second
}

// half is for what needs no whole minute.
func (p *program) half() time.Duration { return p.minute() / 2 }

func (p *program) minute() time.Duration {
	if p.short {
		return 10 * time.Second
	}
	return time.Minute
}

// each runs a scene with every design.
func (p *program) each(set func() scene, seed int, measure func(d Design, s scene, o *outcome)) error {
	for _, d := range Designs {
		if err := p.with(d, set, seed, measure); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) with(d Design, set func() scene, seed int, measure func(d Design, s scene, o *outcome)) error {
	s := set()
	o, err := runScene(s, d, uint64(seed))
	if err != nil {
		return err
	}
	measure(d, s, o)
	return nil
}

// alone is the p99 of the small imports without whales.
func (p *program) alone(load float64, seed int) (p99 time.Duration, err error) {
	from, until := p.span()
	set := func() scene { return crowd(0, load, from, until, uint64(seed)) }
	err = p.with(Designs[0], set, seed, func(_ Design, _ scene, o *outcome) { p99 = quantile(o.latencies(), 0.99) })
	return p99, err
}

// e1 is also where E9 is measured.
func (p *program) e1() {
	const (
		title  = "Small imports of 5 batches beside accounts that always have work: 100 nodes × 8 slots, 16 dispatchers"
		anchor = "Temporal's load test of fair task queues accepts a p95 of 2 × the median; Amazon SQS fair queues promise no figure."
		idle   = "Work conservation: slots that are idle while work waits, in the runs of E1"
		caps   = "caps such as those of Hatchet and Inngest leave slots idle by design. Of ours, 0.25 % is the lease call itself."
	)
	for _, b := range besides {
		alone := p.row("E1", title, b.String(), WhalesMeasure, &Target{AtMost: 1.25}, anchor)
		ideally := p.row("E1", title, b.String(), "small p99 ÷ ideal", nil, anchor)
		equal := p.row("E1", title, b.String(), "Jain of the whales", nil, anchor)
		busy := p.row("E9", idle, b.String(), "idle, %", nil, caps)
		p.trials = append(p.trials, func(seed int) error {
			from, until := p.span()
			set := func() scene { return crowd(b.whales, b.load, from, until, uint64(seed)) }
			base, err := p.alone(b.load, seed)
			if err != nil {
				return err
			}
			best := quantile(idealTimes(set(), uint64(seed)), 0.99)
			p.note(alone, Ideal, seed, ratio(best, base))
			return p.each(set, seed, func(d Design, s scene, o *outcome) {
				p99 := quantile(o.latencies(), 0.99)
				p.note(alone, d.Name, seed, ratio(p99, base))
				p.note(ideally, d.Name, seed, ratio(p99, best))
				p.note(equal, d.Name, seed, jain(deserved(s.tenants, 0)))
				p.note(busy, d.Name, seed, o.idling())
			})
		})
	}
	p.mean("E9", "all of them", &Target{AtMost: 0.5})
}

// mean declares the mean of an experiment's rows.
func (p *program) mean(experiment, setting string, target *Target) {
	var of []*Row
	for _, r := range p.rows {
		if r.Experiment == experiment {
			of = append(of, r)
		}
	}
	r := p.row(experiment, of[0].Title, setting, of[0].Measure, target, of[0].Anchor)
	r.of = of
}

func (p *program) e2() {
	const (
		title  = "Slot time of 100 accounts that always have work, weights 1, 2, 4 and 8: 100 nodes × 8 slots"
		anchor = "Kubernetes' tests of API Priority and Fairness allow 1 to 35 % off max-min; Temporal accepts a Jain index of 0.8; SQS fair queues have no weights."
	)
	windows := int(p.minute() / (10 * time.Second))
	index := p.row("E2", title, "worst window of 10 s", "Jain of time ÷ weight", &Target{AtLeast: 0.99}, anchor)
	share := p.row("E2", title, "a minute, furthest account", "off its share, %", &Target{AtMost: 5}, anchor)
	p.trials = append(p.trials, func(seed int) error {
		return p.each(func() scene { return weighted(windows, uint64(seed)) }, seed, func(d Design, s scene, _ *outcome) {
			p.note(index, d.Name, seed, worstJain(s.tenants))
			p.note(share, d.Name, seed, 100*worstShare(s.tenants))
		})
	})
}

func (p *program) e3() {
	const (
		title  = "2,000 accounts, import sizes by Zipf's law, a day at 80 % load: 2 nodes × 2 slots, 2 dispatchers"
		anchor = "a gap is what an account with work waits for its next turn, debt that it pays off apart; a FIFO has no rounds, so there it is the work of others, in their rounds."
	)
	length := 24 * time.Hour
	if p.short {
		length = 20 * time.Minute
	}
	gap := p.row("E3", title, "longest gap", "rounds", &Target{AtMost: 2}, anchor)
	small := p.row("E3", title, "imports of at most 5 batches", "p99, s", nil, anchor)
	slowest := p.row("E3", title, "the same", "slowest, s", nil, anchor)
	p.trials = append(p.trials, func(seed int) error {
		return p.each(func() scene { return day(length, uint64(seed)) }, seed, func(d Design, s scene, o *outcome) {
			p.note(gap, d.Name, seed, longestGap(s))
			few := o.of(func(s sample) bool { return s.batches <= smallSize })
			p.note(small, d.Name, seed, quantile(few, 0.99).Seconds())
			p.note(slowest, d.Name, seed, quantile(few, 1).Seconds())
		})
	})
}

func (p *program) e4() {
	const (
		title  = "5 % of the nodes are 4 × slower; small imports as in E1, alone means on nodes that are all well"
		anchor = "Dean and Barroso (2013) hedge past p95, for about 5 % more requests; here it is one batch in 20 at most."
	)
	b := besides[1]
	without := p.row("E4", title, b.String()+", no second copies", WhalesMeasure, &Target{AtMost: 2.5}, anchor)
	with := p.row("E4", title, b.String()+", with second copies", WhalesMeasure, &Target{AtMost: 1.5}, anchor)
	copies := p.row("E4", title, "second copies", "% of batches", nil, anchor)
	useless := p.row("E4", title, "work whose batch another copy ended", "% of slot time", nil, anchor)
	p.trials = append(p.trials, func(seed int) error {
		base, err := p.alone(b.load, seed)
		if err != nil {
			return err
		}
		from, until := p.span()
		set := func() scene { return limping(b.whales, b.load, from, until, uint64(seed)) }
		bare := func() scene { s := set(); s.uncopied = true; return s }
		if err := p.each(bare, seed, func(d Design, _ scene, o *outcome) {
			p.note(without, d.Name, seed, ratio(quantile(o.latencies(), 0.99), base))
		}); err != nil {
			return err
		}
		return p.with(Designs[0], set, seed, func(d Design, _ scene, o *outcome) {
			p.note(with, d.Name, seed, ratio(quantile(o.latencies(), 0.99), base))
			p.note(copies, d.Name, seed, 100*float64(o.copies)/float64(o.grants))
			p.note(useless, d.Name, seed, 100*ratio(o.useless, o.capacity))
		})
	})
}

func (p *program) e5() {
	r := p.row("E5", "100 accounts that always have work, half of them on 3 of 16 partitions", "half a minute", "Jain of time", &Target{AtLeast: 0.99},
		"Temporal's fairness holds within one partition of a task queue only.")
	p.trials = append(p.trials, func(seed int) error {
		return p.each(func() scene { return crowded(p.half(), uint64(seed)) }, seed, func(d Design, s scene, _ *outcome) {
			p.note(r, d.Name, seed, worstJain(s.tenants))
		})
	})
}

func (p *program) e6() {
	const (
		title  = "100 accounts that always have work; batches of half of them take 4 times as long as predicted"
		anchor = "Kubernetes' API Priority and Fairness charges real time afterwards too."
	)
	blind := p.row("E6", title, "half a minute, nothing is learnt", "Jain of time", &Target{AtLeast: 0.97}, anchor)
	learnt := p.row("E6", title, "half a minute, predictions are learnt", "Jain of time", &Target{AtLeast: 0.97}, anchor)
	p.trials = append(p.trials, func(seed int) error {
		set := func() scene { return misjudged(p.half(), uint64(seed)) }
		if err := p.each(set, seed, func(d Design, s scene, _ *outcome) { p.note(blind, d.Name, seed, worstJain(s.tenants)) }); err != nil {
			return err
		}
		learning := func() scene { s := set(); s.blind = false; return s }
		return p.with(Designs[0], learning, seed, func(d Design, s scene, _ *outcome) { p.note(learnt, d.Name, seed, worstJain(s.tenants)) })
	})
}

func (p *program) e7() {
	r := p.row("E7", "100 accounts that always have work; one has it in 1,000 imports, the others in one", "half a minute", "its share off the mean, %", &Target{AtMost: 5},
		"where the key is the import or a client's choice, such an account gets 1,000 shares.")
	p.trials = append(p.trials, func(seed int) error {
		return p.each(func() scene { return splitters(p.half(), uint64(seed)) }, seed, func(d Design, s scene, _ *outcome) {
			p.note(r, d.Name, seed, 100*gain(s.tenants))
		})
	})
}

func (p *program) e8() {
	const (
		title  = "A dispatcher dies and a node is lost every minute, nodes 100 → 200 → 50, 2 slots each, beside 50 whales"
		anchor = "every batch of every run was committed once: the simulation fails otherwise. Where nodes schedule, there is no dispatcher to die."
	)
	felt := p.row("E8", title, "imports whose dispatcher died", "slowest, s", &Target{AtMost: 10}, anchor)
	lost := p.row("E8", title, "imports with a batch on a lost node", "slowest, s", nil, anchor)
	others := p.row("E8", title, "all others", "p99 ÷ without deaths", &Target{AtMost: 1.1}, anchor)
	p.trials = append(p.trials, func(seed int) error {
		for _, d := range Designs {
			if d.local || d.central {
				continue
			}
			var base time.Duration
			if err := p.with(d, func() scene { return unhurt(uint64(seed)) }, seed, func(_ Design, _ scene, o *outcome) { base = quantile(o.latencies(), 0.99) }); err != nil {
				return err
			}
			if err := p.with(d, func() scene { return deaths(uint64(seed)) }, seed, func(d Design, _ scene, o *outcome) {
				p.note(felt, d.Name, seed, quantile(o.of(func(s sample) bool { return s.felt }), 1).Seconds())
				p.note(lost, d.Name, seed, quantile(o.of(func(s sample) bool { return s.lost && !s.felt }), 1).Seconds())
				p.note(others, d.Name, seed, ratio(quantile(o.of(func(s sample) bool { return !s.felt && !s.lost }), 0.99), base))
			}); err != nil {
				return err
			}
		}
		return nil
	})
}
