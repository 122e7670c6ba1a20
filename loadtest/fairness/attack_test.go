package main

import (
	"encoding/csv"
	"math"
	"testing"
	"time"
)

// working is an account that commits a batch of so many rows and of that length every
// time that one has passed, for so many seconds.
func working(seconds float64, each time.Duration, rows int64) *account {
	i := &importing{}
	for at := each; at <= time.Duration(seconds*float64(time.Second)); at += each {
		i.batches = append(i.batches, batch{Rows: rows, Committed: start.Add(at), CommitMS: each.Milliseconds() - 2})
	}
	return &account{imports: []*importing{i}}
}

func TestAttackersGain(t *testing.T) {
	honestly := func() *account { return working(60, 100*time.Millisecond, 100) }
	for _, tt := range []struct {
		name          string
		attacker      *account
		gain, victims float64
		jain, rows    float64
	}{
		{"as much, in longer batches", working(60, time.Second, 100), 1, 1, 1, 0.8006},
		{"twice as much", &account{imports: append(working(60, 100*time.Millisecond, 100).imports, working(60, 100*time.Millisecond, 100).imports...)}, 2, 0.8, 0.8929, 0.8929},
		{"less: the rest is the others'", working(20, 100*time.Millisecond, 100), 0.31, 1, 0.8859, 0.8859},
	} {
		p := play{whales: whales{honestly(), honestly(), honestly(), tt.attacker}, begun: start, over: start.Add(time.Minute)}
		var run attackRun
		run.judge(p, attackers{account: tt.attacker}, 4)
		near := func(a, b float64) bool { return math.Abs(a-b) < 0.02 }
		if !near(run.Gain, tt.gain) || !near(run.Victims, tt.victims) || !near(run.Jain, tt.jain) || !near(run.JainRows, tt.rows) {
			t.Errorf("%s: got %+v, want %+v", tt.name, run, tt)
		}
	}
}

func TestSplitAddsUpToTheWholeTime(t *testing.T) {
	at := func(n int) time.Time { return start.Add(time.Duration(n) * time.Millisecond) }
	one := func(queue int64, end int) *importing {
		finished := at(end)
		return &importing{
			posted: at(0), imp: imported{FinishedAt: &finished},
			batches: []batch{
				{Staged: at(100), Leased: at(110), Committed: at(200)},
				{Staged: at(150), Leased: at(170 + int(queue)), Committed: at(end - 5), QueueMS: queue},
			},
		}
	}
	alone, beside := meanSplit([]*importing{one(0, 305)}), meanSplit([]*importing{one(100, 405), one(300, 805)})
	if want := (split{150, 20, 0, 130, 5}); alone != want || alone.total() != 305 {
		t.Errorf("alone: got %+v, want %+v", alone, want)
	}
	if want := (split{150, 20, 200, 230, 5}); beside != want {
		t.Errorf("beside: got %+v, want %+v", beside, want)
	}
	if got, want := beside.over(alone), (slowdown{1.984, 200, 100, 0.667}); got != want {
		t.Errorf("got %+v, want %+v: two thirds of it are waiting", got, want)
	}
}

func TestWideRowsHaveAsManyCellsAsColumns(t *testing.T) {
	d := dataset{more: wide}
	rows, err := csv.NewReader(file{d, 1, 20}.open()).ReadAll() // which wants equal lengths
	if err != nil || len(rows) != 21 || len(rows[0]) != len(d.columns()) || rows[0][99] != "m89" {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}
