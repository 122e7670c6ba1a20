package console

import (
	"net/http"

	"bulkhead/web"
)

func (s *Server) clusterPage(w http.ResponseWriter, r *http.Request) error {
	v, err := s.clusterPageView(r)
	if err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, web.Cluster(v))
}

// clusterPart is the changing part of the page, for live.js.
func (s *Server) clusterPart(w http.ResponseWriter, r *http.Request) error {
	v, err := s.clusterPageView(r)
	if err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, web.ClusterLive(v))
}

func (s *Server) clusterPageView(r *http.Request) (v web.ClusterView, err error) {
	c, err := s.readCluster(r.Context())
	if err != nil {
		return v, err
	}
	v = web.ClusterView{Page: s.pageData(r, web.SectionCluster, "Cluster"), Members: c.Nodes}
	v.Scripts, v.Refresh = []string{"live.js"}, 5
	return v, nil
}
