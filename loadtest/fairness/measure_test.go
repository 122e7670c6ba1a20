package main

import (
	"encoding/csv"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestJain(t *testing.T) {
	for _, tt := range []struct {
		shares []float64
		want   float64
	}{
		{[]float64{3, 3, 3, 3}, 1},
		{[]float64{8, 0, 0, 0}, 0.25},
		{[]float64{2, 1}, 0.9},
		{[]float64{0, 0}, 0},
	} {
		if got := jain(tt.shares); got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.shares, got, tt.want)
		}
	}
}

func TestQuantiles(t *testing.T) {
	var times []time.Duration
	for i := range 200 {
		times = append(times, time.Duration(200-i)*time.Millisecond)
	}
	if got, want := quantilesOf(times), (quantiles{200, 100, 190, 198, 200}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, want := quantilesOf(times[:1]), (quantiles{1, 200, 200, 200, 200}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// busy is an account that committed a batch of 100 ms at each of the seconds.
func busy(seconds ...float64) *account {
	i := &importing{}
	for _, s := range seconds {
		i.batches = append(i.batches, batch{Committed: start.Add(time.Duration(s * float64(time.Second))), CommitMS: 98})
	}
	return &account{imports: []*importing{i}}
}

func TestSlotTimeBelongsToItsWindow(t *testing.T) {
	b := batch{Committed: start.Add(time.Second), ReadMS: 10, ValidateMS: 20, CommitMS: 68} // from 0.9005 s on
	for _, tt := range []struct {
		from, to float64
		want     time.Duration
	}{
		{0, 2, 99500 * time.Microsecond},
		{0.95, 2, 50 * time.Millisecond},
		{0, 0.95, 49500 * time.Microsecond},
		{0, 0.5, 0},
		{1, 2, 0},
	} {
		at := func(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }
		if got := b.within(at(tt.from), at(tt.to)); got != tt.want {
			t.Errorf("%v to %v: got %v, want %v", tt.from, tt.to, got, tt.want)
		}
	}
}

func TestLongestGap(t *testing.T) {
	w := whales{busy(1, 2, 5, 6, 30), busy(1, 3, 3.5)}
	for _, tt := range []struct {
		from, to int
		want     float64
	}{
		{1, 7, 3},
		{1, 4, 2}, // the first one's gap is cut off at both ends
		{2, 20, 14},
		{0, 1, 1},
		{31, 40, 0}, // all have ended
	} {
		if got := longestGap(w, start.Add(time.Duration(tt.from)*time.Second), start.Add(time.Duration(tt.to)*time.Second)); got != tt.want {
			t.Errorf("%d to %d: got %v, want %v", tt.from, tt.to, got, tt.want)
		}
	}
}

func TestSharesAreMeasuredWhileAllHaveWork(t *testing.T) {
	w := whales{busy(1, 2, 3, 4, 5, 6, 7, 8), busy(1, 2, 3, 4)} // the second has nothing waiting from 3.9 s on
	s := shareOut(w, []part{{Name: "a", Weight: 1}, {Name: "b", Weight: 1}}, start)
	if s.Worst != 0 || s.Parts[0].Batches != 3 || s.Parts[1].Batches != 3 || s.Parts[0].Share != 0.5 {
		t.Errorf("got %+v, want equal shares of 3 batches each", s)
	}
	s = shareOut(w, []part{{Name: "a", Weight: 3}, {Name: "b", Weight: 1}}, start)
	if s.Worst != 100 || s.Parts[1].Due != 0.25 {
		t.Errorf("got %+v, want the second at twice its due", s)
	}
}

func TestFileGivesItsOutcome(t *testing.T) {
	f := file{dataset{more: 2}, 1001, 2500}
	rows, err := csv.NewReader(f.open()).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	got, seen := counts{}, map[string]bool{}
	for _, r := range rows[1:] {
		got.Read++
		switch {
		case !slices.Contains(countries, r[4]):
			got.Rejected++
		case seen[r[0]]:
			got.Superseded++
		default:
			got.Created++
		}
		seen[r[0]] = true
	}
	if want := f.outcome(); got != want || want.Rejected != 50 || want.Superseded != 25 {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if first, last := rows[1][0], rows[2500][0]; first != "C000001001" || last != "C000003500" {
		t.Errorf("keys go from %s to %s", first, last)
	}
}

func TestArrivalsRepeat(t *testing.T) {
	a, b := arrivals(1, 1000, 5), arrivals(1, 1000, 5)
	if !slices.Equal(a, b) || !slices.IsSorted(a) {
		t.Error("the same seed gave other arrivals, or they are out of order")
	}
	if mean := a[999].Seconds() / 1000; mean < 0.18 || mean > 0.22 {
		t.Errorf("mean distance %.3f s, want 0.2", mean)
	}
	if slices.Equal(a, arrivals(2, 1000, 5)) {
		t.Error("another seed gave the same arrivals")
	}
}

// A scenario that ended before there was anything to measure has met no target.
func TestWhatWasNotMeasuredIsNotMet(t *testing.T) {
	for got, want := range map[float64]string{0: "**not measured**", 3.8: "met", 5.1: "**missed**"} {
		var out strings.Builder
		tables{w: &out}.atMost("furthest off", 0, got, 5)
		if !strings.HasSuffix(out.String(), "| "+want+" |\n") {
			t.Errorf("%v: %s, want %s", got, out.String(), want)
		}
	}
}
