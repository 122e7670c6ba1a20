package console

import (
	"time"

	"github.com/chromedp/chromedp"

	"bulkhead/internal/bulk"
)

// demoLag is an hour in which two accounts were so far apart, a part of their bound by minute;
// below 0: not measured. Minutes that no value tells of are not known.
func demoLag(ahead, behind bulk.Account, ratios []float64) (lag bulk.Lag) {
	newest := time.Now().UTC().Truncate(time.Minute)
	side := func(a bulk.Account, slotMS float64) bulk.Served {
		return bulk.Served{Account: a.ID, Name: a.Name, Weight: a.Weight, SlotMS: slotMS, InFlight: 3, LongestMS: 310, UnsettledMS: 1240 / float64(a.Weight)}
	}
	for i := range 60 {
		m := bulk.LagMinute{End: newest.Add(time.Duration(i-59) * time.Minute), Complete: i >= 60-len(ratios)}
		if m.Complete && ratios[i-60+len(ratios)] >= 0 {
			ratio := ratios[i-60+len(ratios)]
			p := &bulk.Pair{Start: m.End.Add(-10 * time.Second), End: m.End, Accounts: 4, RoundsMS: 500, Ratio: ratio}
			p.Ahead, p.Behind = side(ahead, 2500), side(behind, 2500)
			p.BoundMS = p.RoundsMS + p.Ahead.UnsettledMS + p.Behind.UnsettledMS
			p.LagMS = ratio * p.BoundMS
			m.Worst = p
		}
		if lag.Worst == nil || m.Worst != nil && m.Worst.Ratio > lag.Worst.Ratio {
			lag.Worst = m.Worst
		}
		lag.Latest = m.Worst
		lag.Minutes = append(lag.Minutes, m)
	}
	return lag
}

// calmHour has been measured for 48 minutes, in some of which one account was alone.
func calmHour() (ratios []float64) {
	for i := range 48 {
		ratio := 0.09 + 0.02*float64(i*7%11)
		if i > 20 && i < 29 {
			ratio = -1
		}
		ratios = append(ratios, ratio)
	}
	return ratios
}

// scene is a cluster of one dispatcher that answers, with accounts that all have work.
func (w *demo) scene(accounts ...demoShare) demoCluster {
	c := w.demoCluster
	c.accounts, c.nodes = nil, nil
	q := bulk.Queue{Dispatcher: bulk.NewNodeID(bulk.RoleDispatcher), Partitions: []int32{0, 1, 2, 3}, Weight: 4, Calibration: bulk.Calibration{Waits: 2118, Median: 1080, Upper: 1949}}
	for _, s := range accounts {
		a := bulk.Account{ID: bulk.NewAccountID(), Name: s.name, Weight: s.weight, Cap: s.limit, RecordQuota: 1_000_000}
		c.accounts = append(c.accounts, a)
		q.Accounts = append(q.Accounts, bulk.AccountQueue{Account: a.ID, Waiting: s.waiting, InFlight: s.flying, SlotMS: s.slotMS, Oldest: new(time.Now().Add(-9 * time.Second))})
		q.Waiting += s.waiting
		q.InFlight += s.flying
	}
	c.queues = []bulk.Queue{q}
	c.nodes = append(c.nodes, demoNode{Node: bulk.Node{ID: q.Dispatcher, Role: bulk.RoleDispatcher}}, demoNode{Node: bulk.Node{ID: bulk.NewNodeID(bulk.RoleProcessor), Role: bulk.RoleProcessor, Slots: 8}})
	c.lag = demoLag(c.accounts[1], c.accounts[0], calmHour())
	return c
}

type demoShare struct {
	name            string
	weight          int
	waiting, flying int
	slotMS          float64
	limit           *int
}

// scenes are what operators may see on the page Fairness.
func (w *demo) scenes() []view {
	equal := w.scene(demoShare{"Halden & Voss", 1, 118, 2, 119_000, nil}, demoShare{"Kestrel Freight", 1, 64, 2, 121_000, nil}, demoShare{"Brightwater Foods", 1, 96, 2, 120_400, nil}, demoShare{"Osprey Retail", 1, 80, 2, 119_600, nil})
	weighted := w.scene(demoShare{"Halden & Voss", 1, 12, 1, 60_200, nil}, demoShare{"Kestrel Freight", 2, 41, 2, 119_100, nil}, demoShare{"Brightwater Foods", 4, 8, 4, 240_900, nil}, demoShare{"Mirabel Hotels", 8, 61, 1, 59_800, new(1)})
	attack := w.scene(demoShare{"Halden & Voss", 1, 118, 2, 119_000, nil}, demoShare{"Kestrel Freight", 1, 64, 2, 120_100, nil}, demoShare{"Osprey Retail", 1, 4812, 2, 118_400, nil}, demoShare{"Brightwater Foods", 1, 9, 2, 120_300, nil})
	unfair := w.scene(demoShare{"Halden & Voss", 1, 118, 1, 40_000, nil}, demoShare{"Osprey Retail", 1, 4812, 6, 362_000, nil}, demoShare{"Kestrel Freight", 1, 64, 1, 40_000, nil})
	ratios := append(calmHour()[:44], 0.4, 0.9, 1.7, 2.4)
	unfair.lag = demoLag(unfair.accounts[1], unfair.accounts[0], ratios)
	idle := w.scene(demoShare{"Halden & Voss", 1, 0, 0, 0, nil}, demoShare{"Kestrel Freight", 1, 0, 0, 0, nil})
	idle.lag = demoLag(idle.accounts[0], idle.accounts[1], []float64{.12, .2, .16, -1, -1, -1, -1, -1})
	idle.queues[0].Accounts = nil
	show := func(name string, c demoCluster) view {
		c.operator = true
		return view{name: "fairness-" + name, path: "/fairness", wait: "[data-mode=live]", world: func(w *demo) { w.demoCluster = c }}
	}
	unfolded := show("weights", weighted)
	unfolded.steps = []step{chromedp.Click("#bound-says summary"), chromedp.Click("#hour-table summary")}
	return []view{show("equal", equal), unfolded, show("attack", attack), show("unfair", unfair), show("idle", idle)}
}
