package cli

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
)

func clientConfig(url string) config.Client { return config.Client{URL: url, APIKey: "bhk_test"} }

// openImport makes an import that waits for size bytes.
func openImport(t *testing.T, c *client, size int64) {
	t.Helper()
	if _, err := c.create(t.Context(), newImport{Dataset: "contacts", Size: &size}); err != nil {
		t.Fatal(err)
	}
}

func randomFile(n int) []byte {
	b := make([]byte, n)
	src := rand.NewChaCha8([32]byte{1})
	src.Read(b)
	return b
}

func TestUploadSurvivesCutConnections(t *testing.T) {
	s := newFakeServer(t)
	s.cuts, s.cutEach = 20, 100_000
	c, data := s.fastClient(t), randomFile(3_000_000)
	openImport(t, c, int64(len(data)))
	var sent atomic.Int64
	if err := c.upload(t.Context(), upload{"imp_1", bytes.NewReader(data), int64(len(data)), sent.Store}, 0); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(s.content.Bytes(), data) {
		t.Errorf("the server holds %d bytes that are not the file's %d", s.content.Len(), len(data))
	}
	if s.cuts != 0 || sent.Load() != int64(len(data)) {
		t.Errorf("%d cuts are left, %d bytes reported sent", s.cuts, sent.Load())
	}
}

func TestUploadWaitsForABusyServer(t *testing.T) {
	s := newFakeServer(t)
	c, data := s.fastClient(t), randomFile(1000)
	openImport(t, c, int64(len(data)))
	answers := []int{http.StatusServiceUnavailable, http.StatusLocked, http.StatusInternalServerError, http.StatusConflict, http.StatusTooManyRequests}
	s.fail = func(r *http.Request) (status int) {
		if r.Method == http.MethodPatch && len(answers) > 0 {
			status, answers = answers[0], answers[1:]
		}
		return status
	}
	if err := c.upload(t.Context(), upload{"imp_1", bytes.NewReader(data), int64(len(data)), func(int64) {}}, 0); err != nil {
		t.Fatal(err)
	}
	if len(answers) != 0 || !bytes.Equal(s.content.Bytes(), data) {
		t.Errorf("%d failures left, %d bytes stored", len(answers), s.content.Len())
	}
}

func TestUploadGivesUp(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		imp    bulk.Import
		want   bulk.Kind
		code   string
	}{
		{"at once on a refusal", http.StatusUnprocessableEntity, bulk.Import{}, bulk.KindUnprocessed, "made_up"},
		{"at once when not allowed", http.StatusForbidden, bulk.Import{}, bulk.KindForbidden, "made_up"},
		{"when the import failed meanwhile", http.StatusConflict, bulk.Import{State: bulk.StateFailed, Error: &bulk.Error{Code: bulk.ErrBadHeader}}, bulk.KindUnprocessed, bulk.ErrBadHeader},
		{"when the import was cancelled meanwhile", http.StatusConflict, bulk.Import{State: bulk.StateCancelled}, bulk.KindConflict, bulk.ErrUploadClosed},
		{"when it gives up", http.StatusServiceUnavailable, bulk.Import{State: bulk.StateReceiving}, bulk.KindUnavailable, "made_up"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newFakeServer(t)
			c := s.fastClient(t)
			c.retry.giveUp = 20 * time.Millisecond
			s.imp = tt.imp
			s.fail = func(r *http.Request) int {
				if r.Method == http.MethodPatch {
					return tt.status
				}
				return 0
			}
			err := c.upload(t.Context(), upload{"imp_1", bytes.NewReader(randomFile(10)), 10, func(int64) {}}, 0)
			if bulk.KindOf(err) != tt.want || bulk.CodeOf(err) != tt.code {
				t.Errorf("got %v, want kind %s and code %s", err, tt.want, tt.code)
			}
		})
	}
}

func TestUploadIsBrokenOffWhenNothingMoves(t *testing.T) {
	s := newFakeServer(t)
	c := s.fastClient(t)
	c.stall, c.retry.giveUp = 20*time.Millisecond, 0
	hold := make(chan struct{})
	s.fail = func(r *http.Request) int {
		if r.Method == http.MethodPatch {
			<-hold
		}
		return 0
	}
	defer close(hold)
	err := c.upload(t.Context(), upload{"imp_1", bytes.NewReader(randomFile(10)), 10, func(int64) {}}, 0)
	if bulk.KindOf(err) != bulk.KindUnavailable {
		t.Errorf("got %v, want KindUnavailable", err)
	}
}

func TestCreateRepeatsWithOneKey(t *testing.T) {
	s := newFakeServer(t)
	c := s.fastClient(t)
	failures := 3
	s.fail = func(r *http.Request) int {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.keys[r.Header.Get("Idempotency-Key")]++
		if failures--; failures >= 0 {
			return http.StatusBadGateway
		}
		return 0
	}
	openImport(t, c, 1)
	if len(s.keys) != 1 || len(s.created) != 1 {
		t.Errorf("got keys %v and %d creations, want one of each", s.keys, len(s.created))
	}
}

// A stream that the server has no room for is not touched, and sent when there is.
func TestStreamWaitsForRoom(t *testing.T) {
	s := newFakeServer(t)
	c := s.fastClient(t)
	c.retry.giveUp = time.Nanosecond // being refused for want of room does not count
	refusals, keys := 3, map[string]bool{}
	s.busy = func(r *http.Request) bool {
		keys[r.Header.Get("Idempotency-Key")] = true
		refusals--
		return refusals >= 0
	}
	data := randomFile(100_000)
	imp, err := c.post(t.Context(), newImport{Dataset: "contacts"}, iotest.OneByteReader(bytes.NewReader(data)))
	if err != nil || imp.ID != "imp_1" || !bytes.Equal(s.content.Bytes(), data) {
		t.Errorf("got %+v, %v and %d bytes", imp, err, s.content.Len())
	}
	if refusals != -1 || len(keys) != 1 || keys[""] {
		t.Errorf("%d refusals left, keys %v, want one key for all tries", refusals+1, keys)
	}
}

// One that was begun cannot be sent again, and the import that a refusal left is cancelled.
func TestStreamGivesUp(t *testing.T) {
	s := newFakeServer(t)
	c := s.fastClient(t)
	c.retry.giveUp = 0
	s.busy = func(*http.Request) bool { return true }
	stream := bytes.NewReader(randomFile(100))
	if _, err := c.post(t.Context(), newImport{Dataset: "contacts"}, stream); bulk.CodeOf(err) != bulk.ErrBusy || stream.Len() != 100 {
		t.Errorf("got %v with %d of 100 bytes left", err, stream.Len())
	}
	if last := s.requests[len(s.requests)-1]; last != "POST /v1/imports/imp_1/cancel" {
		t.Errorf("the last request is %s", last)
	}
	s.busy = func(r *http.Request) bool { io.CopyN(io.Discard, r.Body, 1); return true } // it was asked for, and yet refused
	if _, err := c.post(t.Context(), newImport{Dataset: "contacts"}, stream); bulk.CodeOf(err) != bulk.ErrBusy {
		t.Errorf("got %v", err)
	}
	if last := s.requests[len(s.requests)-1]; last != "POST /v1/imports/imp_1/cancel" {
		t.Errorf("the last request is %s", last)
	}
	stream.Reset(randomFile(100))
	c.retry.giveUp, s.busy = time.Minute, nil
	s.fail = func(r *http.Request) int { io.CopyN(io.Discard, r.Body, 1); return http.StatusServiceUnavailable }
	asked := len(s.requests)
	if _, err := c.post(t.Context(), newImport{Dataset: "contacts"}, stream); bulk.KindOf(err) != bulk.KindUnavailable || len(s.requests) != asked+1 {
		t.Errorf("got %v after %d requests, want one", err, len(s.requests)-asked)
	}
}

func TestUploadWaitsForRoom(t *testing.T) {
	s := newFakeServer(t)
	c, data := s.fastClient(t), randomFile(1000)
	openImport(t, c, int64(len(data)))
	c.retry.giveUp = time.Nanosecond
	refusals := 5
	s.busy = func(r *http.Request) bool {
		if r.Method == http.MethodPatch {
			refusals--
		}
		return r.Method == http.MethodPatch && refusals >= 0
	}
	if err := c.upload(t.Context(), upload{"imp_1", bytes.NewReader(data), int64(len(data)), func(int64) {}}, 0); err != nil || refusals != -1 {
		t.Errorf("got %v with %d refusals left", err, refusals+1)
	}
	if !bytes.Equal(s.content.Bytes(), data) {
		t.Errorf("%d bytes stored", s.content.Len())
	}
}
