package web

import (
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

func TestShareNeverRoundsAway(t *testing.T) {
	for _, tt := range []struct {
		part, whole int64
		want        string
	}{
		{0, 10, "0 %"},
		{1, 1_000_000, "< 0.1 %"},
		{999_999, 1_000_000, "> 99.9 %"},
		{10, 10, "100 %"},
		{1, 40, "2.5 %"},
		{995, 1000, "99 %"},
		{0, 0, "–"},
	} {
		if got := share(tt.part, tt.whole); got != tt.want {
			t.Errorf("share(%d, %d): got %q, want %q", tt.part, tt.whole, got, tt.want)
		}
	}
}

func TestSpanAndAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "< 1 ms", 300 * time.Microsecond: "< 1 ms", 12 * time.Millisecond: "12 ms", 120 * time.Millisecond: "0.1 s", 820 * time.Millisecond: "0.8 s", 42 * time.Second: "42 s", 185 * time.Second: "3 min 5 s", 130 * time.Minute: "2 h 10 min", 72 * time.Hour: "3 days",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%v): got %q, want %q", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "just now", 59 * time.Second: "59 s ago", 90 * time.Second: "1 min ago", 25 * time.Hour: "1 d ago", 60 * 24 * time.Hour: "24 Sep 2026",
	} {
		if got := ago(now.Add(-d), now); got != want {
			t.Errorf("ago(%v): got %q, want %q", d, got, want)
		}
	}
}

func TestPerSecondHasThreeDigits(t *testing.T) {
	for rate, want := range map[float64]string{0.01: "< 0.1", 0.5: "0.5", 12.7: "12", 1234: "1,230", 287_654: "288,000"} {
		if got := perSecond(rate); got != want {
			t.Errorf("perSecond(%v): got %q, want %q", rate, got, want)
		}
	}
}

// Status is never told by colour alone: each state has its own word, and a shape.
func TestEveryStateHasItsOwnWordAndAShape(t *testing.T) {
	words := map[string]bulk.State{}
	for _, s := range bulk.States {
		l := stateBadge(s)
		if l.Word == string(s) || l.Icon == "" || l.Tone == "" || l.Says == "" {
			t.Errorf("%s has no badge: %+v", s, l)
		}
		if by, taken := words[l.Word]; taken {
			t.Errorf("%s and %s are both called %q", s, by, l.Word)
		}
		words[l.Word] = s
	}
}
