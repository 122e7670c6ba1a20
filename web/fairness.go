package web

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"bulkhead/internal/bulk"
)

// FairnessView is how the accounts share the slots, for operators.
type FairnessView struct {
	Page
	Fairness bulk.Fairness
	Idle     []bulk.Account // without work, at most MaxIdle
	MoreIdle int            // how many more there are
	Changed  *bulk.Account  // was just changed; nil: none
}

// MaxIdle bounds the idle accounts that the page lists.
const MaxIdle = 100

// known reports whether every account's dispatcher answered, so that no work is hidden.
func (v FairnessView) known() bool {
	return len(v.Fairness.Silent) == 0 && len(v.Fairness.Dispatchers) > 0
}

func (v FairnessView) waiting() (n int64) {
	for _, d := range v.Fairness.Dispatchers {
		n += int64(d.Waiting)
	}
	return n
}

func (v FairnessView) backingOff() (n int64) {
	for _, d := range v.Fairness.Dispatchers {
		n += int64(d.BackingOff)
	}
	return n
}

func (v FairnessView) copies() (n int64) {
	for _, d := range v.Fairness.Dispatchers {
		n += int64(d.Copies)
	}
	return n
}

// due is how many of an account's batches may run.
func due(a bulk.AccountShare) int { return a.Waiting - a.Paused }

func (v FairnessView) due() (n int) {
	for _, a := range v.Fairness.Accounts {
		n += due(a)
	}
	return n
}

// pressing is the account that has three in four of the batches that are due beside
// others, if they are many; else nil.
func (v FairnessView) pressing() *bulk.AccountShare {
	all := v.due()
	for _, a := range v.Fairness.Accounts {
		if n := due(a); n >= 100 && n < all && 4*n >= 3*all && !paused(a.Cap) {
			return &a
		}
	}
	return nil
}

// byShare are the accounts with work: the one that presses, then those that used most of the
// last minute. In steps of five in a hundred, so that the rows of equals stay where they are.
func (v FairnessView) byShare() []bulk.AccountShare {
	first := v.pressing()
	step := func(a bulk.AccountShare) int {
		if first != nil && a.Account == first.Account {
			return 21
		}
		return int(20*a.Used + .5)
	}
	accounts := slices.Clone(v.Fairness.Accounts)
	slices.SortStableFunc(accounts, func(a, b bulk.AccountShare) int { return cmp.Compare(step(b), step(a)) })
	return accounts
}

// overShare tells how many times its share an account used, if that is clearly more.
func overShare(a bulk.AccountShare) string {
	if a.Used < 1.25*a.Entitled || a.Used < a.Entitled+.05 || a.Entitled == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f ×", a.Used/a.Entitled)
}

// steered is an account as its form shows it.
type steered struct {
	ID     bulk.AccountID
	Name   string
	Weight int
	Cap    *int
}

func (s steered) capValue() string {
	if s.Cap == nil {
		return ""
	}
	return fmt.Sprint(*s.Cap)
}

func paused(limit *int) bool { return limit != nil && *limit == 0 }

// changeSays says what an account is set to now.
func changeSays(a bulk.Account) string {
	limit := "no cap"
	switch {
	case paused(a.Cap):
		limit = "paused: no batch of it begins"
	case a.Cap != nil:
		limit = "at most " + count(int64(*a.Cap), "batch") + " in flight"
	}
	return fmt.Sprintf("weight %d, %s. Dispatchers follow within 250 ms.", a.Weight, limit)
}

// millionths makes a share between 0 and 1 a whole number, for percent.
func millionths(f float64) int64 { return int64(f*1e6 + .5) }

// portion renders a share between 0 and 1 as a percentage.
func portion(f float64) string {
	switch p := 100 * f; {
	case p > 0 && p < 0.1:
		return "< 0.1 %"
	case p > 0 && p < 9.95:
		return fmt.Sprintf("%.1f %%", p)
	default:
		return fmt.Sprintf("%.0f %%", p)
	}
}

// calibrationSays tells how true the estimates of waits have been, at the dispatchers
// that answer and since they started.
func calibrationSays(c bulk.Calibration) string {
	if c.Waits == 0 {
		return "No wait was measured yet, so nothing is known about how good the estimates are."
	}
	return fmt.Sprintf("Of %s, %s ended before the median estimate and %s before the upper one.", count(c.Waits, "wait"), portion(float64(c.Median)/float64(c.Waits)), portion(float64(c.Upper)/float64(c.Waits)))
}

// ranges renders ascending numbers as "0–3, 7".
func ranges(all []int32) string {
	var parts []string
	for i := 0; i < len(all); {
		j := i
		for j+1 < len(all) && all[j+1] == all[j]+1 {
			j++
		}
		part := fmt.Sprint(all[i])
		if j > i {
			part += fmt.Sprintf("–%d", all[j])
		}
		parts, i = append(parts, part), j+1
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}
