package console

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"bulkhead/internal/bulk"
	"bulkhead/internal/permits"
)

// withoutPermit are the addresses that may be read without one, and why.
var withoutPermit = map[string]string{
	"GET /v1/limits":     "tells settings, not the store",
	"GET /openapi.json":  "a file of the program",
	"GET /static/":       "files of the program",
	"GET /{$}":           "sends on to another page",
	"GET /login":         "nobody is signed in yet",
	"GET /login/{token}": "nobody is signed in yet; asks for a click only",
	"GET /healthz":       "says that the process runs, whatever its neighbours do",
	"GET /readyz":        "must answer when many read; asks at most every two seconds",
	"GET /metrics":       "shows how many read",
}

// untouched is a store in which nothing but credentials may be looked up.
type untouched struct {
	Accounts
	who *apiWorld
}

func (u untouched) Principals(ctx context.Context, c []bulk.Credential) (map[bulk.Credential]bulk.Principal, error) {
	return u.who.Principals(ctx, c)
}

// TestWhatReadsHasAPermit: every address that can be read, of the API and of the pages,
// waits for a permit before it touches the store, or says above why not.
func TestWhatReadsHasAPermit(t *testing.T) {
	var patterns []string
	a := newAPI(t)
	for _, rt := range a.server.routes() {
		patterns = append(patterns, rt.pattern)
	}
	a.server.pageRoutes(func(pattern string, _ http.Handler) { patterns = append(patterns, pattern) })
	patterns = slices.DeleteFunc(patterns, func(p string) bool { return !strings.HasPrefix(p, "GET ") && !strings.HasSuffix(p, "/preview") })
	if len(patterns) < 37 {
		t.Fatalf("only %v can be read", patterns)
	}
	for _, pattern := range patterns {
		synctest.Test(t, func(t *testing.T) {
			a := newAPI(t, func(c *Config) {
				c.Reads, c.Accounts = permits.Fixed(1), untouched{who: c.Accounts.(*apiWorld)}
				c.Imports, c.Datasets, c.Rejects = struct{ Imports }{}, struct{ Datasets }{}, struct{ Rejects }{}
				c.Dispatchers = struct{ Dispatchers }{}
			})
			taken := a.server.reads.permits.Of("another")
			taken.Acquire()
			ctx, leave := context.WithCancel(t.Context())
			method, address, _ := strings.Cut(pattern, " ")
			path := strings.NewReplacer("{id}", string(bulk.NewImportID()), "{name}", "contacts", "{token}", "x", "{$}", "").Replace(address)
			if strings.HasPrefix(path, "/v1/accounts/") {
				path = strings.Replace(path, "imp_", "acc_", 1)
			}
			r := httptest.NewRequestWithContext(ctx, method, path, nil)
			r.Header.Set("Authorization", "Bearer "+a.olga)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				a.server.ServeHTTP(httptest.NewRecorder(), r)
			}()
			synctest.Wait()
			waits := true
			select {
			case <-ended:
				waits = false
			default:
			}
			if _, may := withoutPermit[pattern]; may == waits {
				t.Errorf("%s: waits for a permit: %v", pattern, waits)
			}
			if strings.Contains(a.log.String(), "panic") {
				t.Errorf("%s touches the store without a permit", pattern)
			}
			leave()
			<-ended
			taken.Release()
			if a.server.reads.permits.Busy() {
				t.Errorf("%s left with its permit", pattern)
			}
		})
	}
	for pattern := range withoutPermit {
		if !slices.Contains(patterns, pattern) {
			t.Errorf("%s is not there", pattern)
		}
	}
}
