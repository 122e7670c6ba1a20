package console

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"bulkhead/internal/bulk"
)

// forgotten is how long after its last heartbeat a process is not listed any more.
const forgotten = 10 * time.Minute

// clusterView is the processes of the cluster.
type clusterView struct {
	Time  time.Time     `json:"time"`
	Nodes []bulk.Member `json:"nodes"` // by role, in the order of the data, then by id
}

func (s *Server) cluster(w http.ResponseWriter, r *http.Request) error {
	v, err := s.readCluster(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, v)
}

// readCluster lists the processes that were seen lately, with what dispatchers own.
func (s *Server) readCluster(ctx context.Context) (v clusterView, err error) {
	queues, err := s.queues(ctx)
	if err != nil {
		return v, fmt.Errorf("ask dispatchers: %w", err)
	}
	v = clusterView{Time: time.Now().UTC(), Nodes: []bulk.Member{}}
	nodes, err := s.Nodes.Nodes(ctx, "", forgotten)
	if err != nil {
		return v, fmt.Errorf("list nodes: %w", err)
	}
	live, err := s.Nodes.Nodes(ctx, "", bulk.SilentAfter) // as the database's clock has it, not ours
	if err != nil {
		return v, fmt.Errorf("list nodes: %w", err)
	}
	for _, n := range nodes {
		m := bulk.Member{Node: n, Silent: !slices.ContainsFunc(live, func(l bulk.Node) bool { return l.ID == n.ID })}
		for _, q := range queues {
			if q.Dispatcher == n.ID {
				m.Partitions = orEmpty(q.Partitions)
			}
		}
		v.Nodes = append(v.Nodes, m)
	}
	slices.SortFunc(v.Nodes, func(a, b bulk.Member) int {
		return cmp.Or(cmp.Compare(a.Role.Place(), b.Role.Place()), cmp.Compare(a.ID, b.ID))
	})
	return v, nil
}
