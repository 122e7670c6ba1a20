package app_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
)

// One id names a request from the client to the last batch, whether one process does all
// of it or each role has its own: it is in the answer, in problems, and in the lines that
// each role logs, also of what is done long after the request was answered.
func TestRequestIsNamedInEveryLog(t *testing.T) {
	t.Parallel()
	t.Run("one process", func(t *testing.T) {
		t.Parallel()
		s := &system{client: &client{t: t}, dir: t.TempDir(), logs: &logs{}, verbose: true}
		s.start()
		t.Cleanup(s.stop)
		checkRequestIsNamed(t, s.client, s.logs, false)
	})
	t.Run("a cluster", func(t *testing.T) {
		t.Parallel()
		out := &logs{}
		c := newLoggedCluster(t, out, bulk.RoleConsole, bulk.RoleIngest, bulk.RoleDispatcher, bulk.RoleProcessor)
		checkRequestIsNamed(t, c, out, true)
	})
}

func checkRequestIsNamed(t *testing.T, c *client, out *logs, roles bool) {
	c.call(http.MethodPut, "/v1/datasets/things", things, nil)
	acme := (&system{client: c}).account("acme", 1000)
	var archive bytes.Buffer
	z := gzip.NewWriter(&archive)
	_, err := z.Write([]byte(lines("id,text", "1,a", "2,b")))
	c.must(err)
	c.must(z.Close())
	for id, file := range map[string][]byte{"a-plain.file_1": []byte(lines("id,text", "1,a", "2,b")), "an-archive": archive.Bytes()} {
		a, err := acme.ask(http.MethodPost, "/v1/imports?dataset=things&mode=upsert", bytes.NewReader(file), http.Header{"Content-Type": {"text/csv"}, "X-Request-Id": {id}})
		c.must(err)
		var imp bulk.Import
		if p := acme.decode(a, &imp); p != nil || a.header.Get("X-Request-Id") != id {
			t.Fatalf("%s: %d %v %s", id, a.status, a.header, a.body)
		}
		acme.end(imp.ID)
		expected := []string{"console: request served", "ingest: file received", "processor: batch committed"}
		if id == "an-archive" {
			expected = append(expected, "ingest: file decoded")
		}
		acme.eventually(id+" is in every role's log", func() bool {
			logged := out.of(id)
			return !slices.ContainsFunc(expected, func(line string) bool {
				role, msg, _ := strings.Cut(line, ": ")
				return !slices.ContainsFunc(logged, func(l string) bool {
					return strings.Contains(l, `msg="`+msg+`"`) && (!roles || strings.Contains(l, "role="+role+" "))
				})
			})
		})
	}

	var imp bulk.Import
	acme.call(http.MethodPost, "/v1/imports", map[string]any{"dataset": "things"}, &imp)
	a, err := acme.ask(http.MethodPatch, "/v1/imports/"+string(imp.ID)+"/content", strings.NewReader("x"), http.Header{
		"Content-Type": {"application/offset+octet-stream"}, "Tus-Resumable": {"1.0.0"}, "Upload-Offset": {"7"}, "X-Request-Id": {"refused-there"},
	})
	c.must(err)
	var problem struct {
		RequestID string `json:"request_id"`
	}
	c.must(json.Unmarshal(a.body, &problem))
	if given := a.header.Values("X-Request-Id"); a.status != http.StatusConflict || problem.RequestID != "refused-there" || !slices.Equal(given, []string{"refused-there"}) {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
}

// of returns the lines that carry a request's id.
func (l *logs) of(id string) (lines []string) {
	for line := range strings.Lines(l.String()) {
		if slices.Contains(strings.Fields(line), "request_id="+id) {
			lines = append(lines, line)
		}
	}
	return lines
}
