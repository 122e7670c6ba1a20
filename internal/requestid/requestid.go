// Package requestid gives a request one name from the client to the last process that
// works for it. It travels in the header X-Request-Id between processes, in the context
// within one, and on the import that a request created, so that what is done for an import
// later (decoding its file, processing its batches) is named after that request, too. Every
// line that is logged with a context carries it, see [Logged].
package requestid

import (
	"context"
	"crypto/rand"
	"net/http"
	"regexp"
)

// Header is where an id travels between processes.
const Header = "X-Request-Id"

var wellFormed = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

type key struct{}

// With returns a context whose work is done for the request; an empty id changes nothing.
func With(ctx context.Context, id string) context.Context {
	if id == "" {
		return ctx
	}
	return context.WithValue(ctx, key{}, id)
}

// From returns the id of the request that the context's work is done for, "" for none.
func From(ctx context.Context) string {
	id, _ := ctx.Value(key{}).(string)
	return id
}

// Accept puts the id that a request came with, or a new one if it has none of 1 to 64
// letters, digits, dots, dashes and underscores, into its context and its answer.
func Accept(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(Header)
		if !wellFormed.MatchString(id) {
			id = rand.Text()
		}
		w.Header().Set(Header, id)
		h.ServeHTTP(w, r.WithContext(With(r.Context(), id)))
	})
}

// Send puts the context's id on a call to another process.
func Send(r *http.Request) {
	if id := From(r.Context()); id != "" {
		r.Header.Set(Header, id)
	}
}
