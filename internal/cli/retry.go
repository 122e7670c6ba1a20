package cli

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/wait"
)

// retry says how a client waits for a server that is away or busy.
type retry struct {
	wait.Backoff
	giveUp time.Duration // after so long without progress
}

var defaultRetry = retry{wait.Backoff{First: 250 * time.Millisecond, Longest: 15 * time.Second, Jitter: 0.5}, 5 * time.Minute}

// attempts counts failures since the last progress.
type attempts struct {
	retry
	failures int
	since    time.Time // of the last progress
}

func (r retry) start() *attempts { return &attempts{retry: r, since: time.Now()} }

// progress begins anew.
func (a *attempts) progress() { a.failures, a.since = 0, time.Now() }

// wait pauses after a failure that may pass. It returns why itself when that one
// does not pass, when it is time to give up, or when ctx ends. A server that has no room
// just now is there, so waiting for room is not a time without progress.
func (a *attempts) wait(ctx context.Context, why error) error {
	full := bulk.CodeOf(why) == bulk.ErrBusy && a.giveUp > 0
	if ctx.Err() != nil || !passing(why) || !full && time.Since(a.since) > a.giveUp {
		return why
	}
	if full {
		a.since = time.Now()
	}
	a.failures++
	pause := a.After(a.failures, rand.Float64())
	if p, ok := errors.AsType[*problem](why); ok {
		pause = max(pause, min(p.retryAfter, a.Longest))
	}
	return wait.For(ctx, pause)
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
