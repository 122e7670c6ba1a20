package app_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strconv"
	"testing"

	"bulkhead/internal/bulk"
	"bulkhead/internal/sample"
)

// TestDraftClient uploads as the newest draft has it, and operating systems' libraries
// do: all of the file in the first request, once an interim answer has said where to go on;
// after every cut the offset, and all of the rest.
func TestDraftClient(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	file, _ := contacts(t, sample.Options{Rows: rows(t, 8_000, 4_000), Seed: 5, RejectRate: 0.02, DuplicateRate: 0.01})
	for _, version := range []string{"3", "6", "8"} {
		t.Run("interop version "+version, func(t *testing.T) {
			c := s.account(t.Name(), 1_000_000).in(t)
			c.wantUncut(t, s, c.uploadByDraft(t, version, file), file)
		})
	}
}

// uploadByDraft sends contacts through a connection that is cut ten times, and returns
// the import's end.
func (c *client) uploadByDraft(t *testing.T, version string, file []byte) bulk.Import {
	t.Helper()
	proxy := c.newCutter(t, len(file))
	d := &draftClient{root: proxy.address(), key: c.key, version: version, file: file, http: &http.Transport{}}
	defer d.http.CloseIdleConnections()
	c.must(d.upload(t))
	said, err := json.Marshal(map[string]any{"url": d.at, "retries": d.retries})
	c.must(err)
	return c.afterCuts(t, proxy, said)
}

// draftClient is a client of the IETF's resumable uploads.
type draftClient struct {
	root, key, version string
	file               []byte
	http               *http.Transport
	at                 string // of the upload, once it was announced
	retries            int
}

// patientReader gives its bytes once the upload was announced.
type patientReader struct {
	io.Reader
	announced chan struct{}
}

func (p patientReader) Read(b []byte) (int, error) {
	<-p.announced
	return p.Reader.Read(b)
}

func (d *draftClient) upload(t *testing.T) error {
	const most = 60
	err := d.send(t, http.MethodPost, "/v1/imports?dataset=contacts", 0)
	for ; err != nil && d.retries < most; d.retries++ {
		if d.at == "" { // the way was cut before the announcement
			err = d.send(t, http.MethodPost, "/v1/imports?dataset=contacts", 0)
			continue
		}
		var offset int
		if offset, err = d.offset(t); err == nil {
			err = d.send(t, http.MethodPatch, d.at, offset)
		}
	}
	return err
}

// send sends all of the file from the offset on.
func (d *draftClient) send(t *testing.T, method, path string, offset int) error {
	body := patientReader{bytes.NewReader(d.file[offset:]), make(chan struct{})}
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		if code == 104 && h.Get("Upload-Draft-Interop-Version") == d.version {
			d.at = h.Get("Location")
			close(body.announced)
		}
		return nil
	}}), method, d.root+path, body)
	if err != nil {
		return err
	}
	r.ContentLength = int64(len(d.file) - offset)
	r.Header.Set("Content-Type", "text/csv")
	if method == http.MethodPatch {
		close(body.announced)
		r.Header.Set("Content-Type", "application/partial-upload")
		r.Header.Set("Upload-Offset", strconv.Itoa(offset))
	}
	if d.version == "3" {
		r.Header.Set("Upload-Incomplete", "?0")
	} else {
		r.Header.Set("Upload-Complete", "?1")
	}
	w, err := d.do(r)
	if err == nil && w.StatusCode != http.StatusAccepted {
		err = fmt.Errorf("%s: %s", method, w.Status)
	}
	return err
}

// offset asks where the upload stands.
func (d *draftClient) offset(t *testing.T) (int, error) {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, d.root+d.at, nil)
	if err != nil {
		return 0, err
	}
	w, err := d.do(r)
	if err != nil {
		return 0, err
	}
	if w.StatusCode != http.StatusNoContent {
		return 0, errors.New(w.Status)
	}
	return strconv.Atoi(w.Header.Get("Upload-Offset"))
}

func (d *draftClient) do(r *http.Request) (*http.Response, error) {
	r.Header.Set("Authorization", "Bearer "+d.key)
	r.Header.Set("Upload-Draft-Interop-Version", d.version)
	w, err := d.http.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer w.Body.Close()
	_, err = io.Copy(io.Discard, w.Body)
	return w, err
}
