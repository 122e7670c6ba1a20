package simulate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"bulkhead/internal/bulk"
)

// measured is what is measured of the scenes with strategies.
func (p *program) measured() span {
	if p.short {
		return span{10 * time.Second, 30 * time.Second}
	}
	return span{10 * time.Second, 70 * time.Second}
}

func (p *program) e2b() {
	e := experiment{"E2b", "E2 with batches as long as full ones really are", "a scheduler that charges at most a quantum of 250 ms shares by number of batches above it."}
	windows := int(p.minute() / (10 * time.Second))
	for _, tt := range []struct {
		setting string
		took    func(i int) length
	}{
		{"480 ms", func(int) length { return always(480 * ms) }},
		{"832 ms", func(int) length { return always(832 * ms) }},
		{"2 ms to 2 s, batch by batch", func(int) length { return length{2 * ms, 2 * time.Second} }},
		{"830 or 1,660 ms, by account", func(i int) length { return always(time.Duration(830*(1+i/4%2)) * ms) }},
	} {
		index := p.row(e, tt.setting+", worst window of 10 s", "Jain of time ÷ weight", &Target{AtLeast: 0.99})
		share := p.row(e, tt.setting+", a minute", "off its share, %", &Target{AtMost: 2})
		p.trials = append(p.trials, func(seed int) error {
			set := func() scene {
				s := weighted(windows, uint64(seed))
				for i := range s.accounts {
					s.accounts[i].took = tt.took(i)
				}
				return s
			}
			return p.each(set, seed, func(d Design, s scene, _ *outcome) {
				p.note(index, d.Name, seed, worstJain(s.accounts))
				p.note(share, d.Name, seed, 100*worstShare(s.accounts))
			})
		})
	}
}

func (p *program) e11() {
	e := experiment{
		"E11", "Accounts that look for an advantage, beside 49 honest whales and small imports: 25 nodes × 4 slots, 16 dispatchers",
		"gain is their slot time ÷ what as many honest accounts are entitled to, a victim's share what the worst served whale got of its due, by max-min fairness.",
	}
	tried := attacks
	if p.short {
		tried = attacks[:3]
	}
	for _, a := range tried {
		name := a[len(a)-1].name
		gain := p.row(e, name, "gain", &Target{AtMost: 1.1})
		victim := p.row(e, name, "least share of a victim", &Target{AtLeast: 0.9})
		small := p.row(e, name, "small p99 ÷ without", &Target{AtMost: 1.5})
		p.trials = append(p.trials, func(seed int) error {
			for _, d := range p.designs() {
				base, err := p.undisturbed(d, seed)
				if err != nil {
					return err
				}
				if err := p.with(d, func() scene { return arena(arenaWhales, p.measured(), uint64(seed), a...) }, seed, func(d Design, s scene, o *outcome) {
					p.note(gain, d.Name, seed, s.gained())
					p.note(victim, d.Name, seed, s.victim())
					p.note(small, d.Name, seed, ratio(quantile(o.latencies(), 0.99), base))
				}); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// undisturbed is the p99 of small imports beside honest whales only.
func (p *program) undisturbed(d Design, seed int) (time.Duration, error) {
	type key struct {
		design string
		seed   int
	}
	once, _ := p.bases.LoadOrStore(key{d.Name, seed}, sync.OnceValues(func() (p99 time.Duration, err error) {
		err = p.with(d, func() scene { return arena(arenaWhales, p.measured(), uint64(seed)) }, seed, func(_ Design, _ scene, o *outcome) { p99 = quantile(o.latencies(), 0.99) })
		return p99, err
	}))
	return once.(func() (time.Duration, error))()
}

func (p *program) e12() {
	e := experiment{"E12", "Tiny imports, one after another, at a quarter of 16 dispatchers; 32 whales, two at each", "nodes that share their slots by what waits where give more to whoever has company."}
	for _, took := range []time.Duration{3 * ms, 20 * ms} {
		r := p.row(e, fmt.Sprintf("4 accounts, batches of %d ms", took.Milliseconds()), "Jain of the whales' time", &Target{AtLeast: 0.99})
		p.trials = append(p.trials, func(seed int) error {
			return p.each(func() scene {
				s := arena(32, p.measured(), uint64(seed), strategy{accounts: 4, spread: 4, batches: 1, took: always(took), helps: true})
				for i := range s.accounts {
					s.accounts[i].partition = int32(i % partsAll)
				}
				return s
			}, seed, func(d Design, s scene, _ *outcome) { p.note(r, d.Name, seed, jain(s.usage())) })
		})
	}
}

// usage is the slot time of the accounts that always have work.
func (s *scene) usage() (all []float64) {
	for i := range s.accounts {
		all = append(all, s.accounts[i].used.Seconds()/float64(s.accounts[i].weight))
	}
	return all
}

// cluster is the size of one, with the whales in it.
type cluster struct{ nodes, slots, dispatchers, whales int }

func (c cluster) String() string {
	return fmt.Sprintf("%d slots, %d whales", c.nodes*c.slots, c.whales)
}

var (
	tinyCluster  = cluster{2, 2, 1, 4}
	halfCluster  = cluster{arenaNodes, arenaSlots, dispersed, arenaWhales}
	wholeCluster = cluster{manyNodes, slotsEach, dispersed, 100}
)

// flood is imports that come at one moment.
type flood struct {
	imports, batches int
	took             length // of a batch
	one              bool   // account has them all, else each has its own
}

// flooded is a scene with a flood.
func (c cluster) flooded(f flood, seed uint64) scene {
	const at = 10 * time.Second
	s := scene{nodes: c.nodes, slots: c.slots, dispatchers: c.dispatchers, accounts: whales(c.whales, seed), span: span{at, at + time.Second}}
	rnd := rand.New(rand.NewPCG(seed, 6))
	of := func(i int) *account {
		return &account{id: bulk.AccountID(fmt.Sprint("flood", i)), weight: 1, rows: f.took.rows(), row: perRow, took: f.took, partition: rnd.Int32N(partsAll)}
	}
	first := of(0)
	for i := range f.imports {
		a := arrival{at: at, account: first, batches: f.batches, measured: true}
		if !f.one && i > 0 {
			a.account = of(i)
		}
		s.arrivals = append(s.arrivals, a)
	}
	return s
}

func (p *program) e13() {
	e := experiment{"E13", "1,000 imports of one batch of 2 ms, all at once, of one account beside whales", "ideal is its work at its share of the slots."}
	const n, took = 1000, 2 * ms
	for _, tt := range []struct {
		cluster
		batch time.Duration
	}{{tinyCluster, 200 * ms}, {tinyCluster, 830 * ms}, {halfCluster, 200 * ms}} {
		r := p.row(e, fmt.Sprintf("%s of %d ms", tt.cluster, tt.batch.Milliseconds()), "done ÷ ideal", &Target{AtMost: 2})
		share := float64(tt.nodes*tt.slots) / float64(tt.whales+1)
		best := time.Duration(n * float64(took) / share)
		p.trials = append(p.trials, func(seed int) error {
			return p.each(func() scene {
				s := tt.flooded(flood{n, 1, always(took), true}, uint64(seed))
				for i := range s.accounts {
					s.accounts[i].took = always(tt.batch)
				}
				return s
			}, seed, func(d Design, _ scene, o *outcome) { p.note(r, d.Name, seed, ratio(quantile(o.latencies(), 1), best)) })
		})
	}
}

func (p *program) e14() {
	e := experiment{"E14", "100 small imports of 5 batches at one moment, of as many accounts", "they are equals, so ideal is equal sharing, which lets nobody go first."}
	for _, c := range []cluster{tinyCluster, halfCluster, wholeCluster} {
		r := p.row(e, c.String(), "small p99 ÷ ideal", &Target{AtMost: 1.25})
		p.trials = append(p.trials, func(seed int) error {
			set := func() scene { return c.flooded(flood{imports: 100, batches: smallSize}, uint64(seed)) }
			best := quantile(idealTimes(set(), uint64(seed)), 0.99)
			return p.each(set, seed, func(d Design, _ scene, o *outcome) {
				p.note(r, d.Name, seed, ratio(quantile(o.latencies(), 0.99), best))
			})
		})
	}
}

func (p *program) e15() {
	e := experiment{
		"E15", "How far two accounts come apart that have work, wherever, as part of the bound: the worst that a search finds",
		"simulate fairness --attack searches for longer. A bound that the worst comes nowhere near would say nothing.",
	}
	plays := 25
	if p.short {
		plays = 5
	}
	for _, n := range []int{1, 4, 16} {
		r := p.row(e, fmt.Sprintf("%d dispatchers", n), "furthest apart ÷ bound", &Target{AtMost: 1})
		p.trials = append(p.trials, func(seed int) error {
			for _, d := range p.designs() {
				if d.Name != Designs[0].Name && d.Name != Designs[1].Name {
					continue
				}
				c := climber{Attack: Attack{Plays: 2 * plays, design: d}, dispatchers: n, rand: rand.New(rand.NewPCG(uint64(seed), uint64(n)))}
				if err := c.run(context.Background(), func() {}); err != nil {
					return err
				}
				p.note(r, d.Name, seed, c.best.score)
			}
			return nil
		})
	}
}

func (p *program) e16() {
	e := experiment{
		"E16", "A database that all share: from 25 of 100 busy slots on every batch takes busy ÷ 25 times as long",
		"as a processor that is shared: it does as many batches at a time as it has room for at full speed, and divides itself among more.",
	}
	slots := p.row(e, "49 whales and small imports", "Jain of the whales' time", &Target{AtLeast: 0.99})
	rows := p.row(e, "the same", "Jain of the whales' rows", &Target{AtLeast: 0.99})
	small := p.row(e, "the same", "small p99 ÷ ideal", &Target{AtMost: 1.25})
	bound := p.row(e, "the same", "furthest apart ÷ bound", &Target{AtMost: 1})
	p.trials = append(p.trials, func(seed int) error {
		const knee = 25
		during := p.measured()
		during.from, during.to = 2*during.from, during.to+during.from
		slowed := arena(arenaWhales, during, uint64(seed))
		for i := range slowed.arrivals {
			slowed.arrivals[i].account.row *= arenaNodes * arenaSlots / knee
		}
		best := quantile(idealTimes(slowed, uint64(seed)), 0.99)
		return p.each(func() scene {
			s := arena(arenaWhales, during, uint64(seed))
			s.knee, s.lags = knee, true
			return s
		}, seed, func(d Design, s scene, o *outcome) {
			p.note(slots, d.Name, seed, jain(s.usage()))
			p.note(rows, d.Name, seed, jain(s.output()))
			if furthest := s.drifted(); !d.local && !d.central {
				p.note(bound, d.Name, seed, furthest.of())
			}
			p.note(small, d.Name, seed, ratio(quantile(o.latencies(), 0.99), best))
		})
	})
}

// output is the batches that ended, of the accounts that always have work.
func (s *scene) output() (all []float64) {
	for i := range s.accounts {
		all = append(all, float64(s.accounts[i].ended))
	}
	return all
}
