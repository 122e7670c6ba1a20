package simulate

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// Attack says how to search for what the scheduler lets through. Zero values take the defaults.
type Attack struct {
	Plays       int    // at each number of dispatchers, half for each aim. Default: 400
	Dispatchers []int  // Default: 1, 4 and 16
	Seed        uint64 // the same seed finds the same
	Progress    func(done, total int)
	design      Design
}

// DefaultPlays is how many plays are tried at each number of dispatchers.
const DefaultPlays = 400

// Found is the worst that a search found at a number of dispatchers.
type Found struct {
	Dispatchers int     `json:"dispatchers"`
	Plays       int     `json:"plays"`
	Decisions   int     `json:"decisions"` // grants in all of them
	Apart       float64 `json:"apart"`     // how far two accounts came apart, as part of [drr.Bound]
	ApartBy     string  `json:"apart_by"`  // who did what
	Gain        float64 `json:"gain"`      // slot time of those who attack ÷ what they are entitled to
	GainBy      string  `json:"gain_by"`
}

// Search climbs hills over what accounts may do, in clusters of all sizes, towards two aims: that two
// accounts come as far apart as they can, as part of [drr.Bound], and that one gains as much as it can beside
// honest whales. A play that does better than the best of its climb is where the next one
// begins; after some plays another climb begins somewhere else.
func Search(ctx context.Context, a Attack) ([]Found, error) {
	a.Plays = cmp.Or(a.Plays, DefaultPlays)
	if len(a.Dispatchers) == 0 {
		a.Dispatchers = []int{1, 4, 16}
	}
	if a.design.queue == nil {
		a.design = Designs[0]
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	climbers := make([]climber, 2*len(a.Dispatchers))
	p := program{Options: Options{Progress: a.Progress}}
	for i := range climbers {
		c := &climbers[i]
		*c = climber{Attack: a, dispatchers: a.Dispatchers[i/2], forGain: i%2 == 1, rand: rand.New(rand.NewPCG(a.Seed, uint64(i)))}
		group.Go(func() error { return c.run(ctx, func() { p.tell(len(climbers) * (a.Plays / 2)) }) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var all []Found
	for i := 0; i < len(climbers); i += 2 {
		apart, gain := &climbers[i], &climbers[i+1]
		all = append(all, Found{
			apart.dispatchers, a.Plays / 2 * 2, apart.decisions + gain.decisions,
			apart.best.score, apart.best.String(), gain.best.score, gain.best.String(),
		})
	}
	return all, nil
}

// climber searches for one aim.
type climber struct {
	Attack
	dispatchers int
	forGain     bool
	rand        *rand.Rand
	decisions   int
	best        play
}

// climb is how many plays a climb has.
const climb = 25

func (c *climber) run(ctx context.Context, told func()) error {
	var at play
	for n := range c.Plays / 2 {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		next := c.change(at)
		if n%climb == 0 && (n/climb)%2 == 0 {
			next = c.draw()
		} else if n%climb == 0 {
			next = c.change(c.best)
		}
		if err := c.try(&next); err != nil {
			return fmt.Errorf("%s: %w", next, err)
		}
		if n%climb == 0 || next.score >= at.score {
			at = next
		}
		if next.score >= c.best.score {
			c.best = next
		}
		told()
	}
	return nil
}

// play is a cluster and what the accounts in it do.
type play struct {
	nodes, slots, dispatchers int
	whales                    int // honest ones
	strategies                []strategy
	seed                      uint64
	score                     float64
	result                    string
}

func (p play) String() string {
	var played []string
	for i := range p.strategies {
		played = append(played, p.strategies[i].String())
	}
	return fmt.Sprintf("%d nodes × %d slots, %d dispatchers, %d whales, run %d: %s%s",
		p.nodes, p.slots, p.dispatchers, p.whales, p.seed, strings.Join(played, "; "), p.result)
}

// try runs a play and scores it.
func (c *climber) try(p *play) error {
	const from, to = 5 * time.Second, 65 * time.Second
	s := scene{nodes: p.nodes, slots: p.slots, dispatchers: p.dispatchers, accounts: whales(p.whales, p.seed), span: span{from, to}, cut: true, lags: !c.forGain}
	s.enough = 100_000
	s.play(p.strategies, p.seed)
	o, err := runScene(s, c.design, p.seed)
	if err != nil {
		return err
	}
	c.decisions += o.grants
	s.to = o.until
	if c.forGain {
		p.score = s.gained()
		return nil
	}
	d := s.drifted()
	p.score = d.of()
	if d.i != nil {
		p.result = fmt.Sprintf(" — %s and %s are %.2f s apart from %.1f to %.1f s, bound %.2f s", d.i.id, d.j.id, d.lag.Seconds(), d.from.Seconds(), d.to.Seconds(), d.bound.Seconds())
	}
	return nil
}

// draw makes a play up.
func (c *climber) draw() play {
	p := play{dispatchers: c.dispatchers, seed: c.rand.Uint64N(1 << 20), nodes: 1 + c.rand.IntN(4), slots: 1 + c.rand.IntN(4)}
	if c.rand.IntN(8) == 0 {
		p.nodes, p.slots = 25, 8
	}
	n := 2 + c.rand.IntN(6)
	if c.forGain {
		p.nodes, p.slots, p.whales = arenaNodes, arenaSlots, arenaWhales
		n = 1 + c.rand.IntN(2)
	}
	for range n {
		p.strategies = append(p.strategies, c.strategy())
	}
	return p
}

// strategy makes one up.
func (c *climber) strategy() (s strategy) {
	s.weight = 1
	for n := 3 + c.rand.IntN(6); n > 0; n-- {
		c.vary(&s)
	}
	return s
}

// vary changes one thing about a strategy.
func (c *climber) vary(s *strategy) {
	r := c.rand
	longest := 10 * time.Second
	if c.forGain {
		longest = 2 * time.Second
	}
	switch r.IntN(11) {
	case 0:
		s.weight = 1 << r.IntN(5)
	case 1:
		s.took = always(c.between(ms, longest))
	case 2:
		a, b := c.between(ms, longest), c.between(ms, longest)
		s.took, s.bait = length{min(a, b), max(a, b)}, r.IntN(2)*r.IntN(6)
	case 3:
		s.batches = 0
	case 4:
		s.batches = 1 + r.IntN(30)
	case 5:
		s.imports = 1 + r.IntN(1+r.IntN(60))
	case 6:
		s.think, s.each = c.between(ms, 5*time.Second), r.IntN(2) == 0
	case 7:
		s.every, s.together = time.Duration(1+r.IntN(20))*250*ms, r.IntN(2) == 0
	case 8:
		s.rows = 1 + int64(c.between(1, 100_000))
		s.bytes = s.rows * int64(c.between(1, 10_000))
	case 9:
		s.accounts = 1 + r.IntN(1+r.IntN(12))
		s.beside = r.IntN(3) == 0 && c.forGain
	case 10:
		s.fails = float64(r.IntN(4)) * 0.25
	}
	if s.imports*max(s.accounts, 1) > 200 {
		s.imports = 1
	}
}

// between draws evenly over the orders of magnitude.
func (c *climber) between(least, most time.Duration) time.Duration {
	return time.Duration(float64(least) * math.Exp(c.rand.Float64()*math.Log(float64(most)/float64(least))))
}

// change returns a play that is a little different.
func (c *climber) change(p play) play {
	if len(p.strategies) == 0 {
		return c.draw()
	}
	p.strategies, p.result, p.score = slices.Clone(p.strategies), "", 0
	switch i := c.rand.IntN(len(p.strategies)); c.rand.IntN(8) {
	case 0:
		p.strategies[i] = c.strategy()
	case 1:
		if len(p.strategies) > 1 {
			p.strategies = slices.Delete(p.strategies, i, i+1)
		}
	case 2:
		if len(p.strategies) < 10 {
			p.strategies = append(p.strategies, p.strategies[i])
		}
	case 3:
		if !c.forGain {
			p.nodes, p.slots = 1+c.rand.IntN(4), 1+c.rand.IntN(4)
		}
	case 4:
		p.seed = c.rand.Uint64N(1 << 20)
	default:
		c.vary(&p.strategies[i])
	}
	return p
}

// String says it in words.
func (s *strategy) String() string {
	var w []string
	say := func(when bool, format string, args ...any) {
		if when {
			w = append(w, fmt.Sprintf(format, args...))
		}
	}
	say(s.accounts > 1, "%d accounts", s.accounts)
	say(s.weight > 1, "weight %d", s.weight)
	say(true, "%d imports", max(s.imports, 1))
	say(s.batches == 0, "without end")
	say(s.batches > 0, "of %d batches", s.batches)
	switch {
	case s.took == length{}:
		say(true, "of 200 ms")
	case s.took.least == s.took.most:
		say(true, "of %.3g s", s.took.most.Seconds())
	default:
		say(true, "of %.3g to %.3g s", s.took.least.Seconds(), s.took.most.Seconds())
	}
	say(s.bait > 0, "the first %d short", s.bait)
	say(s.rows > 0, "said to have %d rows and %d bytes", s.rows, s.bytes)
	say(s.fails > 0, "%.0f %% fail", 100*s.fails)
	if s.batches > 0 {
		say(s.each, "each followed by another")
		say(s.every == 0, "think %.3g s", s.think.Seconds())
		say(s.every > 0, "every %.3g s", s.every.Seconds())
		say(s.together, "together")
	}
	say(s.beside, "beside a whale")
	return strings.Join(w, ", ")
}
