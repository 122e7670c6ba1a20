package requestid

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestIdsAreAcceptedOrMade(t *testing.T) {
	for given, kept := range map[string]bool{
		"7f3-A_b.c": true, strings.Repeat("x", 64): true,
		"": false, strings.Repeat("x", 65): false, "a b": false, "a\"b": false, "ä": false, "a\nb": false,
	} {
		var seen, sent string
		h := Accept(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			seen = From(r.Context())
			next := httptest.NewRequestWithContext(r.Context(), http.MethodGet, "/", nil)
			Send(next)
			sent = next.Header.Get(Header)
		}))
		r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
		r.Header.Set(Header, given)
		h.ServeHTTP(w, r)
		if seen == "" || seen != w.Header().Get(Header) || seen != sent || (seen == given) != kept {
			t.Errorf("%q: the context has %q, the answer %q, the next call %q", given, seen, w.Header().Get(Header), sent)
		}
	}
}

func TestNothingIsSentWithoutARequest(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if Send(r); len(r.Header) > 0 || From(With(t.Context(), "")) != "" {
		t.Errorf("sent %v", r.Header)
	}
}
