package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// What pages of other origins may send and read, where they are let in at all (Fetch
// standard, "HTTP-network extensions": CORS).
var (
	sharedMethods = "GET, HEAD, POST, PUT, PATCH, DELETE"
	sharedSent    = strings.Join([]string{
		"Accept", "Authorization", "Cache-Control", "Content-Digest", "Content-Disposition", "Content-Encoding", "Content-MD5", "Content-Type",
		"Digest", "Idempotency-Key", "Last-Event-ID", "Repr-Digest", "Tus-Resumable", "Upload-Checksum", "Upload-Complete", "Upload-Concat",
		"Upload-Defer-Length", "Upload-Draft-Interop-Version", "Upload-Incomplete", "Upload-Length", "Upload-Metadata", "Upload-Offset",
		"X-HTTP-Method-Override", "X-Request-ID", "X-Requested-With",
	}, ", ")
	sharedRead = strings.Join([]string{
		"Accept-Patch", "Content-Disposition", "Idempotent-Replayed", "Location", "Next-Cursor", "Retry-After", "Tus-Checksum-Algorithm", "Tus-Extension",
		"Tus-Max-Size", "Tus-Resumable", "Tus-Version", "Upload-Complete", "Upload-Defer-Length", "Upload-Draft-Interop-Version", "Upload-Expires",
		"Upload-Incomplete", "Upload-Length", "Upload-Limit", "Upload-Metadata", "Upload-Offset", "WWW-Authenticate", "X-Request-Id",
	}, ", ")
)

// share lets pages of the allowed origins use the API, with an API key as their only
// credential: a cookie is not looked at, and no answer allows to send one. A preflight
// is answered here.
func (s *Server) share(w http.ResponseWriter, r *http.Request) (shared, preflight bool) {
	if len(s.AllowedOrigins) == 0 {
		return false, false
	}
	h, origin := w.Header(), r.Header.Get("Origin")
	h.Add("Vary", "Origin")
	of, err := url.Parse(origin)
	switch {
	case err != nil || of.Host == r.Host || !slices.Contains(s.AllowedOrigins, origin):
		return false, false
	case !strings.HasPrefix(r.URL.Path, "/v1/") && r.URL.Path != "/openapi.json":
		return false, false
	}
	r.Header.Del("Cookie")
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		h.Set("Access-Control-Expose-Headers", sharedRead)
		return true, false
	}
	h.Set("Access-Control-Allow-Methods", sharedMethods)
	h.Set("Access-Control-Allow-Headers", sharedSent)
	h.Set("Access-Control-Max-Age", "7200")
	w.WriteHeader(http.StatusNoContent)
	return true, true
}
