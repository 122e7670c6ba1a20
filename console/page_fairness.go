package console

import (
	"net/http"
	"net/url"
	"strconv"

	"bulkhead/internal/bulk"
	"bulkhead/web"
)

func (s *Server) fairnessPage(w http.ResponseWriter, r *http.Request) error {
	return s.showFairness(w, r, http.StatusOK, "")
}

// showFairness renders the page, with a notice when a change was refused.
func (s *Server) showFairness(w http.ResponseWriter, r *http.Request, status int, notice string) error {
	v, err := s.fairnessView(r)
	if err != nil {
		return err
	}
	v.Notice = notice
	if id := r.URL.Query().Get("changed"); notice == "" && bulk.ValidID("acc", id) {
		if a, err := s.Accounts.Account(r.Context(), bulk.AccountID(id)); err == nil {
			v.Changed = &a
		}
	}
	return s.page(w, r, status, web.Fairness(v))
}

// fairnessPart is the changing part of the page, for live.js.
func (s *Server) fairnessPart(w http.ResponseWriter, r *http.Request) error {
	v, err := s.fairnessView(r)
	if err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, web.FairnessLive(v))
}

func (s *Server) fairnessView(r *http.Request) (v web.FairnessView, err error) {
	f, idle, err := s.readFairness(r.Context())
	if err != nil {
		return v, err
	}
	shown := min(len(idle), web.MaxIdle)
	v = web.FairnessView{Page: s.pageData(r, web.SectionFairness, "Fairness"), Fairness: f, Idle: idle[:shown], MoreIdle: len(idle) - shown}
	v.Scripts, v.Refresh = []string{"live.js"}, 15 // slow enough to fill a form in
	return v, nil
}

// steerAccount sets the weight and cap of an account from its form. The page then says
// what they are.
func (s *Server) steerAccount(w http.ResponseWriter, r *http.Request) error {
	a, err := s.pathAccount(r)
	if err != nil {
		return err
	}
	if err := s.readForm(w, r); err != nil {
		return err
	}
	change, err := parseSteer(r)
	if err == nil {
		err = s.applyChange(r.Context(), a.ID, change)
	}
	if bulk.KindOf(err) == bulk.KindInvalid {
		text, _ := message(err)
		return s.showFairness(w, r, http.StatusBadRequest, a.Name+": "+text)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/fairness?"+url.Values{"changed": {string(a.ID)}}.Encode(), http.StatusSeeOther)
	return nil
}

// parseSteer reads the form; an empty cap lifts the bound.
func parseSteer(r *http.Request) (c accountChange, err error) {
	weight, _ := strconv.Atoi(r.PostFormValue("weight")) // what is no number is out of bounds, too
	if err := bulk.CheckWeight(weight); err != nil {
		return c, err
	}
	c.Weight, c.Cap.given = &weight, true
	if text := r.PostFormValue("cap"); text != "" {
		limit, err := strconv.Atoi(text)
		if err != nil {
			return c, errBadCap
		}
		c.Cap.limit = &limit
	}
	return c, nil
}
