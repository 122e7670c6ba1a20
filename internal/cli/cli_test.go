package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
)

// writeFile makes a file of the content.
func writeFile(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestExitCodesOfProblems(t *testing.T) {
	for status, want := range map[int]int{400: 2, 401: 4, 403: 4, 404: 5, 409: 1, 413: 1, 422: 1, 429: 6, 500: 1, 502: 6, 503: 6, 504: 6} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			s := newFakeServer(t)
			s.fail = func(*http.Request) int { return status }
			code, stdout, stderr := run(t, "", "imports", "show", "imp_1")
			if code != want || stdout != "" || !strings.Contains(stderr, "Made up.") {
				t.Errorf("got %d, stdout %q, stderr %q; want %d", code, stdout, stderr, want)
			}
		})
	}
}

func TestExitCodesOfUse(t *testing.T) {
	t.Setenv("BULKHEAD_URL", "")
	for _, tt := range []struct {
		args []string
		want int
	}{
		{[]string{"--help"}, 0},
		{[]string{"--version"}, 0},
		{[]string{"completion", "tcsh"}, 2},
		{nil, 2},
		{[]string{"no-such-command"}, 2},
		{[]string{"import", "x.csv"}, 2},
		{[]string{"import", "x.csv", "--dataset", "d", "--mode", "replace"}, 2},
		{[]string{"imports", "list", "--data-dir", t.TempDir()}, 6},
	} {
		if code, _, stderr := run(t, "", tt.args...); code != tt.want {
			t.Errorf("%v: got %d, want %d; %s", tt.args, code, tt.want, stderr)
		}
	}
}

// TestExamples: every command shows examples, and each of them is a command line.
func TestExamples(t *testing.T) {
	parser, err := newParser(&grammar{})
	if err != nil {
		t.Fatal(err)
	}
	left := maps.Clone(examples)
	for _, leaf := range parser.Model.Leaves(true) {
		if len(left[leaf.Path()]) == 0 || !strings.Contains(leaf.Detail, left[leaf.Path()][0]) {
			t.Errorf("bulkhead %s --help has no example", leaf.Path())
		}
		delete(left, leaf.Path())
	}
	if len(left) > 0 {
		t.Errorf("there are examples of commands that do not exist: %v", slices.Sorted(maps.Keys(left)))
	}
	for _, lines := range examples {
		for _, line := range lines {
			for _, command := range regexp.MustCompile(`bulkhead (?:'[^']*'|[^'|>)])*`).FindAllString(line, -1) {
				args := regexp.MustCompile(`'[^']*'|[^ ]+`).FindAllString(command, -1)[1:]
				for i := range args {
					args[i] = strings.Trim(args[i], "'")
				}
				if args[0] == "verify" || strings.HasPrefix(args[0], ".fish") { // wants its file to exist; is a file's name
					continue
				}
				if p, err := newParser(&grammar{}); err != nil {
					t.Fatal(err)
				} else if _, err := p.Parse(args); err != nil {
					t.Errorf("%s: %v", command, err)
				}
			}
		}
	}
}

// What has stopped coming is said, with how to go on.
func TestShowTellsWhenTheLastByteCame(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"id":"imp_1","dataset":"people","state":"receiving","last_byte_at":"2026-01-02T03:04:05Z"}`)
	}))
	defer server.Close()
	t.Setenv("BULKHEAD_API_KEY", "bhk_test")
	for args, want := range map[string]string{"": "2026-01-02T03:04:05Z; if nobody", "--json": `"last_byte_at":"2026-01-02T03:04:05Z"`} {
		line := append([]string{"imports", "show", "imp_1", "--url", server.URL}, strings.Fields(args)...)
		if code, stdout, stderr := run(t, "", line...); code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("%v: got %d, %q, %q; want %q", line, code, stdout, stderr, want)
		}
	}
}

func TestUnknownDatasetIsNotFound(t *testing.T) {
	s := newFakeServer(t)
	s.fail, s.code = func(*http.Request) int { return http.StatusUnprocessableEntity }, bulk.ErrUnknownDataset
	if code, _, stderr := run(t, "", "import", writeFile(t, "id\n1\n"), "--dataset", "nope"); code != exitNotFound {
		t.Errorf("got %d, %q; want %d", code, stderr, exitNotFound)
	}
}

// TestProgressShowsRows: what landed leads, and what was only sent looks different.
func TestProgressShowsRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProgress(io.Discard, "people.csv", 1000)
		defer p.close()
		p.sentBytes(0)
		p.saw(bulk.Import{})
		<-time.After(10 * time.Second)
		p.sentBytes(800)
		p.saw(bulk.Import{Bytes: bulk.ByteCounts{Received: 500}, Rows: bulk.Counts{Read: 5000, Created: 2000, Updated: 400, Superseded: 10, Rejected: 90}})
		const want = "people.csv  [#####===========....]  2,400 landed, 90 rejected, 10 superseded of 5,000 rows read  250 rows/s  sent 800 B of 1.0 kB  about 3s left"
		if got := p.line(time.Now()); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

func TestUnreachableServer(t *testing.T) {
	s := newFakeServer(t)
	s.Close()
	if code, _, stderr := run(t, "", "imports", "list"); code != exitUnavailable || !strings.Contains(stderr, "cannot be reached") {
		t.Errorf("got %d, %q; want %d", code, stderr, exitUnavailable)
	}
}

func TestImportExitsByHowItEnded(t *testing.T) {
	for _, tt := range []struct {
		imp  bulk.Import
		want int
	}{
		{bulk.Import{State: bulk.StateCompleted}, 0},
		{bulk.Import{State: bulk.StateCompletedWithRejects, Rows: bulk.Counts{Read: 2, Rejected: 1, Created: 1}}, 3},
		{bulk.Import{State: bulk.StateFailed, Error: &bulk.Error{Code: "bad_header", Message: "Twice the same."}}, 1},
		{bulk.Import{State: bulk.StateCancelled}, 1},
		{bulk.Import{State: bulk.StateAwaitingApproval}, 0},
		{bulk.Import{State: bulk.StateAwaitingApproval, Rows: bulk.Counts{Rejected: 1}}, 3},
	} {
		t.Run(fmt.Sprintf("%s_%d", tt.imp.State, tt.imp.Rows.Rejected), func(t *testing.T) {
			s := newFakeServer(t)
			tt.imp.ID, tt.imp.Version, tt.imp.Sealed = "imp_1", 9, true
			s.sealed = func([]byte) bulk.Import { return tt.imp }
			code, stdout, stderr := run(t, "", "import", writeFile(t, "id\n1\n"), "--dataset", "people", "--wait", "--json", "--on-error", "5%", "--map", "id=key")
			var got bulk.Import
			if err := json.Unmarshal([]byte(stdout), &got); err != nil {
				t.Fatalf("stdout is %q: %v; stderr %q", stdout, err, stderr)
			}
			if code != tt.want || got.State != tt.imp.State || stderr != "" {
				t.Errorf("got %d, state %s, stderr %q; want %d", code, got.State, stderr, tt.want)
			}
			n := s.created[0]
			if n.Filename != "people.csv" || *n.Size != 5 || n.Options.OnError != "5%" || n.Mapping["id"] != "key" || n.Mode != bulk.ModeCreate {
				t.Errorf("created with %+v", n)
			}
		})
	}
}

func TestImportFollowsEventsAndReconnects(t *testing.T) {
	s := newFakeServer(t)
	s.sealed = func([]byte) bulk.Import {
		return bulk.Import{ID: "imp_1", State: bulk.StateProcessing, Sealed: true, Version: 3}
	}
	streams := 0
	s.streamed = func(w http.ResponseWriter) error {
		streams++
		if streams == 1 {
			fmt.Fprint(w, ": hello\n\nid: 4\nevent: import\ndata: {\"id\":\"imp_1\",\"state\":\"processing\",\"version\":4}\n\n")
			http.NewResponseController(w).Flush()
			return errors.New("cut")
		}
		_, err := io.WriteString(w, "event: milestone\ndata: {}\n\nid: 5\nevent: import\ndata: {\"id\":\"imp_1\",\"state\":\"completed\",\"version\":5,\"rows\":{\"read\":7,\"created\":7}}\n\n")
		return err
	}
	code, stdout, stderr := run(t, "", "import", writeFile(t, "id\n1\n"), "--dataset", "people", "--wait")
	if code != 0 || !strings.Contains(stdout, "completed") || !strings.Contains(stdout, "7") || streams != 2 {
		t.Errorf("got %d after %d streams, stdout %q, stderr %q", code, streams, stdout, stderr)
	}
}

func TestImportOfStandardInput(t *testing.T) {
	s := newFakeServer(t)
	code, _, stderr := run(t, "id\n1\n", "import", "-", "--dataset", "people", "--mode", "upsert", "--delimiter", "tab", "--dry-run")
	if code != 0 || s.content.String() != "id\n1\n" {
		t.Errorf("got %d, server holds %q; %s", code, s.content.String(), stderr)
	}
	const want = "dataset=people&delimiter=%09&dry_run=true&filename=stdin.csv&mode=upsert&on_error=skip&priority=normal"
	if s.query != want {
		t.Errorf("got query %s, want %s", s.query, want)
	}
}

func TestEmptyFileIsSentForItsRefusal(t *testing.T) {
	s := newFakeServer(t)
	s.fail = func(*http.Request) int { return http.StatusUnprocessableEntity }
	code, _, stderr := run(t, "", "import", writeFile(t, ""), "--dataset", "people", "--wait")
	if code != exitFailed || !strings.Contains(stderr, "Made up.") || s.seen("POST /v1/imports") != 1 {
		t.Errorf("got %d, %q after %v; want one POST and its refusal", code, stderr, s.requests)
	}
}

func TestInterruptedImportSaysWhatGoesOn(t *testing.T) {
	s := newFakeServer(t)
	s.sealed = func([]byte) bulk.Import {
		return bulk.Import{ID: "imp_1", State: bulk.StateProcessing, Sealed: true, Version: 3}
	}
	ctx, interrupt := context.WithCancel(t.Context())
	s.streamed = func(w http.ResponseWriter) error {
		if s.seen("PATCH /v1/imports/imp_1/content") == 0 {
			return errors.New("too early")
		}
		interrupt()
		return nil
	}
	code, _, stderr := runWith(ctx, "", "import", writeFile(t, "id\n1\n"), "--dataset", "people", "--wait")
	if code != exitInterrupted || !strings.Contains(stderr, "imports cancel imp_1") || strings.Contains(stderr, "bulkhead: interrupted") {
		t.Errorf("got %d, %q; want %d and only how to go on with imp_1", code, stderr, exitInterrupted)
	}
}

func TestDevGetsItsSettings(t *testing.T) {
	var got config.DevConfig
	roles := Roles{Dev: func(_ context.Context, c config.DevConfig) error { got = c; return nil }}
	code := Main(t.Context(), []string{"dev", "--data-dir", "/tmp/x", "--listen", "127.0.0.1:0", "--demo", "--allowed-origins", "https://a.example,https://b.example"}, Streams{Out: io.Discard, Err: io.Discard}, roles)
	want := config.DevConfig{DataDir: "/tmp/x", Listen: "127.0.0.1:0", Analytics: "auto", Demo: true, AllowedOrigins: []string{"https://a.example", "https://b.example"}}
	if code != 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("got %d, %+v; want %+v", code, got, want)
	}
}
