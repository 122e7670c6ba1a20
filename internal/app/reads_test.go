package app

import (
	"sync/atomic"
	"testing"
)

// A console apart reads with its CPUs, within its connections, and with half while imports
// are at work; one may always read.
func TestReadsGiveWayToImports(t *testing.T) {
	for _, tt := range []struct{ cpus, most, idle, importing int }{{1, 4, 1, 1}, {2, 4, 2, 1}, {4, 4, 4, 2}, {64, 4, 4, 2}, {64, 1, 1, 1}} {
		c := remoteCluster{cpus: tt.cpus, importing: &atomic.Bool{}}
		idle := c.Reads(tt.most)
		c.importing.Store(true)
		if importing := c.Reads(tt.most); idle != tt.idle || importing != tt.importing {
			t.Errorf("%d CPUs, %d connections: %d and %d while imports are at work, want %d and %d", tt.cpus, tt.most, idle, importing, tt.idle, tt.importing)
		}
	}
	for most, want := range map[int]int{0: 1, 1: 1, 2: 2} {
		if n := readers(most, false); n != want {
			t.Errorf("of %d %d may read, want %d", most, n, want)
		}
	}
}
