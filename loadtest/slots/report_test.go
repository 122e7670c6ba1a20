package main

import (
	"maps"
	"testing"
	"time"
)

func TestMedians(t *testing.T) {
	runs := []measurement{
		{RowsPerSecond: 30, CPUs: map[string]float64{"idle": 1}, Sessions: map[string]float64{"CPU": 0.5, "IO WALSync": 0.25}},
		{RowsPerSecond: 10, CPUs: map[string]float64{"idle": 2}, Sessions: map[string]float64{"CPU": 1.5}},
		{RowsPerSecond: 25, CPUs: map[string]float64{"idle": 3}, Sessions: map[string]float64{"CPU": 1}},
	}
	m := medianOf(2, runs)
	if m.RowsPerSecond != 25 || m.Least != 10 || m.Greatest != 30 || m.CPUs["idle"] != 2 {
		t.Errorf("got %+v", m)
	}
	if want := map[string]float64{"CPU": 1, "IO WALSync": 0}; !maps.Equal(m.Sessions, want) {
		t.Errorf("sessions %v, want %v", m.Sessions, want)
	}
	if got := middle([]float64{1, 2}); got != 1.5 {
		t.Errorf("median of two is %v, want 1.5", got)
	}
}

func TestPartsShareTheBusyTime(t *testing.T) {
	begun := time.Now()
	before := sight{at: begun, cpu: map[string]float64{"PostgreSQL besides": 10}, busy: 100}
	after := sight{at: begun.Add(10 * time.Second), cpu: map[string]float64{"PostgreSQL besides": 15, "processor": 4}, busy: 112}
	got := after.since(before)
	if got["PostgreSQL besides"] != 0.5 || got["processor"] != 0.4 || got["others"] != 0.3 {
		t.Errorf("got %v, want 0.5 of PostgreSQL, 0.4 of the processor, 0.3 of others", got)
	}
}
