package schedule

import (
	"cmp"
	"slices"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
)

// levels are parts of the bound. If the lag of any pair is such a part of its bound, then so is
// that of the pair which is found: none that breaks its bound is overlooked. A bound
// is a sum of what belongs to either account and of what all have in common, so at each
// level it takes one account that is ahead of the others by the most beyond that part of its own,
// and one that is behind. At level 0 those are furthest apart in slot time.
var levels = [...]float64{0, 1. / 4, 1. / 2, 1}

// furthest returns those accounts that may be of the worst pair, here or with another
// dispatcher's.
func furthest(all []bulk.Served) (out []bulk.Served) {
	if len(all) == 0 {
		return nil
	}
	for _, level := range levels {
		for _, sign := range []float64{1, -1} {
			v := extreme(all, level, sign)
			if !slices.Contains(out, v) {
				out = append(out, v)
			}
		}
	}
	return out
}

// extreme returns the account that is most ahead (sign 1) or behind (-1) at a level.
func extreme(all []bulk.Served, level, sign float64) bulk.Served {
	beyond := func(v bulk.Served) float64 { return sign*per(v) - level*ms(backlog(v).Unsettled()) }
	return slices.MaxFunc(all, func(a, b bulk.Served) int {
		return cmp.Or(cmp.Compare(beyond(a), beyond(b)), int(sign)*cmp.Compare(b.Account, a.Account)) // of two that are even, one is ahead
	})
}

// per is slot time ÷ weight, in milliseconds.
func per(v bulk.Served) float64 { return v.SlotMS / float64(v.Weight) }

func backlog(v bulk.Served) drr.Backlog {
	return drr.Backlog{Weight: v.Weight, InFlight: v.InFlight, Longest: duration(v.LongestMS), Allowance: duration(v.AllowanceMS)}
}

func duration(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

// span is when a window was.
type span struct {
	end    time.Time
	length time.Duration
}

// Lag merges what all dispatchers measured within the last hour.
func Lag(now time.Time, of bulk.Measured) bulk.Lag {
	at := make(map[span][]bulk.LagWindow)
	for _, q := range of.Queues {
		for _, w := range q.Windows {
			when := span{w.End.UTC(), w.Length}
			at[when] = append(at[when], w)
		}
	}
	newest := now.Add(-time.Second).Truncate(lengths[0]).UTC() // by then all have closed it
	first := newest.Add(time.Minute - 1).Truncate(time.Minute).Add(-59 * time.Minute)
	lag := bulk.Lag{Minutes: make([]bulk.LagMinute, 60)}
	for i := range lag.Minutes {
		end := first.Add(time.Duration(i) * time.Minute)
		begin := end.Add(-time.Minute)
		m := &lag.Minutes[i]
		m.End, m.Complete = end, complete(of, begin)
		for border := begin.Add(lengths[0]); !border.After(end); border = border.Add(lengths[0]) {
			var p *bulk.Pair
			for _, length := range lengths {
				p = worse(p, worst(of, at[span{border, length}]))
			}
			m.Worst = worse(m.Worst, p)
			if newest.Sub(border) < time.Minute {
				lag.Latest = worse(lag.Latest, p)
			}
		}
		lag.Worst = worse(lag.Worst, m.Worst)
	}
	return lag
}

// complete reports whether no account is hidden from then on.
func complete(of bulk.Measured, from time.Time) bool {
	return !of.Silent && len(of.Queues) > 0 && !slices.ContainsFunc(of.Queues, func(q bulk.Queue) bool { return q.Measured.After(from) })
}

// worst returns the worst pair of one window, measured by several dispatchers; nil: there is none.
func worst(of bulk.Measured, windows []bulk.LagWindow) (worst *bulk.Pair) {
	all := drr.Contention{Slots: of.Slots, Nodes: of.Nodes}
	accounts := 0
	for _, w := range windows {
		all.Weight += w.Weight
		all.Longest = max(all.Longest, duration(w.LongestMS))
		accounts += w.Accounts
	}
	for i, from := range windows {
		for j, to := range windows {
			between := all
			between.Least = min(from.Least, to.Least)
			if i != j {
				between.At = [2]int{from.Weight, to.Weight}
			}
			for _, level := range levels {
				ahead, behind := extreme(from.Furthest, level, 1), extreme(to.Furthest, level, -1)
				if ahead.Account == behind.Account || per(ahead) < per(behind) {
					continue
				}
				p := pair(ahead, behind, between)
				p.Start, p.End, p.Accounts = from.End.Add(-from.Length).UTC(), from.End.UTC(), accounts
				worst = worse(worst, p)
			}
		}
	}
	return worst
}

// pair holds two accounts against their bound.
func pair(ahead, behind bulk.Served, c drr.Contention) *bulk.Pair {
	bound := ms(drr.Bound(backlog(ahead), backlog(behind), c))
	ahead.UnsettledMS, behind.UnsettledMS = ms(backlog(ahead).Unsettled()), ms(backlog(behind).Unsettled())
	common := drr.Bound(drr.Backlog{}, drr.Backlog{}, c)
	c.At = [2]int{}
	rounds := drr.Bound(drr.Backlog{}, drr.Backlog{}, c)
	lag := per(ahead) - per(behind)
	return &bulk.Pair{Ahead: ahead, Behind: behind, LagMS: lag, BoundMS: bound, Ratio: lag / bound, RoundsMS: ms(rounds), DispatchersMS: ms(common - rounds)}
}

func worse(a, b *bulk.Pair) *bulk.Pair {
	if a == nil || b != nil && b.Ratio > a.Ratio {
		return b
	}
	return a
}

// Latest is the worst pair of the accounts here, of the windows that ended within the last
// minute; nil: no two had work throughout one.
func (s *Scheduler) Latest() (latest *bulk.Pair) {
	for _, w := range slices.Backward(s.meter.closed) {
		if s.meter.border.Sub(w.End) > time.Minute {
			break
		}
		latest = worse(latest, worst(bulk.Measured{}, []bulk.LagWindow{w}))
	}
	return latest
}
