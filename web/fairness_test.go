package web

import (
	"strings"
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

// lagView is a page on which a pair had these ratios to its bound, in the last minute and at worst.
func lagView(latest, worst float64, silent ...bulk.NodeID) (v FairnessView) {
	of := func(ratio float64) *bulk.Pair {
		if ratio < 0 {
			return nil
		}
		return &bulk.Pair{Ahead: bulk.Served{Name: "Ann"}, Behind: bulk.Served{Name: "Bo"}, Ratio: ratio, LagMS: 1000 * ratio, BoundMS: 1000}
	}
	v.Fairness = bulk.Fairness{Dispatchers: []bulk.DispatcherState{{}}, Silent: silent, Lag: bulk.Lag{Latest: of(latest), Worst: of(worst)}}
	return v
}

// Nothing is called fair that nobody looked at, and what is beyond the bound always is.
func TestVerdictIsWhatWasSeen(t *testing.T) {
	nobody := lagView(-1, -1)
	nobody.Fairness.Dispatchers = nil
	for name, tt := range map[string]struct {
		view FairnessView
		want string
	}{
		"all pairs are within":         {lagView(0.4, 0.9), "Within the bound"},
		"exactly at it":                {lagView(1, 1), "Within the bound"},
		"beyond":                       {lagView(1.01, 1.01), "Beyond the bound"},
		"beyond, although one is mute": {lagView(1.01, 1.01, "d"), "Beyond the bound"},
		"nobody had work":              {lagView(-1, -1), "Not measured"},
		"nobody had work just now":     {lagView(-1, 0.3), "Not measured"},
		"one is mute":                  {lagView(0.1, 0.1, "d"), "Not known"},
		"one is mute, nothing is seen": {lagView(-1, -1, "d"), "Not known"},
		"there is no dispatcher":       {nobody, "Not known"},
	} {
		if got := tt.view.verdict(); got.Word != tt.want {
			t.Errorf("%s: got %q, want %q", name, got.Word, tt.want)
		}
		text := render(t, FairnessLive(tt.view))
		if loud := strings.Contains(text, "That should never happen"); loud != (tt.want == "Beyond the bound") {
			t.Errorf("%s: a broken bound is told %v", name, loud)
		}
	}
	if past := render(t, FairnessLive(lagView(0.2, 1.5))); !strings.Contains(past, "That should never happen") || !strings.Contains(past, "150 %") {
		t.Error("a bound that was broken within the hour is not told")
	}
}

// Who sees no chart reads each minute in a table, and those without a pair say why.
func TestChartHasATable(t *testing.T) {
	v := lagView(0.25, 0.5)
	at := time.Date(2026, 3, 1, 13, 0, 0, 0, time.UTC)
	v.Fairness.Lag.Minutes = []bulk.LagMinute{{End: at}, {End: at.Add(time.Minute), Complete: true}, {End: at.Add(2 * time.Minute), Complete: true, Worst: v.Fairness.Lag.Worst}}
	text := render(t, FairnessLive(v))
	for _, want := range []string{
		"measured in 1 of 3 minutes, at most 50 %", "13:00</th><td colspan=\"4\" class=\"muted\">not known", "13:01</th><td colspan=\"4\" class=\"muted\">no two accounts had work",
		"Ann before Bo", "50 %</td>", `y="50" width="7" height="50"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	v.Fairness.Lag.Worst.Ratio = 4 // the scale follows, and the bound is a quarter of it
	if text = render(t, FairnessLive(v)); !strings.Contains(text, `y1="75" y2="75"`) || !strings.Contains(text, `class="fill over" x="21.5" y="0"`) {
		t.Error("the bound is not on the scale of a ratio of 4")
	}
}

func TestWhoPressesStandsFirst(t *testing.T) {
	account := func(name string, due int, used, entitled float64) bulk.AccountShare {
		return bulk.AccountShare{AccountQueue: bulk.AccountQueue{Account: bulk.AccountID(name), Waiting: due}, Name: name, Used: used, Entitled: entitled}
	}
	v := FairnessView{Fairness: bulk.Fairness{Accounts: []bulk.AccountShare{account("a", 10, .24, .25), account("b", 3, .26, .25), account("c", 20, .5, .25), account("d", 900, .25, .25)}}}
	order := ""
	for _, a := range v.byShare() {
		order += a.Name
	}
	if order != "dcab" {
		t.Errorf("got %s, want who presses, who used most, and equals by name", order)
	}
	if got := overShare(v.Fairness.Accounts[2]); got != "2.0 ×" {
		t.Errorf("who used twice its share is said to have %q", got)
	}
	if got := overShare(v.Fairness.Accounts[1]); got != "" {
		t.Errorf("who has its share is said to have %q of it", got)
	}
	v.Fairness.Accounts = v.Fairness.Accounts[3:]
	if v.pressing() != nil {
		t.Error("who is alone presses nobody")
	}
}
