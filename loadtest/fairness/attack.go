package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"bulkhead/internal/wait"
)

// strategy is how an account tries to get more than an honest one with as much to do, which
// has one file of full batches. Its imports are staged beforehand.
type strategy struct {
	name    string
	about   string
	batches int64 // of all its imports; 0: as many as an honest one's
	imports int64
	rows    int64 // of a batch; 0: a full one
	wide    bool  // rows of many columns: a batch takes several times as long

	// In bursts, its imports are dry runs that wait for approval, so that the account is idle, and
	// are approved so many at once, when those before have ended and it has thought.
	burst int
	think time.Duration

	flicker time.Duration // all its imports are paused for so long, and resumed for so long
	helpers int           // accounts beside it, each with tiny imports, one after the other
}

// strategies are known to have worked against some scheduler, but for the first, which is the
// honest one, with which the others are compared.
var strategies = []strategy{
	{name: "honest", about: "as the three others"},
	{name: "wide", about: "one file of rows with 100 columns, so that batches take several times as long", wide: true, batches: 160},
	{name: "split", about: "the same, an import for each batch, so that none has a pace of its own", wide: true, batches: 160, imports: 160},
	{name: "oscillate", about: "the same, 20 batches at once; when they are done it thinks for 500 ms", wide: true, batches: 160, imports: 8, burst: 1, think: 500 * time.Millisecond},
	{name: "thousand", about: "1,000 imports of one batch of 20 rows", batches: 1000, imports: 1000, rows: 20},
	{name: "helpers", about: "an honest one with 20 accounts that import 20 rows, one import after the other", helpers: 20},
	{name: "flicker", about: "four files that it pauses for 150 ms and resumes for 150 ms", imports: 4, flicker: 150 * time.Millisecond},
}

// honest is how many accounts the attacker is one more of.
const honest = 3

// attackRun is what a strategy came to, while all had work waiting.
type attackRun struct {
	Name    string  `json:"name"`
	About   string  `json:"about"`
	Seconds float64 `json:"seconds"`

	Gain     float64 `json:"gain"`                // the attacker's slot time ÷ an honest account's on average
	Together float64 `json:"gain_with_helpers"`   // the same, its helpers' included
	Victims  float64 `json:"victims_entitlement"` // the least of an honest account's slot time ÷ what it is entitled to
	Jain     float64 `json:"jain"`                // of slot time, of the honest ones and the attacker
	JainRows float64 `json:"jain_rows"`           // of rows
	SlotUse  float64 `json:"slot_use"`

	AttackerMS float64 `json:"attacker_ms_per_batch"`
	HonestMS   float64 `json:"honest_ms_per_batch"`
	Done       float64 `json:"attacker_done_s,omitempty"` // since the start, if it had less to do than there was time

	Took   quantiles          `json:"small_import"`
	Splits splits             `json:"small_import_splits"`
	CPUs   map[string]float64 `json:"cpus"`
}

// attack plays each strategy for the same time, beside three honest whales and small imports.
func (b *bench) attack(ctx context.Context, r *record) error {
	r.Attack = nil
	times := arrivals(b.seed, max(b.imports/2, 10), r.Cost.ImportsPerSecond)
	for _, s := range strategies {
		if b.attacks != "" && !slices.Contains(strings.Split(b.attacks, ","), s.name) {
			continue
		}
		run, err := b.attackRun(ctx, s, times)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		r.Attack = append(r.Attack, run)
		b.say("%s: gain %.2f, victims %.2f, small p99 %.0f ms", s.name, run.Gain, run.Victims, run.Took.P99)
	}
	return nil
}

// attackers are the accounts of one attack.
type attackers struct {
	strategy
	account *account // which is the last of the whales
	helpers []*account
}

func (b *bench) attackRun(ctx context.Context, s strategy, times []time.Duration) (run attackRun, err error) {
	if err := b.order(ctx, "fair"); err != nil {
		return run, err
	}
	narrow, err := b.newDataset(ctx, "attack "+s.name, 0)
	if err != nil {
		return run, err
	}
	small, err := b.smallAccounts(ctx, narrow)
	if err != nil {
		return run, err
	}
	p := play{small: small, times: times, cut: true}
	foes := attackers{strategy: s}
	if err := b.prepare(ctx, &foes, narrow); err != nil {
		return run, err
	}
	each := b.cost.whaleBatches(honest, times) // were the attacker to get nothing
	shares := slices.Repeat([]share{{name: "honest", weight: 1, batches: each}}, honest)
	if foes.account == nil {
		mine := share{name: s.name, weight: 1, batches: s.batches, imports: s.imports, rows: s.rows}
		if mine.batches == 0 {
			mine.batches = each
		}
		if s.wide {
			in, err := b.newDataset(ctx, "wide", wide)
			if err != nil {
				return run, err
			}
			mine.in = &in
		}
		shares = append(shares, mine)
	}
	if p.whales, err = b.stage(ctx, narrow, shares...); err != nil {
		return run, err
	}
	if foes.account == nil {
		foes.account = p.whales[honest]
	} else {
		p.whales = append(p.whales, foes.account)
	}
	p.beside = foes.play
	p.others = foes.helpers
	if err := b.play(ctx, &p); err != nil {
		return run, err
	}
	run = attackRun{Name: s.name, About: s.about}
	run.judge(p, foes, b.slots)
	return run, b.clear(ctx)
}

// prepare uploads what waits for approval: dry runs are read and checked before the whales are
// there.
func (b *bench) prepare(ctx context.Context, foes *attackers, narrow dataset) error {
	dry := func(name string, in dataset, s share) (*account, error) {
		a, err := b.newAccount(ctx, name, in, 1)
		if err != nil {
			return nil, err
		}
		a.dry = true
		if err := b.sendAll(ctx, a, s); err != nil {
			return nil, err
		}
		return a, a.each(ctx, func(ctx context.Context, i *importing) error { return a.follow(ctx, i, "awaiting_approval") })
	}
	if foes.burst > 0 {
		in, err := b.newDataset(ctx, "wide", wide)
		if err != nil {
			return err
		}
		if foes.account, err = dry(foes.name, in, share{batches: foes.strategy.batches, imports: foes.imports}); err != nil {
			return err
		}
	}
	foes.helpers = make([]*account, foes.strategy.helpers)
	var g errgroup.Group
	g.SetLimit(4)
	for i := range foes.helpers {
		g.Go(func() (err error) {
			foes.helpers[i], err = dry(fmt.Sprintf("helper %d", i+1), narrow, share{batches: 40, imports: 40, rows: 20})
			return err
		})
	}
	return g.Wait()
}

// play does what the strategy says, until the context ends.
func (f attackers) play(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	if f.burst > 0 {
		g.Go(func() error { return f.account.bursts(ctx, f.burst, f.think) })
	}
	for _, a := range f.helpers {
		g.Go(func() error { return a.bursts(ctx, 1, 0) })
	}
	if f.flicker > 0 {
		g.Go(func() error { return f.account.flicker(ctx, f.flicker) })
	}
	return g.Wait()
}

// bursts approves the account's imports, some at once, and waits for their ends.
func (a *account) bursts(ctx context.Context, burst int, think time.Duration) error {
	for some := range slices.Chunk(a.imports, burst) {
		for _, i := range some {
			if err := a.steer(ctx, i, "approve"); err != nil {
				return ignore(ctx, err)
			}
		}
		for _, i := range some {
			if err := a.follow(ctx, i); err != nil {
				return ignore(ctx, err)
			}
		}
		if wait.For(ctx, think) != nil {
			return nil
		}
	}
	return nil
}

// flicker pauses and resumes all imports, over and over.
func (a *account) flicker(ctx context.Context, every time.Duration) error {
	for {
		for _, verb := range []string{"pause", "resume"} {
			err := a.each(ctx, func(ctx context.Context, i *importing) error { return a.steer(ctx, i, verb) })
			if err != nil {
				return ignore(ctx, err)
			}
			if wait.For(ctx, every) != nil {
				return nil
			}
		}
	}
}

// ignore drops an error that came of the context's end.
func ignore(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// judge computes a run's figures, of as many slots.
func (run *attackRun) judge(p play, foes attackers, slots int) {
	attacker, victims := whales{foes.account}, p.whales[:honest]
	from, to := p.begun.Add(headStart), p.over
	if busy := victims.allBusyUntil(); busy.Before(to) {
		to = busy
	}
	if foes.burst == 0 && foes.strategy.batches > 0 {
		if last := lastCommit(foes.account.batches()); foes.account.done() && last.Before(to) {
			run.Done = round(last.Sub(p.begun).Seconds())
			if foes.rows == 0 { // it would have gone on
				to = attacker.allBusyUntil()
			}
		}
	}
	run.Seconds = round(to.Sub(from).Seconds())
	got, each := used(attacker, from, to)[0], used(victims, from, to)
	helped, rest := sum(used(foes.helpers, from, to)), sum(used(p.small, from, to))
	fair := max((got+sum(each))/(honest+1), sum(each)/honest) // who uses less than an equal share leaves the rest to the others
	run.Gain, run.Together = round(got*honest/sum(each)), round((got+helped)*honest/sum(each))
	run.Victims = round(slices.Min(each) / fair)
	run.Jain, run.JainRows = jain(append(each, got)), jain(append(rowsOf(victims, from, to), rowsOf(attacker, from, to)[0]))
	run.SlotUse = round((got + sum(each) + helped + rest) / run.Seconds / float64(slots))
	run.AttackerMS, run.HonestMS = meanBatchMS(attacker, from, to), meanBatchMS(victims, from, to)
	run.Took, run.Splits, run.CPUs = quantilesOf(durations(p.sent)), splitsOf(p.sent), p.cpus
}

// done reports whether all imports came to their end by themselves.
func (a *account) done() bool {
	return !slices.ContainsFunc(a.imports, func(i *importing) bool { return i.imp.State == "cancelled" || !i.imp.ended() })
}
