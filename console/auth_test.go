package console

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
)

// Every route of the table refuses who may not call it.
func TestEveryRouteChecksItsCaller(t *testing.T) {
	a := newAPI(t)
	for _, rt := range a.server.routes() {
		method, path, _ := strings.Cut(rt.pattern, " ")
		path = strings.NewReplacer("{id}", string(bulk.NewImportID()), "{name}", "contacts", "{key}", string(bulk.NewKeyID())).Replace(path)
		stranger, plain := a.do("", method, path, ""), a.do(a.alice, method, path, "")
		if want := rt.access != public; (stranger.Code == 401) != want {
			t.Errorf("%s without a credential: got %d", rt.pattern, stranger.Code)
		} else if want && !strings.HasPrefix(stranger.Header().Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: 401 without WWW-Authenticate", rt.pattern)
		}
		if (plain.Code == 403) != (rt.access == operator) {
			t.Errorf("%s as no operator: got %d", rt.pattern, plain.Code)
		}
	}
}

func TestBadCredentials(t *testing.T) {
	a := newAPI(t)
	other, _ := bulk.NewSecret()
	for header, code := range map[string]string{
		"Bearer " + other: "unauthorized", "Bearer x": "bad_api_key", "Basic " + a.alice: "bad_api_key", "Bearer": "bad_api_key", a.alice: "bad_api_key",
	} {
		wantProblem(t, a.do("", "GET", "/v1/usage", "", "Authorization", header), 401, code)
	}
	if rec := a.do("", "GET", "/v1/usage", "", "Authorization", "bearer  "+a.alice); rec.Code != 200 {
		t.Errorf("scheme in lower case: got %d", rec.Code)
	}
	for hash := range a.keys {
		if len(hash) != 64 || strings.Contains(hash, "bhk_") {
			t.Errorf("the store saw %q, want a hash", hash)
		}
	}
	if strings.Contains(a.log.String(), a.alice) {
		t.Error("the log holds a secret")
	}
}

// aliceCookie signs alice in by a one-time link and returns her cookie.
func aliceCookie(t *testing.T, a *api) *http.Cookie {
	t.Helper()
	link := bulk.NewToken()
	a.links[bulk.HashSecret(link)] = bulk.Principal{Account: a.aliceID, Name: "alice"}
	rec := httptest.NewRecorder()
	if err := a.server.signInWithLink(rec, httptest.NewRequest("POST", "/login/x", nil), link); err != nil {
		t.Fatal(err)
	}
	if err := a.server.signInWithLink(httptest.NewRecorder(), httptest.NewRequest("POST", "/login/x", nil), link); bulk.KindOf(err) != bulk.KindUnauthorized {
		t.Errorf("the link worked twice: %v", err)
	}
	return rec.Result().Cookies()[0]
}

func TestSessionCookie(t *testing.T) {
	a := newAPI(t, func(c *Config) { c.SecureCookies = true })
	c := aliceCookie(t, a)
	if c.Name != "bulkhead_session" || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.MaxAge != 12*60*60 {
		t.Errorf("cookie %+v", c)
	}
	if rec := a.do("", "GET", "/v1/usage", "", "Cookie", c.Name+"="+c.Value); rec.Code != 200 {
		t.Errorf("signed in: got %d", rec.Code)
	}
	wantProblem(t, a.do("", "GET", "/v1/usage", "", "Cookie", c.Name+"=other"), 401, "unauthorized")
	if _, plain := a.sessions[c.Value]; plain || len(a.sessions) != 1 {
		t.Error("the store holds the session's token itself")
	}
	r := httptest.NewRequest("POST", "/logout", nil)
	r.AddCookie(c)
	rec := httptest.NewRecorder()
	if err := a.server.signOut(rec, r); err != nil || len(a.sessions) != 0 || rec.Result().Cookies()[0].Value != "" {
		t.Errorf("sign out: %v, sessions %d, cookie %v", err, len(a.sessions), rec.Result().Cookies())
	}
}

func TestSignInWithKey(t *testing.T) {
	a := newAPI(t)
	rec := httptest.NewRecorder()
	if err := a.server.signInWithKey(rec, httptest.NewRequest("POST", "/login", nil), " "+a.bob+"\n"); err != nil {
		t.Fatal(err)
	}
	if p := a.sessions[bulk.HashSecret(rec.Result().Cookies()[0].Value)]; p.Account != a.bobID {
		t.Errorf("session of %+v, want bob's", p)
	}
	if err := a.server.signInWithKey(rec, httptest.NewRequest("POST", "/login", nil), "letmein"); bulk.KindOf(err) != bulk.KindUnauthorized {
		t.Errorf("a wrong key: %v", err)
	}
}

func TestUnsafeRequestsFromOtherOriginsAreRefused(t *testing.T) {
	a := newAPI(t)
	c := aliceCookie(t, a)
	imp := a.seed(a.aliceID, bulk.StateProcessing)
	cancel := func(headers ...string) *httptest.ResponseRecorder {
		return a.do("", "POST", importPath(imp.ID)+"/cancel", "", append(headers, "Cookie", c.Name+"="+c.Value)...)
	}
	wantProblem(t, cancel("Sec-Fetch-Site", "cross-site"), 403, "cross_origin")
	wantProblem(t, cancel("Sec-Fetch-Site", "same-site"), 403, "cross_origin")
	wantProblem(t, cancel("Origin", "https://evil.example"), 403, "cross_origin")
	if state := a.imports[imp.ID].State; state != bulk.StateProcessing {
		t.Fatalf("another site's page made the import %s", state)
	}
	if rec := cancel("Sec-Fetch-Site", "same-origin", "Origin", "http://example.com"); rec.Code != 200 {
		t.Errorf("our own page: got %d %s", rec.Code, rec.Body)
	}
}

func TestPagesSendStrangersToLogin(t *testing.T) {
	a := newAPI(t)
	h := a.server.requirePage(account, func(w http.ResponseWriter, r *http.Request) error {
		w.Write([]byte(a.server.principal(r).Name))
		return nil
	})
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest("GET", "/imports?state=failed", nil))
	if rec.Code != 303 || rec.Header().Get("Location") != "/login?next=%2Fimports%3Fstate%3Dfailed" {
		t.Errorf("got %d to %q", rec.Code, rec.Header().Get("Location"))
	}
	r, rec := httptest.NewRequest("GET", "/imports", nil), httptest.NewRecorder()
	r.AddCookie(aliceCookie(t, a))
	if h.ServeHTTP(rec, r); rec.Body.String() != "alice" {
		t.Errorf("signed in: got %d %q", rec.Code, rec.Body)
	}
}

func TestNextPathStaysHere(t *testing.T) {
	for next, want := range map[string]string{
		"/imports?state=failed": "/imports?state=failed", "": "/", "https://evil.example/": "/", "//evil.example": "/", `/\evil.example`: "/", "imports": "/", "/a\r\nb": "/", "javascript:alert(1)": "/",
	} {
		if got := nextPath(next); got != want {
			t.Errorf("nextPath(%q) = %q, want %q", next, got, want)
		}
	}
}

func TestAnswersCarrySecurityHeaders(t *testing.T) {
	a := newAPI(t)
	for _, path := range []string{"/healthz", "/v1/usage", "/v1/nothing"} {
		h := a.do("", "GET", path, "").Header()
		csp := h.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") ||
			h.Get("X-Content-Type-Options") != "nosniff" || h.Get("X-Frame-Options") != "DENY" || h.Get("Cache-Control") != "no-store" || h.Get("X-Request-Id") == "" {
			t.Errorf("%s: headers %v", path, h)
		}
	}
	if id := a.do("", "GET", "/healthz", "", "X-Request-Id", "proxy-1").Header().Get("X-Request-Id"); id != "proxy-1" {
		t.Errorf("request id of the proxy became %q", id)
	}
	if id := a.do("", "GET", "/healthz", "", "X-Request-Id", "a b\n").Header().Get("X-Request-Id"); id == "a b\n" || id == "" {
		t.Errorf("a forged request id was taken: %q", id)
	}
}

func TestUnknownAddressesAndMethods(t *testing.T) {
	a := newAPI(t)
	wantProblem(t, a.do(a.alice, "GET", "/v1/nothing", ""), 404, "no_such_address")
	wantProblem(t, a.do("", "GET", "/nothing", ""), 404, "no_such_address")
	rec := a.do(a.alice, "DELETE", "/v1/usage", "")
	wantProblem(t, rec, 405, "method_not_allowed")
	if allow := rec.Header().Get("Allow"); allow != "GET, HEAD" {
		t.Errorf("Allow is %q", allow)
	}
}

func TestPeopleGetAnErrorPage(t *testing.T) {
	a := newAPI(t)
	a.server.errorPage = func(w http.ResponseWriter, _ *http.Request, p *Problem) {
		w.WriteHeader(p.Status)
		w.Write([]byte("sorry"))
	}
	if rec := a.do("", "GET", "/nothing", "", "Accept", "text/html,*/*"); rec.Code != 404 || rec.Body.String() != "sorry" {
		t.Errorf("got %d %q", rec.Code, rec.Body)
	}
	wantProblem(t, a.do("", "GET", "/v1/nothing", "", "Accept", "text/html"), 404, "no_such_address")
}

// failing answers every question about accounts with an error.
type failing struct {
	Accounts
	err error
}

func (f failing) Usage(context.Context, bulk.AccountID) (bulk.Usage, error) {
	if f.err == nil {
		panic("kaboom")
	}
	return bulk.Usage{}, f.err
}

func TestInternalErrorsStayInside(t *testing.T) {
	a := newAPI(t, func(c *Config) { c.Accounts = failing{c.Accounts, errors.New("disk /dev/sda is full")} })
	rec := a.do(a.alice, "GET", "/v1/usage", "")
	p := wantProblem(t, rec, 500, "internal")
	if strings.Contains(rec.Body.String(), "sda") || !strings.Contains(a.log.String(), "sda") || !strings.Contains(a.log.String(), p.RequestID) {
		t.Errorf("answer %s, log %s: want the cause in the log alone", rec.Body, a.log)
	}
}

func TestPanicsBecomeProblems(t *testing.T) {
	a := newAPI(t, func(c *Config) { c.Accounts = failing{c.Accounts, nil} })
	rec := a.do(a.alice, "GET", "/v1/usage", "")
	if wantProblem(t, rec, 500, "internal"); strings.Contains(rec.Body.String(), "kaboom") || !strings.Contains(a.log.String(), "kaboom") {
		t.Errorf("answer %s, log %s: want the panic in the log alone", rec.Body, a.log)
	}
}

func TestEveryKindHasItsStatus(t *testing.T) {
	want := map[bulk.Kind]int{
		bulk.KindInvalid: 400, bulk.KindUnauthorized: 401, bulk.KindForbidden: 403, bulk.KindNotFound: 404, bulk.KindConflict: 409,
		bulk.KindTooLarge: 413, bulk.KindUnprocessed: 422, bulk.KindUnavailable: 503, bulk.KindTooMany: 429,
	}
	for kind, status := range want {
		if p := newProblem(errors.Join(errors.New("outer"), bulk.Errorf(kind, "c", "m")), "r"); p.Status != status || p.Code != "c" {
			t.Errorf("%s: got %d %s, want %d", kind, p.Status, p.Code, status)
		}
	}
	if len(statuses) != len(want) {
		t.Errorf("the table has %d kinds, this test %d", len(statuses), len(want))
	}
	if p := newProblem(bulk.ErrSuperseded, "r"); p.Status != 409 {
		t.Errorf("superseded: got %d", p.Status)
	}
}

func TestLogNamesRoutesNotPaths(t *testing.T) {
	a := newAPI(t)
	imp := a.seed(a.aliceID, bulk.StateOpen)
	a.do(a.alice, "GET", importPath(imp.ID)+"?"+url.Values{"token": {"hush"}}.Encode(), "")
	if line := a.log.String(); strings.Contains(line, "hush") || strings.Contains(line, string(imp.ID)) || !strings.Contains(line, `route="GET /v1/imports/{id}"`) || !strings.Contains(line, "status=400") {
		t.Errorf("log line %s", line)
	}
}

func TestReadiness(t *testing.T) {
	a := newAPI(t)
	if rec := a.do("", "GET", "/readyz", ""); rec.Code != 200 {
		t.Errorf("ready: got %d", rec.Code)
	}
	a.unready = errors.New("store at 10.0.0.7 is away")
	rec := a.do("", "GET", "/readyz", "")
	if wantProblem(t, rec, 503, "not_ready"); strings.Contains(rec.Body.String(), "10.0.0.7") || rec.Header().Get("Retry-After") == "" {
		t.Errorf("unready: %s", rec.Body)
	}
	if rec := a.do("", "GET", "/healthz", ""); rec.Code != 200 {
		t.Errorf("health of an unready process: got %d", rec.Code)
	}
	if rec := a.do("", "GET", "/metrics", ""); rec.Code != 200 || rec.Body.String() != "bulkhead_measured 1" {
		t.Errorf("metrics: got %d %s", rec.Code, rec.Body)
	}
}
