package simulate

import (
	"fmt"
	"time"
)

// WhalesMeasure is the measure of E1 that [Plot] draws.
const WhalesMeasure = "small p99 ÷ alone"

// experiment is what its rows have in common: name, title, and what others accept or claim.
type experiment struct{ id, title, anchor string }

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

// span is what is measured of a run with small imports. Before it dispatchers learn what
// nodes are slow.
func (p *program) span() span {
	if p.short {
		return span{16 * time.Second, 20 * time.Second}
	}
	return span{10 * time.Second, 30 * time.Second}
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
	for _, d := range p.designs() {
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
	set := func() scene { return crowd(beside{0, load}, p.span(), uint64(seed)) }
	err = p.with(Designs[0], set, seed, func(_ Design, _ scene, o *outcome) { p99 = quantile(o.latencies(), 0.99) })
	return p99, err
}

// e1 is also where E9 is measured.
func (p *program) e1() {
	small := experiment{
		"E1", "Small imports of 5 batches beside accounts that always have work: 100 nodes × 8 slots, 16 dispatchers",
		"Temporal's load test of fair task queues accepts a p95 of 2 × the median; Amazon SQS fair queues promise no figure.",
	}
	idle := experiment{
		"E9", "Work conservation: slots that are idle while work waits, in the runs of E1",
		"caps such as those of Hatchet and Inngest leave slots idle by design. Of ours, 0.25 % is the lease call itself.",
	}
	for _, b := range besides {
		alone := p.row(small, b.String(), WhalesMeasure, &Target{AtMost: 1.25})
		ideally := p.row(small, b.String(), "small p99 ÷ ideal", nil)
		equal := p.row(small, b.String(), "Jain of the whales", nil)
		busy := p.row(idle, b.String(), "idle, %", nil)
		p.trials = append(p.trials, func(seed int) error {
			set := func() scene { return crowd(b, p.span(), uint64(seed)) }
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
				p.note(equal, d.Name, seed, jain(deserved(s.accounts, 0)))
				p.note(busy, d.Name, seed, o.idling())
			})
		})
	}
	p.mean(idle, "all of them", &Target{AtMost: 0.5})
}

// mean declares the mean of an experiment's rows.
func (p *program) mean(e experiment, setting string, target *Target) {
	var of []*Row
	for _, r := range p.rows {
		if r.Experiment == e.id {
			of = append(of, r)
		}
	}
	p.row(e, setting, of[0].Measure, target).of = of
}

func (p *program) e2() {
	e := experiment{
		"E2", "Slot time of 100 accounts that always have work, weights 1, 2, 4 and 8: 100 nodes × 8 slots",
		"Kubernetes' tests of API Priority and Fairness allow 1 to 35 % off max-min; Temporal accepts a Jain index of 0.8; SQS fair queues have no weights.",
	}
	windows := int(p.minute() / (10 * time.Second))
	index := p.row(e, "worst window of 10 s", "Jain of time ÷ weight", &Target{AtLeast: 0.99})
	share := p.row(e, "a minute, furthest account", "off its share, %", &Target{AtMost: 5})
	p.trials = append(p.trials, func(seed int) error {
		return p.each(func() scene { return weighted(windows, uint64(seed)) }, seed, func(d Design, s scene, _ *outcome) {
			p.note(index, d.Name, seed, worstJain(s.accounts))
			p.note(share, d.Name, seed, 100*worstShare(s.accounts))
		})
	})
}

func (p *program) e3() {
	e := experiment{
		"E3", "2,000 accounts, import sizes by Zipf's law, a day at 80 % load: 2 nodes × 2 slots, 2 dispatchers",
		"a gap is what an account with work waits for its next turn, debt that it pays off apart; a FIFO has no rounds, so there it is the work of others, in their rounds.",
	}
	length := 24 * time.Hour
	if p.short {
		length = 20 * time.Minute
	}
	gap := p.row(e, "longest gap", "rounds", &Target{AtMost: 2})
	small := p.row(e, "imports of at most 5 batches", "p99, s", nil)
	slowest := p.row(e, "the same", "slowest, s", nil)
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
	e := experiment{
		"E4", "5 % of the nodes are 4 × slower; small imports as in E1, alone means on nodes that are all well",
		"Dean and Barroso (2013) hedge past p95, for about 5 % more requests; here it is one batch in 20 at most.",
	}
	b := besides[1]
	without := p.row(e, b.String()+", no second copies", WhalesMeasure, &Target{AtMost: 2.5})
	with := p.row(e, b.String()+", with second copies", WhalesMeasure, &Target{AtMost: 1.5})
	copies := p.row(e, "second copies", "% of batches", nil)
	useless := p.row(e, "work whose batch another copy ended", "% of slot time", nil)
	p.trials = append(p.trials, func(seed int) error {
		base, err := p.alone(b.load, seed)
		if err != nil {
			return err
		}
		set := func() scene { return limping(b, p.span(), uint64(seed)) }
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
	e := experiment{"E5", "100 accounts that always have work, half of them on 3 of 16 partitions", "Temporal's fairness holds within one partition of a task queue only."}
	r := p.row(e, "half a minute", "Jain of time", &Target{AtLeast: 0.99})
	p.trials = append(p.trials, func(seed int) error {
		return p.each(func() scene { return crowded(p.half(), uint64(seed)) }, seed, func(d Design, s scene, _ *outcome) {
			p.note(r, d.Name, seed, worstJain(s.accounts))
		})
	})
}

func (p *program) e6() {
	e := experiment{
		"E6", "100 accounts that always have work; batches of half of them take 4 times as long as predicted",
		"Kubernetes' API Priority and Fairness charges real time afterwards too.",
	}
	blind := p.row(e, "half a minute, nothing is learnt", "Jain of time", &Target{AtLeast: 0.97})
	learnt := p.row(e, "half a minute, predictions are learnt", "Jain of time", &Target{AtLeast: 0.97})
	p.trials = append(p.trials, func(seed int) error {
		set := func() scene { return misjudged(p.half(), uint64(seed)) }
		if err := p.each(set, seed, func(d Design, s scene, _ *outcome) { p.note(blind, d.Name, seed, worstJain(s.accounts)) }); err != nil {
			return err
		}
		learning := func() scene { s := set(); s.blind = false; return s }
		return p.with(Designs[0], learning, seed, func(d Design, s scene, _ *outcome) { p.note(learnt, d.Name, seed, worstJain(s.accounts)) })
	})
}

func (p *program) e7() {
	e := experiment{"E7", "100 accounts that always have work; one has it in 1,000 imports, the others in one", "where the key is the import or a client's choice, such an account gets 1,000 shares."}
	r := p.row(e, "half a minute", "its share off the mean, %", &Target{AtMost: 5})
	p.trials = append(p.trials, func(seed int) error {
		return p.each(func() scene { return splitters(p.half(), uint64(seed)) }, seed, func(d Design, s scene, _ *outcome) {
			p.note(r, d.Name, seed, 100*gain(s.accounts))
		})
	})
}

func (p *program) e8() {
	e := experiment{
		"E8", "A dispatcher dies and a node is lost every minute, nodes 100 → 200 → 50, 2 slots each, beside 50 whales",
		"every batch of every run was committed once: the simulation fails otherwise. Where nodes schedule, there is no dispatcher to die.",
	}
	felt := p.row(e, "imports whose dispatcher died", "slowest, s", &Target{AtMost: 10})
	lost := p.row(e, "imports with a batch on a lost node", "slowest, s", nil)
	others := p.row(e, "all others", "p99 ÷ without deaths", &Target{AtMost: 1.1})
	p.trials = append(p.trials, func(seed int) error {
		for _, d := range p.designs() {
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
