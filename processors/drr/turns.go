package drr

// Turns decides between newcomers and the accounts in the round: newcomers first, but
// no more than a burst of them while others wait, and in the long run every other one;
// or more where newcomers may run so many times more than the others are due.
type Turns struct {
	burst int
	spent int // of the burst
}

// NewTurns returns turns in which newcomers may have so many dispatches in a row.
func NewTurns(burst int) Turns { return Turns{burst: burst} }

// Newcomers reports whether newcomers are next, where ahead is due to them and round to
// the others, in any unit.
func (t *Turns) Newcomers(ahead, round int) bool {
	return ahead > 0 && (round <= 0 || t.spent < t.burst)
}

// Took notes who was dispatched.
func (t *Turns) Took(newcomer bool, ahead, round int) {
	switch {
	case !newcomer:
		t.spent = max(t.spent-ratio(ahead, round), 0)
	case round <= 0: // nobody waits for it
		t.spent = 0
	default:
		t.spent++
	}
}

// ratio is how many dispatches newcomers get for each one to another.
func ratio(ahead, round int) int {
	if round <= 0 {
		return 1
	}
	return max(ahead/round, 1)
}
