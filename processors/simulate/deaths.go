package simulate

import "time"

// The cluster of E8 has few slots a node, so that 200 nodes are affordable.
const (
	deathSlots  = 2
	deathWhales = 50
	deathLoad   = 0.4 // of the smallest size that the cluster has
	deathFrom   = 10 * time.Second
	deathUntil  = 250 * time.Second
)

// deaths is E8: a dispatcher dies and a node is lost every minute, while the nodes
// become 200 and then 50.
func deaths(seed uint64) scene {
	measured := span{deathFrom, deathUntil}
	return scene{
		nodes: manyNodes, slots: deathSlots, dispatchers: dispersed,
		accounts: whales(deathWhales, seed), arrivals: smalls(deathLoad, 50*deathSlots, measured, seed),
		span: measured,
		faults: faults{
			deaths: time.Minute, crashes: time.Minute,
			resize: []resize{{100 * time.Second, 200}, {160 * time.Second, 50}},
		},
	}
}

// unhurt is the same, and nothing dies.
func unhurt(seed uint64) scene {
	s := deaths(seed)
	s.faults.deaths, s.faults.crashes = 0, 0
	return s
}
