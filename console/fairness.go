package console

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"bulkhead/internal/bulk"
)

// fairness answers how the accounts share the slots.
func (s *Server) fairness(w http.ResponseWriter, r *http.Request) error {
	f, _, err := s.readFairness(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, f)
}

// missed is how long after its last heartbeat a dispatcher is still missed: it takes half of that
// until its partitions have another owner, and nothing is known of them meanwhile.
const missed = 12 * time.Second

// readFairness gathers how all dispatchers stand, and the accounts that have no work.
func (s *Server) readFairness(ctx context.Context) (f bulk.Fairness, idle []bulk.Account, err error) {
	queues, err := s.queues(ctx)
	if err != nil {
		return f, nil, fmt.Errorf("ask dispatchers: %w", err)
	}
	nodes, err := s.Nodes.Nodes(ctx, "", bulk.SilentAfter)
	if err != nil {
		return f, nil, fmt.Errorf("list nodes: %w", err)
	}
	lately, err := s.Nodes.Nodes(ctx, bulk.RoleDispatcher, missed)
	if err != nil {
		return f, nil, fmt.Errorf("list dispatchers: %w", err)
	}
	accounts, err := s.Accounts.ListAccounts(ctx)
	if err != nil {
		return f, nil, fmt.Errorf("list accounts: %w", err)
	}
	f = bulk.Fairness{Time: time.Now().UTC(), Dispatchers: []bulk.DispatcherState{}, Silent: unanswered(lately, queues)}
	processors := 0
	for _, n := range nodes {
		if n.Role.Processes() {
			f.Slots.Total += n.Slots
			processors++
		}
	}
	for _, q := range queues {
		f.Slots.Busy += q.InFlight
		f.Calibration.Waits += q.Waits
		f.Calibration.Median += q.Median
		f.Calibration.Upper += q.Upper
		f.Dispatchers = append(f.Dispatchers, bulk.DispatcherState{
			Dispatcher: q.Dispatcher, Partitions: orEmpty(q.Partitions), Waiting: q.Waiting, InFlight: q.InFlight, BackingOff: q.BackingOff, Copies: q.Copies, Weight: q.Weight,
		})
	}
	slices.SortFunc(f.Dispatchers, func(a, b bulk.DispatcherState) int { return cmp.Compare(a.Dispatcher, b.Dispatcher) })
	f.Accounts, idle = shareAccounts(accounts, queues)
	fillShares(f.Accounts)
	f.Lag = s.Dispatchers.Lag(bulk.Measured{Queues: queues, Silent: len(f.Silent) > 0, Slots: f.Slots.Total, Nodes: processors})
	namePairs(f.Lag, accounts)
	return f, idle, nil
}

// namePairs gives the accounts of pairs their names.
func namePairs(lag bulk.Lag, accounts []bulk.Account) {
	names := make(map[bulk.AccountID]string, len(accounts))
	for _, a := range accounts {
		names[a.ID] = a.Name
	}
	pairs := []*bulk.Pair{lag.Latest, lag.Worst}
	for _, m := range lag.Minutes {
		pairs = append(pairs, m.Worst)
	}
	for _, p := range pairs {
		if p != nil {
			p.Ahead.Name, p.Behind.Name = names[p.Ahead.Account], names[p.Behind.Account]
		}
	}
}

// queues asks the dispatchers.
func (s *Server) queues(ctx context.Context) (queues []bulk.Queue, err error) {
	Await(ctx, func() { queues, err = s.Dispatchers.Queues(ctx) })
	return queues, err
}

// unanswered lists the dispatchers that gave no queue.
func unanswered(dispatchers []bulk.Node, queues []bulk.Queue) []bulk.NodeID {
	silent := []bulk.NodeID{}
	for _, n := range dispatchers {
		if !slices.ContainsFunc(queues, func(q bulk.Queue) bool { return q.Dispatcher == n.ID }) {
			silent = append(silent, n.ID)
		}
	}
	return silent
}

// shareAccounts merges the queues by account, with names, weights and caps as they are
// set now; those without work are idle. Both lists are by name.
func shareAccounts(accounts []bulk.Account, queues []bulk.Queue) (shares []bulk.AccountShare, idle []bulk.Account) {
	at := map[bulk.AccountID]bulk.AccountQueue{}
	for _, q := range queues {
		for _, a := range q.Accounts {
			at[a.Account] = addQueues(at[a.Account], a)
		}
	}
	shares = []bulk.AccountShare{}
	for _, a := range accounts {
		q, busy := at[a.ID]
		if !busy {
			idle = append(idle, a)
			continue
		}
		q.Weight, q.Cap = a.Weight, a.Cap
		shares = append(shares, bulk.AccountShare{AccountQueue: q, Name: a.Name})
	}
	byName := func(a, b string) int {
		return cmp.Or(strings.Compare(strings.ToLower(a), strings.ToLower(b)), strings.Compare(a, b))
	}
	slices.SortFunc(shares, func(a, b bulk.AccountShare) int { return byName(a.Name, b.Name) })
	slices.SortFunc(idle, func(a, b bulk.Account) int { return byName(a.Name, b.Name) })
	return shares, idle
}

// addQueues sums up an account that two dispatchers know, as while its partition moves.
func addQueues(a, b bulk.AccountQueue) bulk.AccountQueue {
	b.DeficitMS += a.DeficitMS
	b.SlotMS += a.SlotMS
	b.Waiting += a.Waiting
	b.Paused += a.Paused
	b.InFlight += a.InFlight
	b.Newcomer = b.Newcomer || a.Newcomer
	if b.Oldest == nil || a.Oldest != nil && a.Oldest.Before(*b.Oldest) {
		b.Oldest = a.Oldest
	}
	return b
}
