package drr

import "time"

// gate decides between newcomers and the accounts in the round. Newcomers come first, but
// not by more than a burst of slot time while others wait, and in the long run they get as
// much as the others; or more where their weights are a multiple of the others', so that
// they always have what is due to them. It counts slot time: counted in dispatches, a
// thousand long batches would pass for as many short ones.
type gate struct {
	burst time.Duration // where the newcomers' weights are not more than the others'
	spent time.Duration // by newcomers ahead of the round, less what the round got since
}

// newcomersShare is how many times its weights newcomers may get of what the round gets,
// where that is more than as much.
const newcomersShare = 5

// admits reports whether newcomers are next.
func (g *gate) admits(d Demand) bool { return d.Ahead > 0 && (d.Round == 0 || g.spent < g.most(d)) }

// most is the burst by weight.
func (g *gate) most(d Demand) time.Duration {
	return g.burst * time.Duration(max(1, d.Fresh/max(d.Round, 1)))
}

// took notes to whom slot time went, or is given back where it is negative.
func (g *gate) took(newcomer bool, cost time.Duration, d Demand) {
	switch {
	case d.Round == 0: // nobody waits for it
		g.spent = 0
	case newcomer:
		g.spent += cost
	case d.Ahead == 0: // they would save it up
		g.spent = max(g.spent-cost, 0)
	default: // what one batch of the round makes due to them, however long it is
		due := cost * time.Duration(d.favour())
		g.spent = max(g.spent-due, -due)
	}
	g.spent = min(g.spent, 2*g.most(d)) // one newcomer's longest batch is no debt of all others
}

// favour is how much slot time newcomers get for each that the round gets.
func (d Demand) favour() int { return int(max(1, newcomersShare*d.Fresh/max(d.Round, 1))) }
