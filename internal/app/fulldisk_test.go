package app_test

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
	"bulkhead/internal/sample"
	"bulkhead/internal/smalldisk"
)

// On a full disk whoever reads is served, whoever writes is told to come again and why,
// and so is who asks whether the process is ready; the log says it. Once there is room
// what began goes on.
func TestFullDisk(t *testing.T) {
	disk := smalldisk.Mount(t, 64<<20)
	s := &system{client: &client{t: t}, dir: disk.Dir + "/data", logs: &logs{}}
	s.start()
	t.Cleanup(s.stop)
	s.apply(sample.Spec())
	file, answer := contacts(t, sample.Options{Rows: 20_000})
	s.wantEnd(s.run("dataset=contacts&mode=upsert", file), bulk.StateCompleted, counts(answer))

	meta := "dataset " + base64.StdEncoding.EncodeToString([]byte("contacts")) + ",mode " + base64.StdEncoding.EncodeToString([]byte("upsert"))
	created, err := s.ask(http.MethodPost, "/v1/imports", nil, http.Header{"Tus-Resumable": {"1.0.0"}, "Upload-Defer-Length": {"1"}, "Upload-Metadata": {meta}})
	s.must(err)
	content := created.header.Get("Location")
	send := func(offset string) answerOf {
		a, err := s.ask(http.MethodPatch, content, bytes.NewReader(file), http.Header{
			"Tus-Resumable": {"1.0.0"}, "Upload-Offset": {offset}, "Content-Type": {"application/offset+octet-stream"}, "Upload-Length": {strconv.Itoa(len(file))},
		})
		s.must(err)
		return answerOf{a}
	}

	disk.Fill()
	for _, path := range []string{"/v1/usage", "/v1/imports", "/v1/datasets/contacts/records?limit=10", "/v1/cluster"} {
		s.get(path, nil)
	}
	one, err := s.ask(http.MethodPost, "/v1/imports?dataset=contacts&mode=upsert", bytes.NewReader(file), http.Header{"Content-Type": {"text/csv"}})
	s.must(err)
	answerOf{one}.wantFull(t, "an upload in one request")
	send("0").wantFull(t, "an upload by tus")
	ready, err := s.ask(http.MethodGet, "/readyz", nil, nil)
	s.must(err)
	answerOf{ready}.wantFull(t, "readiness")
	for _, want := range []string{"disk_full", "request not served now", "upload not taken now", "no space left on device"} {
		if !strings.Contains(s.logs.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, s.logs)
		}
	}

	disk.Empty()
	at, err := s.ask(http.MethodHead, content, nil, http.Header{"Tus-Resumable": {"1.0.0"}})
	s.must(err)
	if at.header.Get("Upload-Offset") != "0" {
		t.Fatalf("the upload stands at %s", at.header.Get("Upload-Offset"))
	}
	if a := send("0"); a.status != http.StatusNoContent {
		t.Fatalf("with room again: %d %s", a.status, a.body)
	}
	id := bulk.ImportID(strings.Split(content, "/")[3])
	s.wantEnd(s.end(id), bulk.StateCompleted, bulk.Counts{Read: answer.Rows, Updated: answer.Created, Superseded: answer.Superseded, Rejected: answer.Rejected})
	s.eventually("ready again", func() bool {
		a, err := s.ask(http.MethodGet, "/readyz", nil, nil)
		return err == nil && a.status == http.StatusOK
	})
}

type answerOf struct{ answer }

func (a answerOf) wantFull(t *testing.T, what string) {
	t.Helper()
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || !strings.Contains(string(a.body), `"disk_full"`) || !strings.Contains(string(a.body), "full") {
		t.Errorf("%s got %d, Retry-After %q: %s", what, a.status, a.header.Get("Retry-After"), a.body)
	}
}
