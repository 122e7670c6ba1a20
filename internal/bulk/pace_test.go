package bulk

import (
	"testing"
	"time"
)

func TestCoveredCountsOverlapsOnceAndGapsNever(t *testing.T) {
	at := func(s int) time.Time { return time.Date(2026, 11, 23, 12, 0, s, 0, time.UTC) }
	for _, tt := range []struct {
		name  string
		spans []Span
		want  time.Duration
	}{
		{"none", nil, 0},
		{"one", []Span{{at(1), at(3)}}, 2 * time.Second},
		{"a gap between two", []Span{{at(1), at(2)}, {at(50), at(52)}}, 3 * time.Second},
		{"side by side", []Span{{at(1), at(5)}, {at(3), at(7)}}, 6 * time.Second},
		{"one inside another, in any order", []Span{{at(4), at(5)}, {at(1), at(9)}}, 8 * time.Second},
		{"backwards", []Span{{at(9), at(1)}}, 0},
	} {
		if got := Covered(tt.spans); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestOnlyACommittedBatchWorked(t *testing.T) {
	end := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	if _, ok := (Batch{State: BatchStaged}).Working(); ok {
		t.Error("a batch that waits is said to have worked")
	}
	s, _ := Batch{CommittedAt: &end, ReadMS: 3, ValidateMS: 4, CommitMS: 5}.Working()
	if got := s.To.Sub(s.From); got != 12*time.Millisecond || s.To != end {
		t.Errorf("worked %v until %v", got, s.To)
	}
	if s, _ := (Batch{CommittedAt: &end}).Working(); s.To.Sub(s.From) != time.Millisecond {
		t.Errorf("a batch of no time worked %v", s.To.Sub(s.From))
	}
}
