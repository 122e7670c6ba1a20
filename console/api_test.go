package console

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"bulkhead/internal/bulk"
	"bulkhead/internal/requestid"
)

// api is the console over a world, with the secrets of two accounts and an operator.
type api struct {
	*apiWorld
	server             *Server
	log                *logged
	alice, bob, olga   string // secrets
	aliceID, bobID     bulk.AccountID
	content, contentBy string // last request that reached Content, and its account
}

func newAPI(t *testing.T, change ...func(*Config)) *api {
	t.Helper()
	w := &apiWorld{
		accounts: map[bulk.AccountID]*bulk.Account{}, keys: map[string]*bulk.APIKey{}, sessions: map[string]bulk.Principal{}, links: map[string]bulk.Principal{},
		imports: map[bulk.ImportID]*bulk.Import{}, answers: map[string]apiAnswer{}, events: map[bulk.ImportID][]bulk.Event{}, files: map[bulk.ImportID][]byte{},
		datasets: map[bulk.DatasetName]bulk.Dataset{}, records: map[bulk.AccountID]bulk.RecordPage{},
	}
	a := &api{apiWorld: w, log: &logged{}}
	a.aliceID, a.alice = w.join(t, "alice", false)
	a.bobID, a.bob = w.join(t, "bob", false)
	_, a.olga = w.join(t, "olga", true)
	w.datasets["contacts"] = bulk.Dataset{Version: 1, Spec: bulk.Spec{Name: "contacts", Key: []string{"id"}, Columns: []bulk.Column{{Name: "id", Type: bulk.TypeText}, {Name: "age", Type: bulk.TypeInteger}}}}
	c := Config{
		Accounts: w, Imports: w, Datasets: w, Uploads: w, Rejects: w, Health: w, Dispatchers: w, Nodes: w, Logger: slog.New(requestid.Logged(slog.NewTextHandler(a.log, nil))),
		Measurements: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "bulkhead_measured 1") }),
		RejectsCSV: func(out io.Writer, l bulk.Layout, raw bool) (RejectWriter, error) {
			cw := &apiCSV{csv.NewWriter(out)}
			return cw, cw.w.Write(append(slices.Clone(l.Header), fmt.Sprintf("raw=%v", raw)))
		},
		Content: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			p, _ := PrincipalFrom(r.Context())
			a.content, a.contentBy = r.Method+" "+r.PathValue("id"), string(p.Account)
			rw.WriteHeader(http.StatusNoContent)
		}),
	}
	for _, f := range change {
		f(&c)
	}
	var err error
	if a.server, err = New(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.server.Close)
	return a
}

// logged is a log that may be read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// locked reads or changes the world while the server is at work.
func (w *apiWorld) locked(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// do sends a request with the secret ("" for none) and headers given as name, value, ….
func (a *api) do(secret, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if secret != "" {
		r.Header.Set("Authorization", "Bearer "+secret)
	}
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	rec := httptest.NewRecorder()
	a.server.ServeHTTP(rec, r)
	return rec
}

func (w *apiWorld) join(t *testing.T, name string, operator bool) (bulk.AccountID, string) {
	t.Helper()
	a, _ := w.CreateAccount(t.Context(), name, 100, 1)
	secret, prefix := bulk.NewSecret()
	w.CreateKey(t.Context(), bulk.APIKey{ID: bulk.NewKeyID(), Account: a.ID, Name: name, Prefix: prefix, Operator: operator}, bulk.HashSecret(secret))
	return a.ID, secret
}

type apiCSV struct{ w *csv.Writer }

func (c *apiCSV) Write(r bulk.Reject) error {
	return c.w.Write(append(slices.Clone(r.Cells), string(r.Code)))
}
func (c *apiCSV) Flush() error { c.w.Flush(); return c.w.Error() }
