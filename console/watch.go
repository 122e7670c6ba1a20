package console

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/wait"
)

// What runs is admitted again and again, since a key may be revoked, a session end or
// a right be taken away while a file is sent or events are followed.
const (
	readmitEvery = time.Second
	answerWithin = 3 * time.Second  // of the store; later answers do not count
	tellWithin   = 2 * time.Second  // for telling a client why its request was ended
	noteUseEvery = 10 * time.Second // uses of keys are written together, beside the requests
)

// watch knows the requests that run, by credential. One question a second about all
// credentials decides which of the requests may go on, however many there are.
type watch struct {
	accounts Accounts
	log      *slog.Logger

	mu      sync.Mutex
	running map[bulk.Credential]map[*running]struct{}
	used    map[bulk.KeyID]bulk.Principal // keys since the last note; those of the cluster bound it
}

// running is one request.
type running struct {
	who    bulk.Principal
	access access
	ctx    context.Context
	cancel context.CancelCauseFunc
	conn   *http.ResponseController
}

// ended is why a request was cut off: the cause of its context.
type ended struct{ why *bulk.Error }

func (e ended) Error() string { return e.why.Error() }
func (e ended) Unwrap() error { return e.why }

// endedBy returns why the request of ctx was cut off, nil if it was not.
func endedBy(ctx context.Context) error {
	if e, cut := errors.AsType[ended](context.Cause(ctx)); cut {
		return e
	}
	return nil
}

func newWatch(accounts Accounts, log *slog.Logger) *watch {
	return &watch{accounts: accounts, log: log, running: map[bulk.Credential]map[*running]struct{}{}, used: map[bulk.KeyID]bulk.Principal{}}
}

// Run ends requests whose credential is not accepted any more, within some two seconds,
// and writes down the use of keys, until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	var both sync.WaitGroup
	both.Go(func() { _ = wait.Every(ctx, readmitEvery, remembering(s.watch.readmit)) })
	both.Go(func() { _ = wait.Every(ctx, noteUseEvery, remembering(s.watch.noteUse)) })
	both.Wait()
	return nil
}

// remembering tells do whether it failed before: failures are said once.
func remembering(do func(ctx context.Context, failing bool) bool) func(context.Context) {
	failing := false
	return func(ctx context.Context) {
		within, cancel := context.WithTimeout(ctx, answerWithin)
		defer cancel()
		failing = do(within, failing)
	}
}

// admission is who makes a request that was let in.
type admission struct {
	credential bulk.Credential
	who        bulk.Principal
	access     access
}

// enter takes a request in, until the caller calls leave: what it returns ends when the
// credential does.
func (k *watch) enter(w http.ResponseWriter, r *http.Request, v admission) (*admittedWriter, *http.Request, func()) {
	c := v.credential
	q := &running{who: v.who, access: v.access, conn: http.NewResponseController(w)}
	q.ctx, q.cancel = context.WithCancelCause(r.Context())
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.running[c] == nil {
		k.running[c] = map[*running]struct{}{}
	}
	k.running[c][q] = struct{}{}
	if !c.Session {
		k.used[v.who.Key] = v.who
	}
	r = r.WithContext(q.ctx)
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &admittedBody{r.Body, q.ctx}
	}
	return &admittedWriter{ResponseWriter: w, ctx: q.ctx}, r, func() { k.leave(c, q) }
}

func (k *watch) leave(c bulk.Credential, q *running) {
	k.mu.Lock()
	defer k.mu.Unlock()
	q.cancel(nil)
	delete(k.running[c], q)
	if len(k.running[c]) == 0 {
		delete(k.running, c)
	}
}

// readmit asks for the credentials of everything that runs. While the store does not
// answer, nobody knows better than what was known before.
func (k *watch) readmit(ctx context.Context, failing bool) bool {
	k.mu.Lock()
	credentials := slices.Collect(maps.Keys(k.running))
	k.mu.Unlock()
	if len(credentials) == 0 {
		return failing
	}
	known, err := k.accounts.Principals(ctx, credentials)
	switch {
	case ctx.Err() == context.Canceled:
		return failing
	case err != nil && !failing:
		k.log.WarnContext(ctx, "credentials of running requests cannot be looked at, the requests go on", "error", err)
	case err == nil && failing:
		k.log.InfoContext(ctx, "credentials of running requests are looked at again")
	}
	if err != nil {
		return true
	}
	for _, c := range credentials {
		p, accepted := known[c]
		k.end(ctx, c, p, accepted)
	}
	return false
}

// end cuts off those of a credential's requests that may not go on.
func (k *watch) end(ctx context.Context, c bulk.Credential, p bulk.Principal, accepted bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var who bulk.Principal
	cut := 0
	for q := range k.running[c] {
		switch {
		case endedBy(q.ctx) != nil: // its deadline stands; one more would put it off
			continue
		case !accepted && c.Session:
			q.cut(bulk.Errorf(bulk.KindUnauthorized, "session_ended", "The session ended while this request ran. What was acknowledged is kept. Sign in again."))
		case !accepted:
			q.cut(bulk.Errorf(bulk.KindUnauthorized, "key_revoked", "The API key was revoked while this request ran. What was acknowledged is kept. Go on with another key."))
		case q.access == operator && !p.Operator:
			q.cut(errOperatorsOnly)
		default:
			continue
		}
		who = q.who
		cut++
	}
	if cut > 0 {
		k.log.WarnContext(ctx, "requests ended, since their credential is not accepted any more",
			"requests", cut, "account", who.Account, "key", who.Key, "user", who.User, "session", c.Session)
	}
}

// cut ends a request: waiting for its client's bytes at once, and waiting for the client
// to read once it could have been told why.
func (q *running) cut(why *bulk.Error) {
	q.cancel(ended{why})
	now := time.Now()
	q.conn.SetReadDeadline(now)                  //nolint:errcheck // not every connection has deadlines
	q.conn.SetWriteDeadline(now.Add(tellWithin)) //nolint:errcheck // the same
}

// noteUse writes down which keys were used. It is best effort: nobody waits for it, and
// what cannot be written is left out.
func (k *watch) noteUse(ctx context.Context, failing bool) bool {
	k.mu.Lock()
	used := slices.Collect(maps.Values(k.used))
	clear(k.used)
	k.mu.Unlock()
	if len(used) == 0 {
		return failing
	}
	err := k.accounts.NoteUse(ctx, used)
	switch {
	case ctx.Err() == context.Canceled:
		return failing
	case err != nil && !failing:
		k.log.WarnContext(ctx, "the use of API keys cannot be noted, requests go on", "error", err)
	case err == nil && failing:
		k.log.InfoContext(ctx, "the use of API keys is noted again")
	}
	return err != nil
}

// admittedBody gives no byte once the request was cut off.
type admittedBody struct {
	io.ReadCloser
	ctx context.Context
}

// Read implements io.Reader.
func (b *admittedBody) Read(p []byte) (int, error) {
	if why := endedBy(b.ctx); why != nil {
		return 0, why
	}
	n, err := b.ReadCloser.Read(p)
	if why := endedBy(b.ctx); why != nil && err != nil {
		err = why
	}
	return n, err
}

// admittedWriter sends nothing once the request was cut off: an answer that had not
// begun says why instead.
type admittedWriter struct {
	http.ResponseWriter
	ctx   context.Context
	begun bool // the answer
}

// instead ends the answer of a request that was cut off: it returns why, which is to be
// sent, or breaks the connection, so that a part does not pass for the whole. Either way
// the connection, which has deadlines now, serves no other request.
func (w *admittedWriter) instead(why error) error {
	if w.begun {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Connection", "close")
	return why
}

// WriteHeader implements http.ResponseWriter.
func (w *admittedWriter) WriteHeader(status int) {
	if endedBy(w.ctx) == nil {
		w.begun = w.begun || status >= http.StatusOK
		w.ResponseWriter.WriteHeader(status)
	}
}

// Write implements http.ResponseWriter.
func (w *admittedWriter) Write(b []byte) (int, error) {
	if why := endedBy(w.ctx); why != nil {
		return 0, why
	}
	w.begun = true
	return w.ResponseWriter.Write(b)
}

// FlushError implements what [http.ResponseController] flushes by.
func (w *admittedWriter) FlushError() error {
	if why := endedBy(w.ctx); why != nil {
		return why
	}
	w.begun = true
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController reach the connection.
func (w *admittedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
