package cli

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"bulkhead/internal/bulk"
)

// patience says how a client waits for a server that is away or busy: exponential
// back-off with jitter, given up after total without progress.
type patience struct {
	first, longest, total time.Duration
}

var defaultPatience = patience{first: 250 * time.Millisecond, longest: 15 * time.Second, total: 5 * time.Minute}

// attempts counts failures since the last progress.
type attempts struct {
	patience
	failures int
	since    time.Time // of the last progress
}

func (p patience) start() *attempts { return &attempts{patience: p, since: time.Now()} }

// progress begins anew.
func (a *attempts) progress() { a.failures, a.since = 0, time.Now() }

// wait pauses after a failure that may pass. It returns why itself when that one
// does not pass, when patience ends, or when ctx does. A server that has no room just
// now is there, so that waiting for room does not wear patience out.
func (a *attempts) wait(ctx context.Context, why error) error {
	full := bulk.CodeOf(why) == bulk.ErrBusy && a.total > 0
	if ctx.Err() != nil || !passing(why) || !full && time.Since(a.since) > a.total {
		return why
	}
	if full {
		a.since = time.Now()
	}
	pause := min(a.first<<min(a.failures, 20), a.longest)
	pause = pause/2 + rand.N(pause/2+1)
	if p, ok := errors.AsType[*problem](why); ok {
		pause = max(pause, min(p.retryAfter, a.longest))
	}
	a.failures++
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(pause):
		return nil
	}
}

// passing reports whether repeating the request may help.
func passing(err error) bool {
	p, ok := errors.AsType[*problem](err)
	if !ok {
		_, lost := errors.AsType[*unreachable](err)
		return lost
	}
	switch p.status {
	case http.StatusConflict, http.StatusLocked, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	}
	return p.status >= http.StatusInternalServerError
}
