package drr_test

import (
	"testing"
	"time"

	"bulkhead/processors/drr"
)

func TestBound(t *testing.T) {
	const ms = time.Millisecond
	plain := drr.Backlog{Weight: 1, InFlight: 2, Longest: 200 * ms}
	heavy := drr.Backlog{Weight: 4, InFlight: 9, Longest: 2 * time.Second, Allowance: 1250 * ms}
	across := drr.Contention{Slots: 200, Nodes: 25, Weight: 99, At: [2]int{6, 6}, Longest: 200 * ms}
	for _, tt := range []struct {
		name string
		i, j drr.Backlog
		c    drr.Contention
		want time.Duration
	}{
		{"one dispatcher", plain, plain, drr.Contention{}, 500*ms + 2*600*ms},
		{"nobody is light", plain, plain, drr.Contention{Least: 2}, 250*ms + 2*600*ms},
		{"weight and allowance", plain, heavy, drr.Contention{}, 500*ms + 600*ms + 5*time.Second + 1250*ms},
		{"two dispatchers", plain, plain, across, 1700*ms + 2520*ms + 1010*ms + 1667*ms},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := drr.Bound(tt.i, tt.j, tt.c); (got - tt.want).Abs() > 2*ms {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if got, back := drr.Bound(tt.i, tt.j, tt.c), drr.Bound(tt.j, tt.i, tt.c); got != back {
				t.Errorf("%v one way round and %v the other", got, back)
			}
		})
	}
}
