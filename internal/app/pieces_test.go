package app_test

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"path"
	"strconv"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
)

// number is the file whose part says 2 where the whole says 2000.
var number = lines("id,integer", "1,2000")

// fields makes a header of names and values.
func fields(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

// eachShape runs a test against one process and against a cluster.
func eachShape(t *testing.T, test func(t *testing.T, c *client)) {
	t.Run("one process", func(t *testing.T) {
		t.Parallel()
		test(t, newSystem(t).account("acme", 1000).in(t))
	})
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		s := newCluster(t, bulk.RoleConsole, bulk.RoleIngest, bulk.RoleDispatcher, bulk.RoleProcessor)
		s.call(http.MethodPut, "/v1/datasets/things", things, nil)
		test(t, (&system{client: s}).account("acme", 1000).in(t))
	})
}

// integers returns what the account's things have as integer, by id.
func (c *client) integers() map[string]any {
	c.t.Helper()
	var page struct{ Records []map[string]any }
	c.get("/v1/datasets/things/records", &page)
	out := map[string]any{}
	for _, r := range page.Records {
		out[r["id"].(string)] = r["integer"]
	}
	return out
}

const whole = "/v1/imports?dataset=things&mode=upsert"

// What says that it is a part is never taken for the whole.
func TestPartIsNotTheWhole(t *testing.T) {
	t.Parallel()
	part, rest := number[:len(number)-4], number[len(number)-4:]
	if !strings.HasSuffix(part, ",2") {
		t.Fatal(part)
	}
	eachShape(t, func(t *testing.T, c *client) {
		for name, header := range map[string]http.Header{
			"Content-Range":       fields("Content-Range", "bytes 0-12/17"),
			"Content-Range, open": fields("Content-Range", "bytes 0-12/*"),
			"Upload-Length":       fields("Upload-Length", "17"),
			"Upload-Offset":       fields("Upload-Offset", "0"),
			"Upload-Complete":     fields("Upload-Complete", "false"),
			"no completeness":     fields("Upload-Draft-Interop-Version", "8"),
			"metadata":            fields("Upload-Metadata", "dry_run"),
			"both protocols":      fields("Tus-Resumable", "1.0.0", "Upload-Complete", "?1"),
			"Content-Digest":      fields("Content-Digest", "sha-256=:"+sha(number)+":"),
			"Repr-Digest":         fields("Repr-Digest", "sha-256=:"+sha(number)+":"),
			"Digest":              fields("Digest", "SHA-256="+sha(number)),
			"Content-MD5":         fields("Content-MD5", sum16(number)),
			"unreadable digest":   fields("Repr-Digest", "sha-256="+sha(number)),
			"multipart":           fields("Content-Type", "multipart/form-data; boundary=x"),
			"encoding":            fields("Content-Encoding", "br"),
		} {
			if header.Get("Content-Type") == "" {
				header.Set("Content-Type", "text/csv")
			}
			a, err := c.ask(http.MethodPost, whole, strings.NewReader(part), header)
			c.must(err)
			if p := c.decode(a, nil); p == nil || p.Status < 400 || p.Status > 422 || p.Detail == "" {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
		if got := c.integers(); len(got) != 0 {
			t.Fatalf("a part landed: %v", got)
		}
		for _, version := range []string{"3", "4", "5", "6", "8"} {
			c.draft(t, version, part, rest)
		}
	})
}

func sha(text string) string {
	s := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(s[:])
}

func sum16(text string) string {
	s := md5.Sum([]byte(text))
	return base64.StdEncoding.EncodeToString(s[:])
}

// draft sends a file in two pieces in the terms of a version of the IETF's draft.
func (c *client) draft(t *testing.T, version, part, rest string) {
	t.Helper()
	say := func(complete bool) http.Header {
		h := fields("Upload-Draft-Interop-Version", version, "Upload-Complete", map[bool]string{true: "?1", false: "?0"}[complete])
		if version == "3" {
			h = fields("Upload-Draft-Interop-Version", version, "Upload-Incomplete", map[bool]string{true: "?0", false: "?1"}[complete])
		}
		return h
	}
	var announced string
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		if code == 104 && h.Get("Upload-Draft-Interop-Version") == version {
			announced = h.Get("Location")
		}
		return nil
	}})
	resp, err := c.open(ctx, http.MethodPost, whole, strings.NewReader(part), say(false))
	c.must(err)
	resp.Body.Close()
	at := resp.Header.Get("Location")
	if resp.StatusCode != http.StatusCreated || at == "" || announced != at || resp.Header.Get("Upload-Offset") != strconv.Itoa(len(part)) || resp.Header.Get("Upload-Limit") == "" {
		t.Fatalf("version %s, creation: %d %v, announced %q", version, resp.StatusCode, resp.Header, announced)
	}
	h := say(true)
	h.Set("Upload-Offset", strconv.Itoa(len(part)))
	h.Set("Content-Type", "application/partial-upload")
	a, err := c.ask(http.MethodPatch, at, strings.NewReader(rest), h)
	c.must(err)
	if a.status != http.StatusAccepted {
		t.Fatalf("version %s, the rest: %d %s", version, a.status, a.body)
	}
	imp := c.end(bulk.ImportID(path.Base(path.Dir(at))))
	if got := c.integers(); imp.State != bulk.StateCompleted || got["1"] != float64(2000) {
		t.Errorf("version %s: %s, %v", version, imp.State, got)
	}
}

// A file with the right digests is taken, whatever they are and however it comes.
func TestRightDigests(t *testing.T) {
	t.Parallel()
	eachShape(t, func(t *testing.T, c *client) {
		for name, header := range map[string]http.Header{
			"Content-Digest": fields("Content-Digest", "sha-256=:"+sha(number)+":"),
			"Repr-Digest":    fields("Repr-Digest", "sha-256=:"+sha(number)+":, md5=:"+sum16(number)+":, unknown=:AAAA:"),
			"Digest":         fields("Digest", "SHA-256="+sha(number)+",MD5="+sum16(number)),
			"Content-MD5":    fields("Content-MD5", sum16(number)),
			"Upload-Length":  fields("Upload-Length", strconv.Itoa(len(number))),
			"draft":          fields("Upload-Complete", "?1", "Repr-Digest", "sha-256=:"+sha(number)+":"),
		} {
			header.Set("Content-Type", "text/csv")
			a, err := c.ask(http.MethodPost, whole, strings.NewReader(number), header)
			c.must(err)
			var imp bulk.Import
			if p := c.decode(a, &imp); p != nil || a.status != http.StatusAccepted {
				t.Errorf("%s: %d %s", name, a.status, a.body)
				continue
			}
			c.wantEnd(c.end(imp.ID), bulk.StateCompleted, c.imp(imp.ID).Rows)
		}
	})
}

// A client without PATCH and DELETE, bytes that come with a creation, a cancelled upload.
func TestTusThroughTheConsole(t *testing.T) {
	t.Parallel()
	eachShape(t, func(t *testing.T, c *client) {
		metadata := "dataset " + base64.StdEncoding.EncodeToString([]byte("things")) + ",relativePath bnVsbA==,name " + base64.StdEncoding.EncodeToString([]byte("my file.csv"))
		create := func(extra string, body string, more ...string) (answer, string) {
			h := fields(append([]string{"Tus-Resumable", "1.0.0", "Upload-Length", strconv.Itoa(len(number)), "Upload-Metadata", metadata + extra}, more...)...)
			a, err := c.ask(http.MethodPost, "/v1/imports", strings.NewReader(body), h)
			c.must(err)
			return a, a.header.Get("Location")
		}
		override := func(method, at, body string, more ...string) answer {
			h := fields(append([]string{"Tus-Resumable", "1.0.0", "X-HTTP-Method-Override", method, "Content-Type", "application/offset+octet-stream"}, more...)...)
			a, err := c.ask(http.MethodPost, at, strings.NewReader(body), h)
			c.must(err)
			return a
		}
		a, at := create("", number[:5], "Content-Type", "application/offset+octet-stream")
		if a.status != http.StatusCreated || a.header.Get("Upload-Offset") != "5" || a.header.Get("Upload-Expires") == "" {
			t.Fatalf("creation with content: %d %v %s", a.status, a.header, a.body)
		}
		head, err := c.ask(http.MethodHead, at, nil, fields("Tus-Resumable", "1.0.0"))
		c.must(err)
		if head.header.Get("Upload-Metadata") != metadata || head.header.Get("Upload-Expires") == "" {
			t.Errorf("HEAD: %v", head.header)
		}
		if a := override("PATCH", at, number[5:], "Upload-Offset", "5"); a.status != http.StatusNoContent {
			t.Fatalf("overridden PATCH: %d %s", a.status, a.body)
		}
		imp := c.end(bulk.ImportID(path.Base(path.Dir(at))))
		if imp.State != bulk.StateCompleted || imp.Filename != "my file.csv" {
			t.Errorf("%s %q", imp.State, imp.Filename)
		}
		if _, at = create(",dry_run", ""); !c.imp(bulk.ImportID(path.Base(path.Dir(at)))).Options.DryRun {
			t.Error("a bare dry_run makes a real import")
		}
		if a := override("DELETE", at, ""); a.status != http.StatusNoContent {
			t.Errorf("overridden DELETE: %d %s", a.status, a.body)
		}
		for _, slip := range []string{",dry-run dHJ1ZQ==", ",dryRun dHJ1ZQ==", ",mode"} {
			if a, _ := create(slip, ""); a.status != http.StatusBadRequest {
				t.Errorf("metadata %q: %d %s", slip, a.status, a.body)
			}
		}
		for range bulk.DefaultLimits().OpenUploads + 1 { // what is cancelled holds no place
			a, at := create("", "")
			if a.status != http.StatusCreated {
				t.Fatalf("creation: %d %s", a.status, a.body)
			}
			if a, err := c.ask(http.MethodDelete, at, nil, fields("Tus-Resumable", "1.0.0")); err != nil || a.status != http.StatusNoContent {
				t.Fatalf("DELETE: %v %d %s", err, a.status, a.body)
			}
			if a, err := c.ask(http.MethodHead, at, nil, fields("Tus-Resumable", "1.0.0")); err != nil || a.status != http.StatusGone {
				t.Fatalf("HEAD of what was cancelled: %v %d", err, a.status)
			}
		}
	})
}
