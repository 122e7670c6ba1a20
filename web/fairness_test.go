package web

import (
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

func TestEveryReasonToWaitHasASentence(t *testing.T) {
	said := map[string]bool{(ImportView{Wait: &bulk.Wait{}}).waitSays(): true} // of a reason that is not known
	for _, reason := range []bulk.WaitReason{
		bulk.WaitsForNothing, bulk.WaitsForOthers, bulk.WaitsForOwn, bulk.WaitsForCap, bulk.WaitsForPause, bulk.WaitsForRetry, bulk.WaitsForFile, bulk.WaitsForOwner,
	} {
		text := (ImportView{Wait: &bulk.Wait{Reason: reason}}).waitSays()
		if said[text] {
			t.Errorf("%s says nothing of its own: %q", reason, text)
		}
		said[text] = true
	}
}

func TestEstimateIsHonest(t *testing.T) {
	for _, tt := range []struct {
		median, upper time.Duration
		want          string
	}{
		{0, 0, ""},
		{2600 * time.Millisecond, 11500 * time.Millisecond, "It begins most likely within 3 s, almost certainly within 12 s."},
		{time.Millisecond, 900 * time.Millisecond, "It begins almost certainly within 1 s."},
		{0, 9 * time.Second, "It begins almost certainly within 9 s."},
		{21 * time.Second, 119 * time.Second, "It begins most likely within 25 s, almost certainly within 120 s."},
		{121 * time.Second, 3 * time.Hour, "It begins most likely within 3 min, almost certainly within 3 h."},
	} {
		if got := estimate(bulk.Wait{Median: tt.median, Upper: tt.upper}); got != tt.want {
			t.Errorf("%v and %v: got %q, want %q", tt.median, tt.upper, got, tt.want)
		}
	}
}

func TestRanges(t *testing.T) {
	for want, all := range map[string][]int32{"none": {}, "3": {3}, "0–2": {0, 1, 2}, "0–1, 3, 7–9": {0, 1, 3, 7, 8, 9}} {
		if got := ranges(all); got != want {
			t.Errorf("%v: got %q, want %q", all, got, want)
		}
	}
}

func TestPortion(t *testing.T) {
	for f, want := range map[float64]string{0: "0 %", .0004: "< 0.1 %", .0123: "1.2 %", .0999: "10 %", .25: "25 %", .909: "91 %", 1: "100 %"} {
		if got := portion(f); got != want {
			t.Errorf("%v: got %q, want %q", f, got, want)
		}
	}
}

func TestCalibrationInWords(t *testing.T) {
	for want, c := range map[string]bulk.Calibration{
		"No wait was measured yet, so nothing is known about how good the estimates are.":      {},
		"Of 1 wait, 100 % ended before the median estimate and 100 % before the upper one.":    {Waits: 1, Median: 1, Upper: 1},
		"Of 1,240 waits, 52 % ended before the median estimate and 91 % before the upper one.": {Waits: 1240, Median: 645, Upper: 1128},
	} {
		if got := calibrationSays(c); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
