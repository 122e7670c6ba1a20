package console

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bulkhead/internal/bulk"
)

// watched runs the console's own loops until the test ends.
func watched(t *testing.T, a *api) {
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- a.server.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// revoke ends the key of a secret.
func (a *api) revoke(secret string) {
	a.mu.Lock()
	k := a.keys[bulk.HashSecret(secret)]
	a.mu.Unlock()
	a.RevokeKey(context.Background(), k.Account, k.ID)
}

// stream follows an import with the credential in a header; the channel is closed at
// the stream's end.
func (a *api) stream(t *testing.T, id bulk.ImportID, name, value string) <-chan struct{} {
	ended := make(chan struct{})
	r := httptest.NewRequestWithContext(t.Context(), "GET", importPath(id)+"/events", nil)
	r.Header.Set(name, value)
	go func() {
		defer close(ended)
		defer func() {
			if cause := recover(); cause != http.ErrAbortHandler {
				t.Errorf("the stream ended by itself, or panicked: %v", cause)
			}
		}()
		a.server.ServeHTTP(httptest.NewRecorder(), r)
	}()
	return ended
}

// Streams end with what admitted them: a key that is revoked, a session that is closed
// or expires. Others go on, and one question a second is asked about all of them.
func TestStreamsEndWithTheirCredential(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		watched(t, a)
		imp := a.seed(a.aliceID, bulk.StateProcessing)
		session := bulk.HashSecret("token")
		a.locked(func() { a.sessions[session] = bulk.Principal{Account: a.aliceID, Name: "alice"} })
		other, _ := bulk.NewSecret()
		a.CreateKey(t.Context(), bulk.APIKey{ID: bulk.NewKeyID(), Account: a.aliceID}, bulk.HashSecret(other))

		var mine []<-chan struct{}
		for range 50 {
			mine = append(mine, a.stream(t, imp.ID, "Authorization", "Bearer "+a.alice))
		}
		signedIn, others := a.stream(t, imp.ID, "Cookie", sessionCookie+"=token"), a.stream(t, imp.ID, "Authorization", "Bearer "+other)
		<-time.After(500 * time.Millisecond)
		synctest.Wait()
		a.locked(func() { a.lookups = nil })
		<-time.After(5 * time.Second)
		synctest.Wait()
		a.locked(func() {
			if len(a.lookups) != 5 || len(a.lookups[0]) != 3 {
				t.Errorf("%d questions in 5 s, want 5, each about 3 credentials: %v", len(a.lookups), a.lookups)
			}
		})
		until := func(what string, ended <-chan struct{}) {
			t.Helper()
			begun := time.Now()
			<-ended
			if took := time.Since(begun); took > 2*readmitEvery {
				t.Errorf("%s: the stream went on for %v", what, took)
			}
		}
		a.revoke(a.alice)
		for _, ended := range mine {
			until("revoked", ended)
		}
		select {
		case <-signedIn:
			t.Error("the session's stream ended with another key")
		default:
		}
		a.CloseSession(t.Context(), session)
		until("signed out", signedIn)
		for _, want := range []string{"requests=50", "requests=1 ", "cut=key_revoked", "cut=session_ended", "session=true"} {
			if !strings.Contains(a.log.String(), want) {
				t.Errorf("the log lacks %q:\n%s", want, a.log)
			}
		}
		a.revoke(other)
		until("the last", others)
	})
}

// An operator's request ends with the right, not with the credential.
func TestOperatorsRequestEndsWithTheRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		watched(t, a)
		imp := a.seed(a.aliceID, bulk.StateProcessing)
		blocked := a.server.serve(operator, func(_ http.ResponseWriter, r *http.Request) error {
			<-r.Context().Done()
			return r.Context().Err()
		})
		a.imports[imp.ID].AccountID = a.keys[bulk.HashSecret(a.olga)].Account
		plain := a.stream(t, imp.ID, "Authorization", "Bearer "+a.olga)
		rec, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/x", nil)
		r.Header.Set("Authorization", "Bearer "+a.olga)
		done := make(chan struct{})
		go func() { blocked.ServeHTTP(rec, r); close(done) }()
		<-time.After(1500 * time.Millisecond)
		a.mu.Lock()
		a.keys[bulk.HashSecret(a.olga)].Operator = false
		a.mu.Unlock()
		<-done
		if rec.Code != 403 || !strings.Contains(rec.Body.String(), "operators_only") {
			t.Errorf("got %d %s", rec.Code, rec.Body)
		}
		select {
		case <-plain:
			t.Error("a request that needs no right ended with it")
		default:
		}
		a.revoke(a.olga)
		<-plain
	})
}

// While the store does not answer, what was admitted goes on, and the log says so once.
func TestRequestsGoOnWhileTheStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		watched(t, a)
		imp := a.seed(a.aliceID, bulk.StateProcessing)
		ended := a.stream(t, imp.ID, "Authorization", "Bearer "+a.alice)
		<-time.After(500 * time.Millisecond)
		set := func(err error) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.away = err
		}
		set(errors.New("away"))
		<-time.After(10 * time.Second)
		select {
		case <-ended:
			t.Fatal("the stream ended with the store")
		default:
		}
		if n := strings.Count(a.log.String(), "cannot be looked at"); n != 1 {
			t.Errorf("said %d times:\n%s", n, a.log)
		}
		set(nil)
		a.revoke(a.alice)
		<-ended
	})
}

// The use of keys is written beside the requests, together.
func TestUseOfKeysIsNotedBesideRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		watched(t, a)
		for range 5 {
			a.do(a.alice, "GET", "/v1/usage", "")
		}
		noted := func() (uses []bulk.Principal) {
			a.locked(func() { uses = slices.Clone(a.uses) })
			return uses
		}
		if len(noted()) != 0 {
			t.Fatal("a request waited for its note")
		}
		<-time.After(noteUseEvery + time.Second)
		synctest.Wait()
		if uses := noted(); len(uses) != 1 || uses[0].Account != a.aliceID || uses[0].Key == "" {
			t.Errorf("noted %+v", uses)
		}
		<-time.After(noteUseEvery)
		synctest.Wait()
		if uses := noted(); len(uses) != 1 {
			t.Errorf("noted again: %+v", uses)
		}
	})
}

// reading is an ingest that reads a body to its end, or as far as it comes.
type reading struct{ Uploads }

func (reading) Receive(_ context.Context, _ bulk.AccountID, _ bulk.ImportID, body bulk.Body) error {
	_, err := io.Copy(io.Discard, body)
	return err
}

// Over real connections: a sender that is slow, one that is fast, and a reader that does
// not read all end with their key, and who can still be told hears why.
func TestConnectionsEndWithTheirKey(t *testing.T) {
	a := newAPI(t, func(c *Config) {
		c.Uploads = reading{c.Uploads}
		c.Content = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusNoContent)
		})
		c.Rejects = endless{}
	})
	watched(t, a)
	done := a.seed(a.aliceID, bulk.StateCompleted)
	srv := httptest.NewServer(a.server)
	defer srv.Close()
	feed := func(fast bool) (io.Reader, func()) {
		in, out := io.Pipe()
		go func() {
			for b := bytes.Repeat([]byte("x"), 64<<10); ; {
				if _, err := out.Write(b); err != nil {
					return
				}
				if !fast {
					return // and never end
				}
			}
		}()
		return in, func() { in.Close() }
	}
	send := func(method, path string, fast bool) <-chan *http.Response {
		body, stop := feed(fast)
		t.Cleanup(stop)
		r, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+a.alice)
		r.Header.Set("Content-Type", "text/csv")
		answers := make(chan *http.Response, 1)
		go func() {
			res, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				res = nil // cut off while it sent: it hears nothing, but ends
			} else {
				res.Body.Close()
			}
			answers <- res
		}()
		return answers
	}
	slow := []<-chan *http.Response{send("POST", "/v1/imports?dataset=contacts&mode=upsert", false), send("PATCH", contentPath(done.ID), false)}
	fast := []<-chan *http.Response{send("POST", "/v1/imports?dataset=contacts&mode=upsert", true), send("PATCH", contentPath(done.ID), true)}
	deaf, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL+importPath(done.ID)+"/rejects.csv", nil)
	if err != nil {
		t.Fatal(err)
	}
	deaf.Header.Set("Authorization", "Bearer "+a.alice)
	res, err := http.DefaultTransport.RoundTrip(deaf)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	a.awaitRunning(t, 5)
	a.revoke(a.alice)
	for _, c := range slow {
		if res := <-c; res == nil || res.StatusCode != http.StatusUnauthorized {
			t.Errorf("a slow sender got %v, want 401", res)
		}
	}
	for _, c := range fast {
		if res := <-c; res != nil && res.StatusCode != http.StatusUnauthorized {
			t.Errorf("a fast sender got %v, want 401 or a broken connection", res)
		}
	}
	a.awaitRunning(t, 0) // the reader that does not read is gone as well
	if _, err := io.Copy(io.Discard, res.Body); err == nil {
		t.Error("a download that was cut off looks whole")
	}
}

// deadlined counts the deadlines that its answer is given.
type deadlined struct {
	http.ResponseWriter
	writing int
}

func (d *deadlined) SetWriteDeadline(time.Time) error { d.writing++; return nil }

// Credentials are looked at more often than a reader has to hear why it is cut: each look
// that put its deadline off would keep one that does not read for ever.
func TestRequestsAreCutOnce(t *testing.T) {
	k := newWatch(nil, slog.New(slog.DiscardHandler))
	w, c := &deadlined{ResponseWriter: httptest.NewRecorder()}, bulk.Credential{Hash: "gone"}
	_, r, leave := k.enter(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), admission{credential: c})
	defer leave()
	for range 3 {
		k.end(t.Context(), c, bulk.Principal{}, false)
	}
	if w.writing != 1 || bulk.CodeOf(endedBy(r.Context())) != "key_revoked" {
		t.Errorf("%d deadlines, %v", w.writing, endedBy(r.Context()))
	}
}

// endless has rejects without end.
type endless struct{}

func (endless) Each(_ context.Context, _ bulk.Import, fn func(bulk.Reject) error) error {
	for cells := []string{strings.Repeat("y", 4096), "1"}; ; {
		if err := fn(bulk.Reject{Cells: cells, Code: bulk.CodeRequired}); err != nil {
			return err
		}
	}
}

// awaitRunning waits until so many requests run.
func (a *api) awaitRunning(t *testing.T, want int) {
	t.Helper()
	k := a.server.watch
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(30 * time.Second); ; {
		k.mu.Lock()
		n := 0
		for _, all := range k.running {
			n += len(all)
		}
		k.mu.Unlock()
		if n == want {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("%d requests run, want %d", n, want)
		case <-tick.C:
		}
	}
}
