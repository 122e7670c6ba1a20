package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
)

// A console that says it is not ready gets no request, although it would still answer.
func TestRequestsGoToReadyConsolesOnly(t *testing.T) {
	var d door
	var served [2]atomic.Int32
	var draining [2]atomic.Bool
	for i := range 2 {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path != "/readyz":
				served[i].Add(1)
			case draining[i].Load():
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}))
		t.Cleanup(s.Close)
		at, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		d.backends = append(d.backends, &backend{url: at, proxy: newProxy(at)})
	}
	ask := func(times, status int) {
		t.Helper()
		for _, b := range d.backends {
			b.probe(t.Context())
		}
		for range times {
			w := httptest.NewRecorder()
			d.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v1/usage", nil))
			if w.Code != status {
				t.Fatalf("got %d, want %d", w.Code, status)
			}
		}
	}
	ask(10, http.StatusOK)
	if served[0].Load() != 5 || served[1].Load() != 5 {
		t.Fatalf("served %d and %d, want 5 each", served[0].Load(), served[1].Load())
	}
	draining[0].Store(true)
	ask(10, http.StatusOK)
	if served[0].Load() != 5 || served[1].Load() != 15 {
		t.Fatalf("served %d and %d, want 5 and 15", served[0].Load(), served[1].Load())
	}
	draining[1].Store(true)
	ask(1, http.StatusServiceUnavailable)
}
