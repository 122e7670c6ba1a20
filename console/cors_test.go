package console

import (
	"net/http"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
)

const shop = "https://shop.example"

func TestOtherOriginsAreNotLetIn(t *testing.T) {
	for name, tweak := range map[string]func(*Config){
		"by default": func(*Config) {}, "but those that are named": func(c *Config) { c.AllowedOrigins = []string{"https://other.example"} },
	} {
		a := newAPI(t, tweak)
		for _, method := range []string{"OPTIONS", "GET", "POST"} {
			rec := a.do(a.alice, method, "/v1/imports", "", "Origin", shop, "Access-Control-Request-Method", "POST")
			for header := range rec.Header() {
				if strings.HasPrefix(header, "Access-Control-") {
					t.Errorf("%s, %s: %s", name, method, header)
				}
			}
		}
	}
}

func TestAllowedOrigin(t *testing.T) {
	a := newAPI(t, func(c *Config) { c.AllowedOrigins = []string{shop} })
	allowed := func(path string, asks ...string) http.Header {
		rec := a.do("", "OPTIONS", path, "", append([]string{"Origin", shop}, asks...)...)
		if h := rec.Header(); rec.Code == http.StatusNoContent && h.Get("Access-Control-Allow-Origin") == shop && strings.Contains(strings.Join(h.Values("Vary"), ","), "Origin") && h.Get("Access-Control-Allow-Credentials") == "" {
			return h
		}
		t.Errorf("preflight of %s: %d %v", path, rec.Code, rec.Header())
		return http.Header{}
	}
	h := allowed("/v1/imports/imp_1/content", "Access-Control-Request-Method", "PATCH", "Access-Control-Request-Headers", "authorization,tus-resumable,upload-offset")
	sent := strings.Split(strings.ToLower(h.Get("Access-Control-Allow-Headers")), ", ")
	for _, name := range []string{"authorization", "tus-resumable", "upload-length", "upload-metadata", "upload-offset", "upload-checksum", "content-type", "x-http-method-override", "x-requested-with", "upload-complete", "idempotency-key"} {
		if !strings.Contains(","+strings.Join(sent, ",")+",", ","+name+",") {
			t.Errorf("%s may not be sent", name)
		}
	}
	for _, method := range []string{"HEAD", "PATCH", "DELETE", "POST", "PUT"} {
		if !strings.Contains(h.Get("Access-Control-Allow-Methods"), method) {
			t.Errorf("%s is not allowed", method)
		}
	}
	rec := a.do(a.alice, "GET", "/v1/imports", "", "Origin", shop)
	if h := rec.Header(); rec.Code != http.StatusOK || h.Get("Access-Control-Allow-Origin") != shop || !strings.Contains(h.Get("Access-Control-Expose-Headers"), "Upload-Offset") || h.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("GET: %d %v", rec.Code, h)
	}
	// Failures are to be read as well.
	wantProblem(t, a.do("", "POST", "/v1/imports", "", "Origin", shop), 401, "no_credential")
}

// An allowed page cannot use the session of who looks at it, nor sign them in.
func TestAllowedOriginHasNoSession(t *testing.T) {
	a := newAPI(t, func(c *Config) { c.AllowedOrigins = []string{shop, "https://example.com"} })
	a.sessions[bulk.HashSecret("token")] = bulk.Principal{Account: a.aliceID}
	cookie := sessionCookie + "=token"
	if rec := a.do("", "GET", "/v1/imports", "", "Cookie", cookie); rec.Code != http.StatusOK {
		t.Fatalf("the session is not one: %d %s", rec.Code, rec.Body)
	}
	wantProblem(t, a.do("", "GET", "/v1/imports", "", "Cookie", cookie, "Origin", shop), 401, "no_credential")
	if rec := a.do("", "POST", "/login", "key="+a.alice, "Content-Type", "application/x-www-form-urlencoded", "Origin", shop); rec.Code != http.StatusForbidden || rec.Header().Get("Set-Cookie") != "" {
		t.Errorf("signing in: %d %v", rec.Code, rec.Header())
	}
	// Our own pages keep theirs, should their origin be named.
	if rec := a.do("", "GET", "/v1/imports", "", "Cookie", cookie, "Origin", "https://example.com"); rec.Code != http.StatusOK {
		t.Errorf("our own page: %d %s", rec.Code, rec.Body)
	}
}
