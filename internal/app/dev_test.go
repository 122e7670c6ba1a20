//go:build unix

package app_test

import (
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"bulkhead/internal/bulk"
)

var loginLink = regexp.MustCompile(`http://\S+/login/\S+`)

// The command for newcomers: it says where it is, signs its user in once, imports a
// sample, guards its data directory, and ends well at Ctrl-C, whereafter all is kept.
func TestDevCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	dev, c := startChild(t, dir, "127.0.0.1:0", "--demo")
	imp := c.end(c.first())
	c.wantEnd(imp, bulk.StateCompletedWithRejects, bulk.Counts{Read: 10_000, Created: 9_700, Superseded: 100, Rejected: 200})
	c.wantSound(imp, imp.Bytes.Total)

	said := dev.stdout.String()
	if !strings.Contains(said, "ready at "+c.url+"\n") {
		t.Errorf("dev does not say that it is at %s:\n%s", c.url, said)
	}
	link := strings.TrimPrefix(loginLink.FindString(said), c.url)
	anyone := &client{t: t, url: c.url, cookie: &http.Cookie{Name: "none", Value: "none"}}
	var session []*http.Cookie
	for i, want := range []int{http.StatusSeeOther, http.StatusUnauthorized} {
		if a, err := anyone.ask(http.MethodGet, link, nil, nil); err != nil || a.status != http.StatusOK {
			t.Errorf("to look at the login link: %v, %d", err, a.status) // mail scanners do so, and it is not spent
		}
		a, err := anyone.ask(http.MethodPost, link, nil, nil)
		c.must(err)
		if a.status != want {
			t.Errorf("use %d of the login link: %d, want %d", i+1, a.status, want)
		}
		session = append(session, (&http.Response{Header: a.header}).Cookies()...)
	}
	if len(session) != 1 {
		t.Fatalf("sessions %v, want one", session)
	}
	browser := &client{t: t, url: c.url, cookie: session[0]}
	if a, err := browser.ask(http.MethodGet, "/imports", nil, nil); err != nil || a.status != http.StatusOK || !strings.Contains(string(a.body), imp.Filename) {
		t.Errorf("the page of imports: %v, %d %s", err, a.status, a.body)
	}

	if !testing.Short() { // it waits a while for the lock, which a killed process may still hold
		second := run(t, "--data-dir", dir, "dev", "--listen", "127.0.0.1:0")
		if code := second.end(); code != 1 || !strings.Contains(second.stderr.String(), "Another bulkhead runs") {
			t.Errorf("a second dev in the same directory: exit %d, %s", code, &second.stderr)
		}
	}
	c.must(dev.cmd.Process.Signal(syscall.SIGINT))
	if code := dev.end(); code != 0 {
		t.Errorf("Ctrl-C: exit %d, %s", code, &dev.stderr)
	}
	_, c = startChild(t, dir, "127.0.0.1:0")
	if kept := c.imp(imp.ID); kept.Rows != imp.Rows {
		t.Errorf("after a restart: %+v, want %+v", kept.Rows, imp.Rows)
	}
	if a, err := (&client{t: t, url: c.url, cookie: session[0]}).ask(http.MethodGet, "/imports", nil, nil); err != nil || a.status != http.StatusOK {
		t.Errorf("the session after a restart: %v, %d", err, a.status)
	}
}
