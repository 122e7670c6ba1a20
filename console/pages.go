package console

import (
	"net/http"
	"strings"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/web"
)

// pageQueries are the parameters that pages take.
var pageQueries = map[string][]string{
	"GET /login":            {"next"},
	"GET /signed-in":        {"from"},
	"GET /imports":          {"q", "state", "dataset", "cursor"},
	"GET /imports/new":      {"dataset", "mode"},
	"POST /imports/preview": previewParameters,
	"GET /datasets/{name}":  {"cursor"},
	"GET /fairness":         {"changed"},
}

// pageRoutes registers the pages. Each asks the same ports as the API does; a page
// never calls the API.
func (s *Server) pageRoutes(handle func(pattern string, h http.Handler)) {
	s.errorPage = s.problemPage
	handle("GET /static/", web.Static())
	for pattern, h := range map[string]handler{
		"GET /login":          s.loginPage,
		"POST /login":         s.loginWithKey,
		"GET /login/{token}":  s.loginLinkPage,
		"POST /login/{token}": s.loginWithLink,
		"POST /logout":        s.logout,
	} {
		handle(pattern, s.serve(public, s.holding(smallAnswer, lenient(pageQueries[pattern], h))))
	}
	for pattern, h := range map[string]handler{
		"GET /{$}":                          s.startPage,
		"GET /imports":                      s.reading(listRead, s.importsPage),
		"GET /imports/new":                  s.reading(listRead, s.newImportPage),
		"POST /imports":                     s.startImport,
		"GET /imports/{id}":                 s.reading(viewRead, s.importPage),
		"GET /imports/{id}/cancel":          s.reading(lookupRead, s.cancelPage),
		"POST /imports/{id}/cancel":         s.steerPage(s.Imports.Cancel),
		"POST /imports/{id}/pause":          s.steerPage(s.Imports.Pause),
		"POST /imports/{id}/resume":         s.steerPage(s.Imports.Resume),
		"POST /imports/{id}/approve":        s.steerPage(s.Imports.Approve),
		"GET /datasets":                     s.reading(listRead, s.datasetsPage),
		"GET /datasets/{name}":              s.reading(recordsRead, s.datasetPage),
		"GET /datasets/{name}/template.csv": s.reading(lookupRead, s.templateCSV),
		"GET /datasets/{name}/sample.csv":   s.reading(listRead, s.sampleCSV),
		"GET /usage":                        s.reading(lookupRead, s.usagePage),
		"GET /signed-in":                    s.reading(lookupRead, s.signedInPage),
	} {
		handle(pattern, s.requirePage(account, lenient(pageQueries[pattern], h)))
	}
	for pattern, h := range map[string]handler{ // fetched by scripts, which must not be given the sign-in page
		"POST /imports/preview":  s.reading(previewRead, s.previewPart),
		"GET /imports/{id}/live": s.reading(viewRead, s.livePart),
	} {
		handle(pattern, s.serve(account, h))
	}
	for pattern, h := range map[string]handler{
		"GET /fairness":       s.reading(listRead, s.fairnessPage),
		"POST /fairness/{id}": s.steerAccount,
		"GET /cluster":        s.reading(lookupRead, s.clusterPage),
	} {
		handle(pattern, s.requirePage(operator, lenient(pageQueries[pattern], h)))
	}
	handle("GET /fairness/live", s.serve(operator, s.reading(listRead, s.fairnessPart)))
	handle("GET /cluster/live", s.serve(operator, s.reading(lookupRead, s.clusterPart)))
}

func (s *Server) startPage(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, "/imports", http.StatusSeeOther)
	return nil
}

// pageData is what every page's layout shows for this request.
func (s *Server) pageData(r *http.Request, section web.Section, title string) web.Page {
	p := s.principal(r)
	return web.Page{
		Title: title, Section: section, Path: pagePath(r), Account: s.accountName(r), AccountID: string(p.Account), Operator: p.Operator, Now: time.Now(),
	}
}

// accountName is shown in the header; a failure to read it must not cost the page.
func (s *Server) accountName(r *http.Request) string {
	p := s.principal(r)
	if p.Account == "" {
		return ""
	}
	if a, err := s.Accounts.Account(r.Context(), p.Account); err == nil && a.Name != "" {
		return a.Name
	}
	return string(p.Account)
}

// problemPage shows a failure to a person, who keeps the navigation where they are signed
// in: also at addresses that need no credential, or that there are not.
func (s *Server) problemPage(w http.ResponseWriter, r *http.Request, p *Problem) {
	r = s.recognised(r)
	v := web.ProblemView{Page: s.pageData(r, "", p.Title), Status: p.Status, Message: p.Detail, RequestID: p.RequestID}
	switch p.Status {
	case http.StatusUnauthorized:
		v.Title, v.Message = "You are signed out", "Sign in again to go on."
	case http.StatusNotFound:
		v.Title = "This page does not exist"
		if strings.HasPrefix(r.URL.Path, "/imports/") {
			v.Title = "This import does not exist"
		}
		v.Message = "It was never here, or it belongs to another account."
	case http.StatusForbidden:
		v.Title = "Not for this account"
	case http.StatusTooManyRequests:
		v.Title = "Too much at once"
	case http.StatusInternalServerError:
		v.Title, v.Message = "Something went wrong on our side", "Nothing that you sent is lost by this. Try again; if it stays, tell us the request below."
	case http.StatusServiceUnavailable:
		v.Title = "Not available right now"
	}
	s.page(w, r, p.Status, web.Problem(v)) // a failure to send is logged there
}

// message is the text of an error that is meant for people; ok is false for others.
func message(err error) (text string, ok bool) {
	if bulk.KindOf(err) == "" {
		return "", false
	}
	_, e := classify(err)
	return e.Message, true
}
