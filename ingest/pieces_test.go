package ingest_test

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
	"bulkhead/internal/resumable"
)

// piece sends content to an upload in the terms of the IETF's draft.
func (f *fixture) piece(server string, id bulk.ImportID, version, content, offset, complete string, headers ...string) (*http.Response, string) {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), http.MethodPatch, server+contentOf(id), strings.NewReader(content))
	f.must(err)
	r.Header.Set("Upload-Offset", offset)
	r.Header.Set("Upload-Draft-Interop-Version", version)
	if version == "3" {
		r.Header.Set("Upload-Incomplete", map[string]string{"?1": "?0", "?0": "?1"}[complete])
	} else {
		r.Header.Set("Upload-Complete", complete)
		r.Header.Set("Content-Type", resumable.DraftPiece)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w, err := http.DefaultClient.Do(r)
	f.must(err)
	defer w.Body.Close()
	text, err := io.ReadAll(w.Body)
	f.must(err)
	return w, string(text)
}

// A part is never taken for the whole: the file ends when its sender says so.
func TestDraftUpload(t *testing.T) {
	for _, version := range []string{"3", "4", "5", "6", "7", "8"} {
		t.Run("interop version "+version, func(t *testing.T) {
			f := newFixture(t)
			server := f.serve(f.Content())
			id := f.open(-1, bulk.Options{})
			cut := len(plain) - 4 // in the middle of the last row
			w, text := f.piece(server.URL, id, version, plain[:cut], "0", "?0")
			if w.StatusCode != http.StatusNoContent || w.Header.Get("Upload-Offset") != fmt.Sprint(cut) || w.Header.Get("Tus-Resumable") != "" {
				t.Fatalf("a part: %d %v %s", w.StatusCode, w.Header, text)
			}
			if imp := f.imp(id); imp.Sealed || imp.Bytes.Received != int64(cut) {
				t.Fatalf("a part was taken for the whole: %+v", imp)
			}
			w, text = f.piece(server.URL, id, version, "x", "3", "?1")
			if w.StatusCode != http.StatusConflict || w.Header.Get("Upload-Offset") != fmt.Sprint(cut) {
				t.Errorf("another offset: %d %v %s", w.StatusCode, w.Header, text)
			}
			w, text = f.piece(server.URL, id, version, plain[cut:], fmt.Sprint(cut), "?1")
			said, want := w.Header.Get("Upload-Complete"), "?1"
			if version == "3" {
				said, want = w.Header.Get("Upload-Incomplete"), "?0"
			}
			if w.StatusCode != http.StatusAccepted || said != want || !strings.Contains(text, string(id)) {
				t.Errorf("the rest: %d %v %s", w.StatusCode, w.Header, text)
			}
			if r := f.result(id, int64(len(plain))); r.sha256 != sum(plain) {
				t.Errorf("SHA-256 %s", r.sha256)
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, server.URL+contentOf(id), nil)
			f.must(err)
			r.Header.Set("Upload-Draft-Interop-Version", version)
			head, err := http.DefaultClient.Do(r)
			f.must(err)
			head.Body.Close()
			if head.StatusCode != http.StatusNoContent || head.Header.Get("Upload-Offset") != fmt.Sprint(len(plain)) || head.Header.Get("Cache-Control") != "no-store" || head.Header.Get("Upload-Limit") == "" {
				t.Errorf("HEAD: %d %v", head.StatusCode, head.Header)
			}
		})
	}
}

// The end may come without bytes, and again without harm; bytes behind it are refused.
func TestDraftEnd(t *testing.T) {
	f := newFixture(t)
	server := f.serve(f.Content())
	id, at := f.open(-1, bulk.Options{}), fmt.Sprint(len(plain))
	f.piece(server.URL, id, "8", plain, "0", "?0")
	if f.imp(id).Sealed {
		t.Fatal("sealed before its sender said that it ends")
	}
	for range 2 {
		if w, text := f.piece(server.URL, id, "8", "", at, "?1"); w.StatusCode != http.StatusAccepted || !f.imp(id).Sealed {
			t.Fatalf("the end: %d %s", w.StatusCode, text)
		}
	}
	if w, text := f.piece(server.URL, id, "8", "9,z,1\n", at, "?1"); w.StatusCode != http.StatusBadRequest {
		t.Errorf("bytes behind the end: %d %s", w.StatusCode, text)
	}
	if w, _ := f.tus(server, http.MethodPatch, contentOf(id), strings.NewReader("9,z,1\n"), "Upload-Offset", at); w.StatusCode != http.StatusBadRequest {
		t.Errorf("bytes behind the end by tus: %d", w.StatusCode)
	}
	f.result(id, int64(len(plain)))
}

// TestDraftSlips: what cannot be understood is refused, not taken for the whole.
func TestDraftSlips(t *testing.T) {
	f := newFixture(t)
	server := f.serve(f.Content())
	id := f.open(-1, bulk.Options{})
	for name, headers := range map[string][]string{
		"not a boolean":     {"Upload-Complete", "true"},
		"two ways":          {"Upload-Incomplete", "?1"},
		"two protocols":     {"Tus-Resumable", "1.0.0"},
		"an encoded piece":  {"Content-Encoding", "gzip"},
		"another length":    {"Upload-Length", "7"},
		"the file's digest": {"Repr-Digest", "sha-256=:" + b64(sha256.Sum256([]byte(plain))) + ":"},
		"no number":         {"Upload-Offset", "zero"},
	} {
		if w, text := f.piece(server.URL, id, "8", plain, "0", "?1", headers...); w.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, w.StatusCode, text)
		}
	}
	if imp := f.imp(id); imp.Bytes.Received != 0 || imp.Sealed {
		t.Errorf("a slip was taken: %+v", imp)
	}
}

// A body of unknown length that breaks off is a part, although its request said that it
// ends the file.
func TestDraftCutChunkedBodyIsNoEnd(t *testing.T) {
	f := newFixture(t)
	server := f.serve(f.Content())
	id := f.open(-1, bulk.Options{})
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	f.must(err)
	cut := plain[:len(plain)-4]
	fmt.Fprintf(conn, "PATCH %s HTTP/1.1\r\nHost: x\r\nUpload-Complete: ?1\r\nContent-Type: application/partial-upload\r\nUpload-Offset: 0\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n",
		contentOf(id), len(cut), cut)
	f.until(func() bool { return f.imp(id).State == bulk.StateReceiving })
	f.must(conn.Close())
	f.until(func() bool { return f.imp(id).Bytes.Received == int64(len(cut)) })
	if f.imp(id).Sealed {
		t.Fatal("a body that broke off was taken for the whole")
	}
	w, text := f.piece(server.URL, id, "8", plain[len(cut):], fmt.Sprint(len(cut)), "?1")
	if w.StatusCode != http.StatusAccepted {
		t.Fatalf("the rest: %d %s", w.StatusCode, text)
	}
	f.result(id, int64(len(plain)))
}

// More bytes than announced are not dropped without a word.
func TestMoreThanAnnounced(t *testing.T) {
	f := newFixture(t, small)
	server := f.serve(f.Content())
	file := awkward(40)
	id := f.open(int64(len(file)), bulk.Options{})
	w, text := f.tus(server, http.MethodPatch, contentOf(id), io.MultiReader(strings.NewReader(file), strings.NewReader("9,z,1\n")), "Upload-Offset", "0") // chunked
	if w.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(text, bulk.ErrLengthMismatch) {
		t.Errorf("got %d %s", w.StatusCode, text)
	}
	if imp := f.imp(id); imp.State != bulk.StateFailed || imp.Sealed {
		t.Errorf("the import is %s", imp.State)
	}
}

func b64[T [16]byte | [20]byte | [32]byte](sum T) string {
	var b []byte
	switch s := any(sum).(type) {
	case [16]byte:
		b = s[:]
	case [20]byte:
		b = s[:]
	case [32]byte:
		b = s[:]
	}
	return base64.StdEncoding.EncodeToString(b)
}

// Bytes whose digest is wrong are not acknowledged, however many they are.
func TestDigestOfAPiece(t *testing.T) {
	file := awkward(200) // many parts
	for _, c := range []struct {
		name, field, right, wrong string
		status                    int
	}{
		{"tus sha1", "Upload-Checksum", "sha1 " + b64(sha1.Sum([]byte(file))), "sha1 " + b64(sha1.Sum([]byte("x"))), 460},
		{"tus sha256", "Upload-Checksum", "sha256 " + b64(sha256.Sum256([]byte(file))), "sha256 " + b64(sha256.Sum256([]byte("x"))), 460},
		{"tus md5", "Upload-Checksum", "md5 " + b64(md5.Sum([]byte(file))), "md5 " + b64(md5.Sum([]byte("x"))), 460},
		{"tus unknown", "Upload-Checksum", "md5 " + b64(md5.Sum([]byte(file))), "whirlpool AAAA", 400},
		{"RFC 9530", "Content-Digest", "sha-256=:" + b64(sha256.Sum256([]byte(file))) + ":", "unknown=:AAAA:, sha-256=:" + b64(sha256.Sum256([]byte("x"))) + ":", 400},
		{"RFC 9530 unreadable", "Content-Digest", "unknown=:AAAA:", "sha-256=" + b64(sha256.Sum256([]byte(file))), 400},
		{"RFC 9530 too short", "Content-Digest", "unknown=:AAAA:", "sha-256=:AAAA:", 400},
		{"RFC 1864", "Content-MD5", b64(md5.Sum([]byte(file))), b64(md5.Sum([]byte("x"))), 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, small)
			server := f.serve(f.Content())
			id := f.open(int64(len(file)), bulk.Options{})
			w, text := f.tus(server, http.MethodPatch, contentOf(id), strings.NewReader(file), "Upload-Offset", "0", c.field, c.wrong)
			if imp := f.imp(id); w.StatusCode != c.status || imp.Bytes.Received != 0 || imp.State.Terminal() {
				t.Fatalf("a wrong one: %d %s; %d bytes acknowledged, %s", w.StatusCode, text, imp.Bytes.Received, imp.State)
			}
			w, text = f.tus(server, http.MethodPatch, contentOf(id), strings.NewReader(file), "Upload-Offset", "0", c.field, c.right)
			if w.StatusCode != http.StatusNoContent {
				t.Fatalf("the right one: %d %s", w.StatusCode, text)
			}
			if r := f.result(id, int64(len(file))); r.sha256 != sum(file) {
				t.Errorf("SHA-256 %s", r.sha256)
			}
		})
	}
}

// A file with another digest than announced leaves no row behind, wherever it is cut.
func TestDigestOfTheFile(t *testing.T) {
	file := awkward(40)
	one, other := md5.Sum([]byte(file)), md5.Sum([]byte("x"))
	right, wrong := hex.EncodeToString(one[:]), hex.EncodeToString(other[:])
	for _, n := range []int{len(file), 700} {
		for _, c := range []struct {
			name    string
			options bulk.Options
			refused bool
		}{
			{"SHA-256", bulk.Options{SHA256: sum(file)}, false},
			{"wrong SHA-256", bulk.Options{SHA256: sum("x")}, true},
			{"MD5", bulk.Options{Digests: map[string]string{"md5": right}}, false},
			{"wrong MD5", bulk.Options{Digests: map[string]string{"md5": wrong}}, true},
			{"wrong MD5 beside the right SHA-256", bulk.Options{SHA256: sum(file), Digests: map[string]string{"md5": wrong}}, true},
		} {
			t.Run(fmt.Sprintf("%s in pieces of %d", c.name, n), func(t *testing.T) {
				f := newFixture(t, small)
				id := f.open(int64(len(file)), c.options)
				err := f.pieces(id, file, n)
				if !c.refused {
					f.must(err)
					f.decodeAll(id)
					if r := f.result(id, int64(len(file))); r.sha256 != sum(file) {
						t.Errorf("SHA-256 %s", r.sha256)
					}
					return
				}
				if bulk.CodeOf(err) != bulk.ErrDigestMismatch {
					t.Errorf("got %v", err)
				}
				if imp := f.imp(id); imp.State != bulk.StateFailed || imp.Batches.Total != 0 {
					t.Errorf("the import is %s with %d batches", imp.State, imp.Batches.Total)
				}
			})
		}
	}
}

func TestTermination(t *testing.T) {
	f := newFixture(t)
	server := f.serve(f.Content())
	id := f.open(int64(len(plain)), bulk.Options{})
	f.tus(server, http.MethodPatch, contentOf(id), strings.NewReader(plain[:20]), "Upload-Offset", "0")
	if w, text := f.tus(server, http.MethodDelete, contentOf(id), nil); w.StatusCode != http.StatusNoContent {
		t.Fatalf("DELETE: %d %s", w.StatusCode, text)
	}
	if imp := f.imp(id); imp.State != bulk.StateCancelled {
		t.Errorf("the import is %s", imp.State)
	}
	for _, method := range []string{http.MethodHead, http.MethodPatch, http.MethodDelete} {
		if w, _ := f.tus(server, method, contentOf(id), strings.NewReader(plain[20:]), "Upload-Offset", "20"); w.StatusCode != http.StatusGone {
			t.Errorf("%s afterwards: %d", method, w.StatusCode)
		}
	}
	whole := f.open(int64(len(plain)), bulk.Options{})
	f.tus(server, http.MethodPatch, contentOf(whole), strings.NewReader(plain), "Upload-Offset", "0")
	if head, _ := f.tus(server, http.MethodHead, contentOf(whole), nil); head.StatusCode != http.StatusOK || head.Header.Get("Upload-Offset") != head.Header.Get("Upload-Length") {
		t.Errorf("HEAD of a complete upload: %d %v", head.StatusCode, head.Header)
	}
}

// A DELETE stops the request that is under way.
func TestTerminationStopsTheWriter(t *testing.T) {
	f := newFixture(t)
	server := f.serve(f.Content())
	id := f.open(1000, bulk.Options{})
	body, feed := io.Pipe()
	defer feed.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+contentOf(id), body)
	f.must(err)
	for name, value := range map[string]string{"Tus-Resumable": "1.0.0", "Content-Type": resumable.TusPiece, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"} {
		r.Header.Set(name, value)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if w, err := server.Client().Do(r); err == nil {
			w.Body.Close()
		}
	}()
	io.WriteString(feed, "id,name,size\n")
	f.until(func() bool { return f.imp(id).State == bulk.StateReceiving })
	if w, text := f.tus(server, http.MethodDelete, contentOf(id), nil); w.StatusCode != http.StatusNoContent {
		t.Errorf("DELETE: %d %s", w.StatusCode, text) // it waits until the writer has left
	}
	feed.Close() // this server reads the rest of a body before it answers
	<-done
	if imp := f.imp(id); imp.State != bulk.StateCancelled {
		t.Errorf("the import is %s", imp.State)
	}
}

func TestTusHeadTellsTheMetadataAndTheExpiry(t *testing.T) {
	f := newFixture(t)
	server := f.serve(f.Content())
	const metadata = "dataset dGhpbmdz,relativePath bnVsbA==,is_confidential"
	imp, _, err := f.store.CreateImport(t.Context(), bulk.NewImport{Account: f.account, Dataset: "things", Mode: bulk.ModeUpsert, Priority: bulk.PriorityNormal, Filename: "a", Size: 100, Metadata: metadata}, 1000)
	f.must(err)
	head, _ := f.tus(server, http.MethodHead, contentOf(imp.ID), nil)
	expires, err := http.ParseTime(head.Header.Get("Upload-Expires"))
	if head.Header.Get("Upload-Metadata") != metadata || err != nil || expires.Before(imp.CreatedAt) {
		t.Errorf("HEAD: %v %v", head.Header, err)
	}
	w, _ := f.tus(server, http.MethodPatch, contentOf(imp.ID), strings.NewReader("x"), "Upload-Offset", "0", "Tus-Resumable", "0.2.2")
	if w.StatusCode != http.StatusPreconditionFailed || w.Header.Get("Tus-Version") != "1.0.0" {
		t.Errorf("another version: %d %v", w.StatusCode, w.Header)
	}
}

// An upload whose writer died between its last byte and its end is ended by who asks.
func TestHeadEndsWhatIsComplete(t *testing.T) {
	f := newFixture(t)
	server := f.serve(f.Content())
	id := f.open(-1, bulk.Options{})
	_, err := f.Write(t.Context(), f.account, id, bulk.Body{Reader: strings.NewReader(plain), Length: -1})
	f.must(err)
	up, err := f.store.TakeUpload(t.Context(), f.account, id)
	f.must(err)
	f.must(f.store.Advance(t.Context(), bulk.Progress{
		Account: f.account, Import: id, Epoch: up.Epoch, From: up.Offset, Offset: up.Offset, Length: up.Offset, Append: true, Digest: up.Digest, Boundary: up.Boundary,
	}))
	if f.imp(id).Sealed {
		t.Fatal("sealed already")
	}
	if head, _ := f.tus(server, http.MethodHead, contentOf(id), nil); head.StatusCode != http.StatusOK || !f.imp(id).Sealed {
		t.Errorf("HEAD: %d, sealed %v", head.StatusCode, f.imp(id).Sealed)
	}
	f.result(id, int64(len(plain)))
}
