package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/wait"
)

// fakeServer is an import API with one import, that fails as told.
type fakeServer struct {
	*httptest.Server
	mu       sync.Mutex
	imp      bulk.Import
	created  []newImport
	keys     map[string]int // Idempotency-Key → requests
	content  bytes.Buffer
	requests []string
	code     string // of problems

	cutEach  int                               // bytes of each PATCH that are stored before the connection is cut; 0: never
	cuts     int                               // how often
	fail     func(r *http.Request) int         // status to fail a request with; 0: none
	busy     func(r *http.Request) bool        // refuses a request unread, for want of room
	sealed   func(content []byte) bulk.Import  // what the import becomes when all bytes came
	query    string                            // of a one-shot upload
	streamed func(w http.ResponseWriter) error // serves events; nil: 404
}

func newFakeServer(t *testing.T) *fakeServer {
	s := &fakeServer{keys: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/imports", s.create)
	mux.HandleFunc("HEAD /v1/imports/{id}/content", s.head)
	mux.HandleFunc("PATCH /v1/imports/{id}/content", s.patch)
	mux.HandleFunc("GET /v1/imports/{id}", func(w http.ResponseWriter, r *http.Request) { s.answer(w, http.StatusOK) })
	mux.HandleFunc("GET /v1/imports/{id}/events", func(w http.ResponseWriter, r *http.Request) {
		if s.streamed == nil {
			http.NotFound(w, r)
		} else if s.streamed(w) != nil {
			panic(http.ErrAbortHandler)
		}
	})
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.Method+" "+r.URL.Path)
		s.mu.Unlock()
		if s.fail != nil {
			if status := s.fail(r); status != 0 {
				w.Header().Set("Content-Type", "application/problem+json")
				w.WriteHeader(status)
				fmt.Fprintf(w, `{"status":%d,"code":%q,"detail":"Made up."}`, status, cmp.Or(s.code, "made_up"))
				return
			}
		}
		if s.busy != nil && s.busy(r) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"status":503,"code":"busy","detail":"No room.","import_id":"imp_1"}`)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	t.Setenv("BULKHEAD_URL", s.URL)
	t.Setenv("BULKHEAD_API_KEY", "bhk_test")
	return s
}

func (s *fakeServer) create(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Content-Type") == "text/csv" {
		s.query = r.URL.Query().Encode()
		io.Copy(&s.content, r.Body)
		s.imp = bulk.Import{ID: "imp_1", State: bulk.StateCompleted, Sealed: true, Version: 2}
		s.answer(w, http.StatusAccepted)
		return
	}
	var n newImport
	json.NewDecoder(r.Body).Decode(&n)
	s.mu.Lock()
	s.keys[r.Header.Get("Idempotency-Key")]++
	s.created = append(s.created, n)
	s.imp = bulk.Import{ID: "imp_1", Dataset: n.Dataset, State: bulk.StateOpen, Filename: n.Filename, Bytes: bulk.ByteCounts{Total: *n.Size}, Version: 1}
	s.mu.Unlock()
	s.answer(w, http.StatusCreated)
}

func (s *fakeServer) answer(w http.ResponseWriter, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(s.imp)
}

func (s *fakeServer) head(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Upload-Offset", strconv.Itoa(s.content.Len()))
}

func (s *fakeServer) patch(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Header.Get("Upload-Offset") != strconv.Itoa(s.content.Len()) {
		w.WriteHeader(http.StatusConflict)
		return
	}
	if s.cuts > 0 {
		s.cuts--
		io.CopyN(&s.content, r.Body, int64(s.cutEach))
		panic(http.ErrAbortHandler)
	}
	io.Copy(&s.content, r.Body)
	if int64(s.content.Len()) == s.imp.Bytes.Total && s.sealed != nil {
		s.imp = s.sealed(s.content.Bytes())
	}
	w.Header().Set("Upload-Offset", strconv.Itoa(s.content.Len()))
	w.WriteHeader(http.StatusNoContent)
}

func (s *fakeServer) seen(request string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		if r == request {
			n++
		}
	}
	return n
}

// fastClient is a client of the server that loses no time.
func (s *fakeServer) fastClient(t *testing.T) *client {
	c, err := newClient(clientConfig(s.URL))
	if err != nil {
		t.Fatal(err)
	}
	c.retry = retry{wait.Backoff{First: time.Millisecond, Longest: 2 * time.Millisecond, Jitter: 0.5}, time.Minute}
	return c
}

// run calls the command line.
func run(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return runWith(t.Context(), stdin, args...)
}

func runWith(ctx context.Context, stdin string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = Main(ctx, args, Streams{bytes.NewBufferString(stdin), &out, &errs}, Roles{})
	return code, out.String(), errs.String()
}
