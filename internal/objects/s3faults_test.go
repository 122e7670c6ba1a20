package objects_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/objects"
	"bulkhead/internal/objects/objectstest"
)

// faults are what a proxy before the real server does to a request instead of
// passing it on as it is.
var faults = map[string]func(http.ResponseWriter, *http.Request, http.Handler){
	"reset":       func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { reset(w) },
	"lost answer": lostAnswer,
	"cut answer":  cutAnswer,
	"throttled": func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.WriteHeader(http.StatusServiceUnavailable)
		w.Write([]byte(`<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>`))
	},
	"server error": func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		http.Error(w, "oops", http.StatusBadGateway)
	},
	"stalled": stalled,
}

// stalled takes the request and says nothing until the client hangs up.
func stalled(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
	io.Copy(io.Discard, r.Body) // a hang-up shows only behind the body
	<-r.Context().Done()
}

// lostAnswer does what was asked and breaks the connection instead of saying so.
func lostAnswer(w http.ResponseWriter, r *http.Request, server http.Handler) {
	server.ServeHTTP(httptest.NewRecorder(), r)
	reset(w)
}

// cutAnswer breaks the connection in the middle of an object's bytes.
func cutAnswer(w http.ResponseWriter, r *http.Request, server http.Handler) {
	answer := httptest.NewRecorder()
	server.ServeHTTP(answer, r)
	maps.Copy(w.Header(), answer.Header())
	body := answer.Body.Bytes()
	if r.Method != http.MethodGet || r.URL.Query().Has("list-type") || answer.Code/100 != 2 || len(body) == 0 {
		w.WriteHeader(answer.Code)
		w.Write(body)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(answer.Code)
	w.Write(body[:len(body)/2])
	http.NewResponseController(w).Flush()
	reset(w)
}

func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}

// behind returns the service as seen through a proxy that asks hit for each request
// whether to harm it.
func behind(t *testing.T, fault func(http.ResponseWriter, *http.Request, http.Handler), hit func(*http.Request) bool) objects.S3Config {
	t.Helper()
	cfg := service(t)
	target, err := url.Parse(cfg.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	server := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it is signed
	}}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hit(r) {
			fault(w, r, server)
		} else {
			server.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(proxy.Close)
	cfg.Endpoint, cfg.Stall = proxy.URL, 2*time.Second
	return cfg
}

func TestS3ConformsBehindFaults(t *testing.T) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var requests, harmed atomic.Int64
			cfg := behind(t, fault, func(*http.Request) bool {
				hit := requests.Add(1)%7 == 0
				if hit {
					harmed.Add(1)
				}
				return hit
			})
			if name == "stalled" {
				cfg.Stall = 200 * time.Millisecond
			}
			objectstest.Run(t, func(t *testing.T) objectstest.Store {
				s := openS3(t, cfg)
				t.Cleanup(func() { empty(t, s) })
				return s
			})
			if harmed.Load() < 20 {
				t.Errorf("only %d requests were harmed", harmed.Load())
			}
		})
	}
}

// A Put whose answer was lost is repeated, and the repetition finds the key taken: by
// itself, which is success, and which it must tell from somebody else.
func TestS3PutKnowsItsOwnObject(t *testing.T) {
	cfg := behind(t, lostAnswer, next(http.MethodPut, 1))
	s := openS3(t, cfg)
	defer s.Delete(t.Context(), "k")
	if err := s.Put(t.Context(), "k", []byte("mine")); err != nil {
		t.Errorf("Put whose answer was lost = %v, want success", err)
	}
	if err := s.Put(t.Context(), "k", []byte("mine")); !errors.Is(err, objects.ErrExists) {
		t.Errorf("second Put = %v, want ErrExists", err)
	}
}

func TestS3DownloadResumes(t *testing.T) {
	data := make([]byte, 3<<20)
	rand.Read(data)
	for name, hit := range map[string]func(*http.Request) bool{"once": next(http.MethodGet, 1), "twelve times": next(http.MethodGet, 12)} {
		t.Run(name, func(t *testing.T) {
			s := openS3(t, behind(t, cutAnswer, hit))
			defer s.Delete(t.Context(), "k")
			if err := s.Put(t.Context(), "k", data); err != nil {
				t.Fatal(err)
			}
			if got, err := s.Get(t.Context(), "k"); err != nil || !bytes.Equal(got, data) {
				t.Errorf("Get = %d bytes, %v; want the %d that were put", len(got), err, len(data))
			}
		})
	}
}

// A server that never answers well is an error in the end, not an endless loop or a
// short object.
func TestS3DownloadGivesUp(t *testing.T) {
	nothing := func(w http.ResponseWriter, r *http.Request, server http.Handler) {
		w.Header().Set("Content-Length", "4")
		w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
		w.Header().Set("ETag", `"x"`)
		http.NewResponseController(w).Flush()
		reset(w)
	}
	s := openS3(t, behind(t, nothing, func(r *http.Request) bool { return r.Method == http.MethodGet }))
	if got, err := s.Get(t.Context(), "k"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Get = %q, %v; want an error about the cut", got, err)
	}
}

// next hits the first n requests of the method.
func next(method string, n int64) func(*http.Request) bool {
	var seen atomic.Int64
	return func(r *http.Request) bool { return r.Method == method && seen.Add(1) <= n }
}

// A server or bucket without room is said to be full; nothing is repeated for it.
func TestS3SaysThatItIsFull(t *testing.T) {
	full, asked := atomic.Bool{}, atomic.Int32{}
	full.Store(true)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		if full.Load() {
			w.WriteHeader(http.StatusInsufficientStorage)
			w.Write([]byte(`<Error><Code>XMinioStorageFull</Code><Message>Storage backend has reached its minimum free drive threshold.</Message></Error>`))
		}
	}))
	defer server.Close()
	s, err := objects.NewS3(objects.S3Config{Endpoint: server.URL, Bucket: "bucket", Region: "us-east-1", AccessKey: "key", SecretKey: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	put := s.Put(t.Context(), "a/b", []byte("x"))
	for what, err := range map[string]error{"Put": put, "Ready": s.Ready(t.Context())} {
		if bulk.KindOf(err) != bulk.KindUnavailable || bulk.CodeOf(err) != bulk.ErrDiskFull {
			t.Errorf("%s = %v, want %s", what, err, bulk.ErrDiskFull)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	full.Store(false)
	if err := errors.Join(s.Put(t.Context(), "a/b", []byte("x")), s.Ready(t.Context())); err != nil {
		t.Error(err)
	}
}
