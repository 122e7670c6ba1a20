package app_test

import (
	"bytes"
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"bulkhead/internal/app"
	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
	"bulkhead/internal/sample"
	"bulkhead/internal/telemetry"
)

// system is a whole Bulkhead in this process: SQLite, kfake, a folder of objects and
// real HTTP, below a directory of the test. Its client is an operator's.
type system struct {
	*client
	dir  string
	logs *logs

	analytics string // of dev; zero: off
	store     string // of dev; zero: SQLite
	origins   []string
	verbose   bool // logs what went well, too

	cancel context.CancelFunc
	ended  chan error
}

// newSystem starts one that knows the datasets contacts and things.
func newSystem(t *testing.T) *system { return newSystemOn(t, "") }

// newSystemOn starts one on a store, "" is SQLite, that lets pages of the origins in.
func newSystemOn(t *testing.T, store string, origins ...string) *system {
	t.Helper()
	s := &system{client: &client{t: t}, dir: t.TempDir(), logs: &logs{}, store: store, origins: origins}
	s.start()
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			t.Logf("the system's log:\n%s", s.logs)
		}
	})
	s.apply(sample.Spec())
	s.apply(things)
	return s
}

// things is a dataset for files that are written by hand.
var things = bulk.Spec{Name: "things", Key: []string{"id"}, Columns: []bulk.Column{
	{Name: "id", Type: bulk.TypeText},
	{Name: "text", Type: bulk.TypeText},
	{Name: "integer", Type: bulk.TypeInteger},
	{Name: "float", Type: bulk.TypeFloat},
	{Name: "decimal", Type: bulk.TypeDecimal},
	{Name: "date", Type: bulk.TypeDate},
	{Name: "moment", Type: bulk.TypeTimestamp, Timezone: "Europe/Berlin"},
}}

func (s *system) start() {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	level := slog.LevelWarn
	if s.verbose {
		level = slog.LevelInfo
	}
	log := telemetry.NewLogger(s.logs, level, false)
	d, err := app.StartDev(ctx, config.DevConfig{DataDir: s.dir, Listen: "127.0.0.1:0", Store: s.store, Analytics: cmp.Or(s.analytics, "off"), AllowedOrigins: s.origins}, log)
	if err != nil {
		cancel()
		s.t.Fatal(err)
	}
	s.cancel, s.ended = cancel, make(chan error, 1)
	go func() { s.ended <- d.Run(ctx) }()
	known, err := config.ReadClient(s.dir)
	s.must(err)
	s.url, s.key = known.URL, known.APIKey
}

// stop ends it the way Ctrl-C does; stopping twice is harmless.
func (s *system) stop() {
	s.t.Helper()
	if s.cancel == nil {
		return
	}
	s.cancel()
	if err := <-s.ended; err != nil {
		s.t.Errorf("dev ended with %v", err)
	}
	s.cancel = nil
}

// apply creates a dataset.
func (s *system) apply(spec bulk.Spec) {
	s.t.Helper()
	s.call(http.MethodPut, "/v1/datasets/"+string(spec.Name), spec, nil)
}

// account creates an account and returns a client with a key of it.
func (s *system) account(name string, quota int64) *client {
	s.t.Helper()
	var a bulk.Account
	s.call(http.MethodPost, "/v1/accounts", map[string]any{"name": name, "record_quota": quota}, &a)
	var k struct {
		Secret string `json:"secret"`
	}
	s.call(http.MethodPost, "/v1/accounts/"+string(a.ID)+"/keys", map[string]any{"name": "test"}, &k)
	return &client{t: s.t, url: s.url, key: k.Secret, account: a.ID}
}

// logs collects what the system says, for tests that fail.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// contacts makes a sample file.
func contacts(t testing.TB, o sample.Options) ([]byte, sample.Answer) {
	t.Helper()
	var file bytes.Buffer
	answer, err := sample.Contacts(&file, o)
	if err != nil {
		t.Fatal(err)
	}
	return file.Bytes(), answer
}

// counts is what a first import of the file must report.
func counts(a sample.Answer) bulk.Counts {
	return bulk.Counts{Read: a.Rows, Created: a.Created, Superseded: a.Superseded, Rejected: a.Rejected}
}

// rows is how many rows a test imports: BULKHEAD_TEST_ROWS, or usual, or brief with -short.
func rows(t testing.TB, usual, brief int64) int64 {
	t.Helper()
	if text := os.Getenv("BULKHEAD_TEST_ROWS"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1000 {
			t.Fatalf("BULKHEAD_TEST_ROWS is %q; want a number from 1000", text)
		}
		return n
	}
	if testing.Short() {
		return brief
	}
	return usual
}

// lines joins the lines of a small file.
func lines(all ...string) string { return strings.Join(all, "\n") + "\n" }
