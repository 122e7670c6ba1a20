package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

// victim is an account with an import in every state that could be tampered with.
type victim struct {
	*client
	imports []bulk.ImportID
	key     bulk.KeyID
	marks   []string // what nobody else may ever read
}

func newVictim(s *system) *victim {
	v := &victim{client: s.account("victim-account", 1000)}
	var list struct {
		Keys []bulk.APIKey `json:"keys"`
	}
	s.get("/v1/accounts/"+string(v.account)+"/keys", &list)
	v.key = list.Keys[0].ID

	header := "id,text,integer"
	file := []byte(lines(header, "1,VICTIM-TEXT,1", "2,VICTIM-REJECT,VICTIM-NUMBER"))
	done := v.run("dataset=things&filename=victim-done.csv", file)
	v.wantEnd(done, bulk.StateCompletedWithRejects, bulk.Counts{Read: 2, Created: 1, Rejected: 1})
	waiting := v.send("dataset=things&filename=victim-dry.csv&dry_run=true&mode=upsert", file)
	v.until(waiting.ID, func(imp bulk.Import) bool { return imp.State == bulk.StateAwaitingApproval })
	open, paused := v.create("victim-open.csv"), v.create("victim-paused.csv")
	a, err := v.ask(http.MethodPatch, "/v1/imports/"+string(paused)+"/content", strings.NewReader(header), http.Header{
		"Tus-Resumable": {"1.0.0"}, "Content-Type": {"application/offset+octet-stream"}, "Upload-Offset": {"0"},
	})
	if err != nil || a.status != http.StatusNoContent {
		v.t.Fatalf("PATCH: %v, %d %s", err, a.status, a.body)
	}
	v.steer(paused, "pause")

	v.imports = []bulk.ImportID{done.ID, waiting.ID, open, paused}
	v.marks = []string{"VICTIM", "victim-", string(v.account), string(v.key), *done.SHA256, v.batches(done.ID)[0].SHA256}
	for _, id := range v.imports {
		v.marks = append(v.marks, string(id))
	}
	return v
}

// create makes an import of 1,000 bytes, of which none is sent.
func (c *client) create(filename string) bulk.ImportID {
	c.t.Helper()
	var imp bulk.Import
	c.call(http.MethodPost, "/v1/imports", map[string]any{"dataset": "things", "filename": filename, "size": 1000}, &imp)
	return imp.ID
}

// snapshot is all that the victim can read about itself.
func (v *victim) snapshot() string {
	v.t.Helper()
	var all bytes.Buffer
	paths := []string{"/v1/imports", "/v1/usage", "/v1/datasets/things/records"}
	for _, id := range v.imports {
		for _, what := range []string{"", "/errors", "/batches", "/rejects.csv"} {
			paths = append(paths, "/v1/imports/"+string(id)+what)
		}
	}
	for _, path := range paths {
		a, err := v.ask(http.MethodGet, path, nil, nil)
		if err != nil || a.status != http.StatusOK {
			v.t.Fatalf("%s: %v, %d %s", path, err, a.status, a.body)
		}
		fmt.Fprintf(&all, "%s\n%s\n", path, lastByte.ReplaceAll(a.body, nil))
	}
	return all.String()
}

// lastByte is reckoned anew each time, from two clocks.
var lastByte = regexp.MustCompile(`,"last_byte_at":"[^"]*"`)

// signIn returns a client that has a browser session instead of a key.
func (c *client) signIn() *client {
	c.t.Helper()
	form := url.Values{"key": {c.key}}.Encode()
	a, err := c.ask(http.MethodPost, "/login", strings.NewReader(form), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
	c.must(err)
	cookies := (&http.Response{Header: a.header}).Cookies()
	if a.status != http.StatusSeeOther || len(cookies) != 1 {
		c.t.Fatalf("sign in: %d with cookies %v", a.status, cookies)
	}
	return &client{t: c.t, url: c.url, cookie: cookies[0], account: c.account}
}

// endpoints lists "METHOD /path" of the whole API, from its own description.
func (c *client) endpoints() (all []string) {
	c.t.Helper()
	var doc struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	c.get("/openapi.json", &doc)
	for path, methods := range doc.Paths {
		for method := range methods {
			all = append(all, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(all)
	return all
}

// public are the endpoints for everybody; they say nothing about anybody.
var public = []string{"GET /openapi.json", "GET /healthz", "GET /readyz", "GET /metrics", "OPTIONS /v1/imports", "OPTIONS /v1/imports/{id}/content"}

// overview is what shows operators all accounts at once.
var overview = []string{"GET /v1/fairness", "GET /v1/cluster"}

// pages are those that are about an import or show what an account has.
var pages = []string{
	"GET /", "GET /imports", "GET /imports/new", "GET /usage", "GET /datasets", "GET /datasets/things",
	"GET /imports/{id}", "GET /imports/{id}/live", "GET /imports/{id}/cancel",
	"POST /imports/{id}/cancel", "POST /imports/{id}/pause", "POST /imports/{id}/resume", "POST /imports/{id}/approve",
}

// operatorPages are those that show or steer every account.
var operatorPages = []string{"GET /fairness", "GET /fairness/live", "POST /fairness/{account}", "GET /cluster", "GET /cluster/live"}

// requests fills an endpoint with every id of the victim that fits. An endpoint with
// a parameter that this does not know fails the test, so that none is forgotten.
func (v *victim) requests(endpoint string) (all []string) {
	endpoint = strings.NewReplacer("{name}", "things", "{account}", string(v.account)).Replace(endpoint)
	if strings.Contains(endpoint, "/v1/accounts/{id}") {
		endpoint = strings.NewReplacer("{id}", string(v.account), "{key}", string(v.key)).Replace(endpoint)
	}
	if !strings.Contains(endpoint, "{id}") {
		all = []string{endpoint}
	} else {
		for _, id := range v.imports {
			all = append(all, strings.ReplaceAll(endpoint, "{id}", string(id)))
		}
	}
	if strings.Contains(all[0], "{") {
		v.t.Fatalf("no id is known for %s", endpoint)
	}
	return all
}

// attack sends the request and fails the test if the answer tells anything about the
// victim but what was in the request itself.
func (v *victim) attack(c *client, request string) answer {
	v.t.Helper()
	method, path, _ := strings.Cut(request, " ")
	header := http.Header{}
	switch {
	case strings.HasSuffix(path, "/content"):
		header = http.Header{"Tus-Resumable": {"1.0.0"}, "Content-Type": {"application/offset+octet-stream"}, "Upload-Offset": {"0"}}
		if method == http.MethodPost { // stands for another method
			header.Set("X-HTTP-Method-Override", http.MethodPatch)
		}
	case method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch:
		header.Set("Content-Type", "application/json")
	}
	var body bytes.Reader
	a, err := c.askWithin(10*time.Second, method, path, &body, header)
	if err != nil {
		v.t.Errorf("%s: %v", request, err) // a stream of events goes on for ever
	}
	said := string(a.body) + fmt.Sprint(a.header)
	for _, mark := range v.marks {
		if strings.Contains(said, mark) && !strings.Contains(path, mark) {
			v.t.Errorf("%s (%d) tells %q: %s", request, a.status, mark, a.body)
		}
	}
	return a
}

// No request reaches another account's row, object or event (invariant 7).
func TestAccountsAreIsolated(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	v := newVictim(s)
	before := v.snapshot()

	other := s.account("other", 1000)
	own := other.run("dataset=things", []byte(lines("id,text", "1,mine")))
	other.wantEnd(own, bulk.StateCompleted, bulk.Counts{Read: 1, Created: 1}) // the same key, another row
	stranger := &client{t: t, url: s.url, key: "bhk_00000000_" + strings.Repeat("A", 43)}
	everybody := map[string]*client{"key": other, "session": other.signIn(), "operator": s.client, "operator's session": s.signIn(), "stranger": stranger}

	for _, name := range slices.Sorted(maps.Keys(everybody)) {
		c := everybody[name]
		operator := strings.HasPrefix(name, "operator")
		for _, endpoint := range s.endpoints() {
			ofOperators := strings.Contains(endpoint, "/v1/accounts") || slices.Contains(overview, endpoint)
			for _, request := range v.requests(endpoint) {
				if operator && ofOperators {
					continue // that is what operators are for
				}
				a, want := v.attack(c, request), 0
				switch {
				case slices.Contains(public, endpoint):
				case c == stranger:
					want = http.StatusUnauthorized
				case ofOperators, strings.HasPrefix(endpoint, "PUT ") && !operator:
					want = http.StatusForbidden
				case strings.Contains(endpoint, "{id}"):
					want = http.StatusNotFound
				}
				if want != 0 && a.status != want {
					t.Errorf("%s: %s answers %d, want %d: %s", name, request, a.status, want, a.body)
				}
				if a.status >= http.StatusInternalServerError {
					t.Errorf("%s: %s answers %d: %s", name, request, a.status, a.body)
				}
			}
		}
		for _, page := range pages {
			for _, request := range v.requests(page) {
				a, want := v.attack(c, request), http.StatusNotFound
				switch {
				case c == stranger && strings.HasSuffix(page, "/live"):
					want = http.StatusUnauthorized // a part of a page; the page says so
				case c == stranger:
					want = http.StatusSeeOther // to the login
				case page == "GET /":
					want = http.StatusSeeOther
				case !strings.Contains(page, "{id}"):
					want = http.StatusOK
				}
				if a.status != want {
					t.Errorf("%s: page %s answers %d, want %d", name, request, a.status, want)
				}
			}
		}
	}

	for _, name := range []string{"key", "session", "stranger"} {
		for _, page := range operatorPages {
			want := http.StatusForbidden
			if name == "stranger" {
				want = http.StatusSeeOther
				if strings.HasSuffix(page, "/live") {
					want = http.StatusUnauthorized
				}
			}
			for _, request := range v.requests(page) {
				if a := v.attack(everybody[name], request); a.status != want {
					t.Errorf("%s: page %s answers %d, want %d", name, request, a.status, want)
				}
			}
		}
	}

	for _, query := range []string{"cursor=" + string(bulk.NewImportID()), "search=victim", "state=paused", "dataset=things&limit=200"} {
		for _, imp := range other.imports(query) {
			if imp.AccountID != other.account {
				t.Errorf("the list with %s holds an import of %s", query, imp.AccountID)
			}
		}
	}
	if records := other.records("things"); len(records) != 1 || records[0]["text"] != "mine" {
		t.Errorf("records %v, want only one's own", records)
	}
	if after := v.snapshot(); after != before {
		t.Errorf("the victim was changed:\n%s\n--- before:\n%s", after, before)
	}
}

// A key or session that was taken away opens nothing any more.
func TestRevokedKey(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	v := newVictim(s)
	v.imp(v.imports[0])
	s.call(http.MethodDelete, "/v1/accounts/"+string(v.account)+"/keys/"+string(v.key), nil, nil)
	if p := v.try(http.MethodGet, "/v1/imports", nil, nil); p == nil || p.Status != http.StatusUnauthorized {
		t.Errorf("a revoked key: %+v, want 401", p)
	}
}

// An idempotency key means something to its own account alone.
func TestForeignIdempotencyKey(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	var ids []bulk.ImportID
	for _, name := range []string{"one", "two"} {
		c := s.account(name, 10)
		a, err := c.ask(http.MethodPost, "/v1/imports?dataset=things", strings.NewReader(lines("id,text", "1,"+name)), http.Header{"Idempotency-Key": {"same"}})
		c.must(err)
		var imp bulk.Import
		if p := c.decode(a, &imp); p != nil {
			t.Fatalf("%+v", *p)
		}
		c.wantEnd(c.end(imp.ID), bulk.StateCompleted, bulk.Counts{Read: 1, Created: 1})
		ids = append(ids, imp.ID)
	}
	if ids[0] == ids[1] {
		t.Errorf("two accounts share import %s", ids[0])
	}
}
