package simulate

import "time"

// scene is what a run simulates.
type scene struct {
	nodes, slots int // slots of each node
	dispatchers  int
	accounts     []account     // with files that never end
	arrivals     []arrival     // imports, by time
	actors       []actor       // accounts that wait for their imports and send others
	span                       // what happens in it is measured
	window       time.Duration // of the slot time of the accounts; 0: not measured
	slow         float64       // share of the nodes that are slower
	slower       float64       // how many times
	blind        bool          // predictions are rows × perRow for ever: nothing is learnt
	uncopied     bool          // no second copies, whatever the design
	gaps         bool          // measure how long accounts wait, in rounds
	lags         bool          // measure how far apart accounts that have work drift
	cut          bool          // imports that have not ended with the span count as they are
	enough       int           // grants after which the span ends, at the latest; 0: it does not
	knee         int           // busy slots from which all get slower in proportion: a shared database; 0: never
	faults       faults
}

// arrival is an import that comes at a moment.
type arrival struct {
	at       time.Duration
	account  *account
	batches  int
	measured bool
}

// outcome is what a run measured.
type outcome struct {
	samples  []sample      // the measured imports, as they ended
	idle     time.Duration // slot time without work while work waited
	capacity time.Duration // slot time of the measured span
	until    time.Duration // end of the measured span
	grants   int
	copies   int
	useless  time.Duration // slot time of attempts whose batch another one committed
}

// sample is a measured import that ended.
type sample struct {
	batches int
	latency time.Duration // from its arrival to its last commit
	felt    bool          // its dispatcher died meanwhile
	lost    bool          // a node with a batch of it was lost
}

// of returns the latencies of the samples that match.
func (o *outcome) of(match func(sample) bool) (all []time.Duration) {
	for _, s := range o.samples {
		if match(s) {
			all = append(all, s.latency)
		}
	}
	return all
}

func (o *outcome) latencies() []time.Duration { return o.of(func(sample) bool { return true }) }

// idling is the share of slot time that was idle while work waited, in percent.
func (o *outcome) idling() float64 { return 100 * ratio(o.idle, o.capacity) }
