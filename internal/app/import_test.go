package app_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
	"bulkhead/internal/sample"
)

// wantEnd compares an import with what it must be at its end.
func (c *client) wantEnd(imp bulk.Import, state bulk.State, want bulk.Counts) {
	c.t.Helper()
	if imp.State != state || imp.Rows != want {
		c.t.Fatalf("import ended as %s %+v with %+v, want %s with %+v", imp.State, imp.Error, imp.Rows, state, want)
	}
}

// wantSound holds a terminal import against the numbered invariants; length is that
// of the file as it was read.
func (c *client) wantSound(imp bulk.Import, length int64) {
	c.t.Helper()
	var receipt bulk.Receipt
	c.get("/v1/imports/"+string(imp.ID)+"/receipt", &receipt)
	if !receipt.Balanced || receipt.Import.Rows != imp.Rows || imp.Rows.Read != imp.Rows.Sum() { // 3
		c.t.Errorf("invariant 3: receipt %+v of import %+v", receipt, imp.Rows)
	}
	var rows int64
	var states []bulk.BatchState
	at := int64(0)
	for i, b := range c.batches(imp.ID) {
		if b.No != int64(i) || b.ByteFrom != at || b.ByteTo < b.ByteFrom || b.FirstRow != rows+1 && b.Rows.Read > 0 { // 1
			c.t.Errorf("invariant 1: batch %d is %+v, want it to begin at byte %d with row %d", i, b, at, rows+1)
		}
		at, rows = b.ByteTo, rows+b.Rows.Read
		states = append(states, b.State)
	}
	if imp.Sealed && at != length && rows > 0 || rows != imp.Rows.Read {
		c.t.Errorf("invariant 1: batches reach to byte %d and row %d, want %d and %d", at, rows, length, imp.Rows.Read)
	}
	if slices.Contains(states, bulk.BatchStaged) || slices.Contains(states, bulk.BatchChecked) { // 10
		c.t.Errorf("invariant 10: a terminal import has batches %v", states)
	}
	var groups int64
	for _, cl := range c.groups(imp.ID) {
		groups += cl.Count
	}
	if groups != imp.Rows.Rejected+imp.Rows.OverQuota {
		c.t.Errorf("groups add up to %d rows, want %d", groups, imp.Rows.Rejected+imp.Rows.OverQuota)
	}
}

// wantUsage holds usage against the records themselves (invariant 4).
func (c *client) wantUsage(name bulk.DatasetName, want int64) {
	c.t.Helper()
	u, live := c.usage(), c.live(name)
	if u.Records != want || live != want || u.Records > u.Quota {
		c.t.Errorf("invariant 4: usage %d of %d and %d live rows, want %d", u.Records, u.Quota, live, want)
	}
}

func TestImport(t *testing.T) {
	t.Parallel()
	c := newSystem(t).account("import", 1_000_000)
	file, want := contacts(t, sample.Options{Rows: rows(t, 20_000, 9_000), Seed: 1, RejectRate: 0.02, DuplicateRate: 0.01})

	imp := c.run("dataset=contacts&filename=first.csv", file)
	c.wantEnd(imp, bulk.StateCompletedWithRejects, counts(want))
	c.wantSound(imp, want.Bytes)
	c.wantUsage("contacts", want.Created)
	c.verify(imp.ID, file)
	if imp.SHA256 == nil || *imp.SHA256 != want.SHA256 || imp.Bytes.Received != want.Bytes || imp.Filename != "first.csv" {
		t.Errorf("import %+v, want digest %s and %d bytes", imp, want.SHA256, want.Bytes)
	}
	byCode := map[bulk.Code]int64{}
	for _, cl := range c.groups(imp.ID) {
		byCode[cl.Code] += cl.Count
		if len(cl.Examples) == 0 || cl.Sentence == "" || cl.Column == "" {
			t.Errorf("cluster %+v tells too little", cl)
		}
	}
	if !maps.Equal(byCode, want.ByCode) {
		t.Errorf("rejects by code: got %v, want %v", byCode, want.ByCode)
	}

	t.Run("corrected rejects are taken as they are", func(t *testing.T) {
		c := c.in(t)
		var corrected bytes.Buffer
		if n, err := sample.FixRejects(bytes.NewReader(c.rejects(imp.ID, "")), &corrected); err != nil || n != want.Rejected {
			t.Fatalf("corrected %d rows, %v; want %d", n, err, want.Rejected)
		}
		fixed := c.run("dataset=contacts&filename=rejects-first.csv", corrected.Bytes())
		c.wantEnd(fixed, bulk.StateCompleted, bulk.Counts{Read: want.Rejected, Created: want.Rejected})
		c.wantSound(fixed, int64(corrected.Len()))
		c.wantUsage("contacts", want.Created+want.Rejected)
	})
	t.Run("once more as upsert nothing is created", func(t *testing.T) {
		c := c.in(t)
		again := c.run("dataset=contacts&mode=upsert", file)
		c.wantEnd(again, bulk.StateCompletedWithRejects, bulk.Counts{Read: want.Rows, Updated: want.Created, Superseded: want.Superseded, Rejected: want.Rejected})
		c.wantSound(again, want.Bytes)
		c.wantUsage("contacts", want.Created+want.Rejected)
		c.verify(again.ID, file)
	})
	t.Run("once more as create every row is a duplicate", func(t *testing.T) {
		c := c.in(t)
		again := c.run("dataset=contacts", file)
		c.wantEnd(again, bulk.StateCompletedWithRejects, bulk.Counts{Read: want.Rows, Superseded: again.Rows.Superseded, Rejected: want.Rows - again.Rows.Superseded})
		c.wantSound(again, want.Bytes)
		c.wantUsage("contacts", want.Created+want.Rejected)
		if lines := bytes.Count(c.rejects(again.ID, ""), []byte(",duplicate_key,")); int64(lines) != again.Rows.Rejected-want.Rejected {
			t.Errorf("rejects.csv names %d duplicates, want %d", lines, again.Rows.Rejected-want.Rejected)
		}
	})
}

// Whatever way a file comes, the result is the same.
func TestWaysToSend(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	file, want := contacts(t, sample.Options{Rows: 1000, Seed: 2, RejectRate: 0.05, DuplicateRate: 0.05})
	tus := func(c *client, imp bulk.Import, pieces ...[]byte) {
		offset := 0
		for _, piece := range pieces {
			a, err := c.ask(http.MethodPatch, "/v1/imports/"+string(imp.ID)+"/content", bytes.NewReader(piece), http.Header{
				"Tus-Resumable": {"1.0.0"}, "Content-Type": {"application/offset+octet-stream"}, "Upload-Offset": {jsonText(offset)},
			})
			c.must(err)
			if offset += len(piece); a.status != http.StatusNoContent || a.header.Get("Upload-Offset") != jsonText(offset) {
				t.Fatalf("PATCH: %d %v %s, want offset %d", a.status, a.header, a.body, offset)
			}
		}
	}
	for name, send := range map[string]func(c *client) bulk.Import{
		"one request": func(c *client) bulk.Import { return c.send("dataset=contacts", file) },
		"one request, length unknown": func(c *client) bulk.Import {
			imp, _ := c.post("dataset=contacts", bufio.NewReader(bytes.NewReader(file)))
			return imp
		},
		"JSON and one PATCH": func(c *client) (imp bulk.Import) {
			c.call(http.MethodPost, "/v1/imports", map[string]any{"dataset": "contacts", "mode": "create", "size": len(file)}, &imp)
			tus(c, imp, file)
			return imp
		},
		"JSON with a digest and PATCHes": func(c *client) (imp bulk.Import) {
			c.call(http.MethodPost, "/v1/imports", map[string]any{"dataset": "contacts", "size": len(file), "options": map[string]any{"sha256": want.SHA256}}, &imp)
			tus(c, imp, file[:1], file[1:70_001], file[70_001:])
			return imp
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := s.account(name, 10_000).in(t)
			imp := c.end(send(c).ID)
			c.wantEnd(imp, bulk.StateCompletedWithRejects, counts(want))
			c.wantSound(imp, want.Bytes)
			if *imp.SHA256 != want.SHA256 {
				t.Errorf("SHA-256 %s, want %s", *imp.SHA256, want.SHA256)
			}
		})
	}
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	c := newSystem(t).account("idempotent", 10_000)
	file, want := contacts(t, sample.Options{Rows: 50})
	header := http.Header{"Content-Type": {"text/csv"}, "Idempotency-Key": {"order 66"}}
	var ids []bulk.ImportID
	for range 2 {
		a, err := c.ask(http.MethodPost, "/v1/imports?dataset=contacts", bytes.NewReader(file), header)
		c.must(err)
		var imp bulk.Import
		if p := c.decode(a, &imp); p != nil {
			t.Fatalf("%+v", *p)
		}
		ids = append(ids, imp.ID)
	}
	if ids[0] != ids[1] {
		t.Errorf("two imports %v for one key", ids)
	}
	c.wantEnd(c.end(ids[0]), bulk.StateCompleted, counts(want))
	a, err := c.ask(http.MethodPost, "/v1/imports?dataset=contacts&mode=upsert", bytes.NewReader(file), header)
	c.must(err)
	if p := c.decode(a, nil); p == nil || p.Status != http.StatusUnprocessableEntity {
		t.Errorf("another request with the same key: %+v, want 422", p)
	}
}

// The stream of events tells the whole story once, also to those who come late.
func TestEvents(t *testing.T) {
	t.Parallel()
	c := newSystem(t).account("events", 10_000)
	file, want := contacts(t, sample.Options{Rows: 500, RejectRate: 0.1})
	imp := c.send("dataset=contacts", file)
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	resp, err := c.open(ctx, http.MethodGet, "/v1/imports/"+string(imp.ID)+"/events", nil, nil)
	c.must(err)
	defer resp.Body.Close()
	var last bulk.Import
	var kinds []string
	var event, id string
	for stream := bufio.NewScanner(resp.Body); stream.Scan(); {
		name, value, _ := strings.Cut(stream.Text(), ": ")
		switch {
		case name == "event":
			event = value
		case name == "id":
			id = value
		case name == "data" && event == "import":
			c.must(json.Unmarshal([]byte(value), &last))
		case name == "data" && event == "milestone":
			var e bulk.Event
			c.must(json.Unmarshal([]byte(value), &e))
			kinds = append(kinds, e.Kind)
		}
	}
	c.wantEnd(last, bulk.StateCompletedWithRejects, counts(want)) // the stream ended by itself
	if !slices.Contains(kinds, "layout") || !slices.Contains(kinds, "sealed") || len(kinds) < 3 {
		t.Errorf("milestones %v, want layout, sealed and the states among them", kinds)
	}
	a, err := c.ask(http.MethodGet, "/v1/imports/"+string(imp.ID)+"/events", nil, http.Header{"Last-Event-Id": {id}})
	c.must(err)
	if a.status != http.StatusNoContent {
		t.Errorf("who has seen everything gets %d %s, want 204", a.status, a.body)
	}
}

func digest(file []byte) string {
	sum := sha256.Sum256(file)
	return hex.EncodeToString(sum[:])
}

func jsonText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}
