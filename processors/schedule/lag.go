package schedule

import (
	"maps"
	"slices"
	"time"

	"bulkhead/internal/bulk"
)

// How far apart accounts are, which [drr.Bound] bounds, is measured all the time: in windows that
// begin and end at the same moments at every dispatcher, so that accounts of two of them
// can be compared. Long ones show who drifts away slowly, short ones those who
// have work for a short time. Accounts count that had a batch that may run
// throughout, at one weight: others did not want all that they could have had.

// lengths are those of the windows, each a multiple of the one before.
var lengths = [...]time.Duration{10 * time.Second, time.Minute, 10 * time.Minute, time.Hour}

// windowsKept is for how long a window is remembered.
const windowsKept = time.Hour

// paying is for how long at least a batch is remembered that ended: its account may be in
// debt for it.
const paying = 10 * time.Minute

// meter closes the windows.
type meter struct {
	border time.Time         // at which the shortest one that is open ends
	since  time.Time         // from then on what it measured is all that happened to the accounts owned here
	least  [len(lengths)]int // weight of an account with work, by window
	recent [2]int            // the same, while a round may go on that began with it
	closed []bulk.LagWindow  // of the last hour
}

// served is what an account had of the slots.
type served struct {
	ended  time.Duration // slot time of leases that ended
	flying int           // leases
	since  time.Time     // border from which on it had a batch that may run, at one weight; zero: it had not
	recent [2]most       // while what it did may still be felt, newest first
	open   [len(lengths)]struct {
		before    time.Duration // slot time before the window
		allowance time.Duration // ÷ weight, when the window began
		most
	}
}

// most are the largest values of a time.
type most struct {
	inFlight int
	longest  time.Duration // of a batch, or of a charge
}

func (m most) with(o most) most {
	return most{max(m.inFlight, o.inFlight), max(m.longest, o.longest)}
}

// begin counts a lease that was granted.
func (v *served) begin() {
	v.flying++
	v.note(most{inFlight: v.flying})
}

// end counts what a lease is charged in all, which is its slot time with the calls around it, and
// the most that it was thought to take.
func (v *served) end(charged, longest time.Duration) {
	v.flying--
	v.ended += charged
	v.note(most{longest: max(charged, longest)})
}

func (v *served) note(m most) {
	v.recent[0] = v.recent[0].with(m)
	for i := range v.open {
		v.open[i].most = v.open[i].with(m)
	}
}

// weigh notes that an account of a weight has work.
func (m *meter) weigh(weight int) {
	for i := range m.least {
		m.least[i] = min(m.least[i], weight)
	}
	m.recent[0] = min(m.recent[0], weight)
}

// interrupt notes that an account may have nothing to run any more.
func (s *Scheduler) interrupt(id bulk.AccountID) {
	if a := s.accounts[id]; a != nil {
		if may, _ := s.queue.Due(id); !may {
			a.served.since = time.Time{}
		}
	}
}

// measure closes the windows that are over. It is called before anything happens, so that
// all is as it was when they ended.
func (s *Scheduler) measure(now time.Time) {
	m := &s.meter
	late := now.Sub(m.border)
	if late < 0 {
		return
	}
	if late < lengths[0] {
		s.closeWindows(m.border)
	} else { // it begins, or has been suspended
		m.since, m.recent = now, [2]int{1, 1}
		for _, a := range s.accounts {
			a.served.since = time.Time{}
		}
	}
	m.border = now.Truncate(lengths[0]).Add(lengths[0])
}

// closeWindows closes the windows that end at a border, and begins the next ones.
func (s *Scheduler) closeWindows(end time.Time) {
	used := s.usedBy(end)
	m := &s.meter
	m.closed = slices.DeleteFunc(m.closed, func(w bulk.LagWindow) bool { return end.Sub(w.End) >= windowsKept })
	for i, length := range lengths {
		if !ends(end, length) {
			continue
		}
		if w := s.window(i, end, used); w.Accounts > 0 {
			m.closed = append(m.closed, w)
		}
		m.least[i] = bulk.MaxWeight
	}
	if ends(end, paying) {
		m.recent = [2]int{bulk.MaxWeight, m.recent[0]}
	}
	for id, a := range s.accounts {
		if a.imports > 0 {
			m.weigh(a.weight)
		}
		may, ahead := s.queue.Due(id)
		a.served.next(end, used[id], ahead)
		switch v := &a.served; {
		case !may:
			v.since = time.Time{}
		case v.since.IsZero():
			v.since = end
		}
	}
}

// ends reports whether windows of a length end then.
func ends(end time.Time, length time.Duration) bool { return end.Truncate(length).Equal(end) }

// usedBy returns the slot time that each account has had until then, with what is in flight.
func (s *Scheduler) usedBy(end time.Time) map[bulk.AccountID]time.Duration {
	used := make(map[bulk.AccountID]time.Duration, len(s.accounts))
	for id, a := range s.accounts {
		used[id] = a.served.ended
	}
	for _, l := range s.leases {
		age := end.Sub(l.granted)
		used[l.Ref.Account] += age
		s.account(l.Ref.Account).served.note(most{longest: max(age, l.cost)})
	}
	return used
}

// next begins the windows that follow those which ended.
func (v *served) next(end time.Time, used, allowance time.Duration) {
	flying := most{inFlight: v.flying}
	for i, length := range lengths {
		if o := &v.open[i]; ends(end, length) {
			o.before, o.allowance, o.most = used, allowance, flying
		}
	}
	if ends(end, paying) {
		v.recent = [2]most{flying, v.recent[0]}
	}
}

// window is what was measured over the window of a length that ends now.
func (s *Scheduler) window(i int, end time.Time, used map[bulk.AccountID]time.Duration) bulk.LagWindow {
	begin := end.Add(-lengths[i])
	w := bulk.LagWindow{End: end, Length: lengths[i], Least: min(s.meter.least[i], s.meter.recent[0], s.meter.recent[1])}
	var all []bulk.Served
	for _, id := range slices.Sorted(maps.Keys(s.accounts)) {
		a := s.accounts[id]
		v := &a.served
		o := v.open[i].with(v.recent[0]).with(v.recent[1])
		w.LongestMS = max(w.LongestMS, ms(o.longest))
		if v.since.IsZero() || v.since.After(begin) {
			continue
		}
		w.Accounts++
		w.Weight += a.weight
		all = append(all, bulk.Served{
			Account: id, Weight: a.weight, SlotMS: ms(used[id] - v.open[i].before),
			InFlight: o.inFlight, LongestMS: ms(o.longest), AllowanceMS: ms(v.open[i].allowance),
		})
	}
	w.Furthest = furthest(all)
	return w
}

func ms(d time.Duration) float64 { return d.Seconds() * 1000 }
