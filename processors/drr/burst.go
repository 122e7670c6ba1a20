package drr

// burstGate decides between newcomers and the accounts in the round: newcomers first, but
// no more than a burst of them while others wait, and in the long run every other one;
// or more where newcomers may run so many times more than the others are due.
type burstGate struct {
	burst int
	spent int // of the burst
}

// newBurstGate returns a gate at which newcomers may have so many dispatches in a row.
func newBurstGate(burst int) burstGate { return burstGate{burst: burst} }

// admits reports whether newcomers are next, where ahead is due to them and round to
// the others, in any unit.
func (g *burstGate) admits(ahead, round int) bool {
	return ahead > 0 && (round <= 0 || g.spent < g.burst)
}

// took notes who was dispatched.
func (g *burstGate) took(newcomer bool, ahead, round int) {
	switch {
	case !newcomer:
		g.spent = max(g.spent-ratio(ahead, round), 0)
	case round <= 0: // nobody waits for it
		g.spent = 0
	default:
		g.spent++
	}
}

// ratio is how many dispatches newcomers get for each one to another.
func ratio(ahead, round int) int {
	if round <= 0 {
		return 1
	}
	return max(ahead/round, 1)
}
