package app_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"

	"bulkhead/internal/bulk"
	"bulkhead/internal/sample"
)

// sending is an upload under way in a request of its own, of which the first part is
// sent and the rest is held back.
type sending struct {
	id   bulk.ImportID
	rest func() answer // sends it and returns the answer, zero when the connection broke
}

// begin posts the first part of a file, and returns once its import exists.
func (c *client) begin(query string, file []byte, first int) sending {
	c.t.Helper()
	body, in := io.Pipe()
	held, answered := make(chan struct{}), make(chan answer, 1)
	go func() {
		in.Write(file[:first]) // fails when the request ended, and so does what follows
		<-held
		in.Write(file[first:])
		in.Close()
	}()
	go func() {
		a, _ := c.ask(http.MethodPost, "/v1/imports?"+query, body, http.Header{"Content-Type": {"text/csv"}})
		body.Close()
		answered <- a
	}()
	release := sync.OnceFunc(func() { close(held) })
	c.t.Cleanup(release)
	return sending{id: c.first(), rest: sync.OnceValue(func() answer {
		release()
		return <-answered
	})}
}

// committed says that at least n batches are in the store.
func committed(n int64) func(bulk.Import) bool {
	return func(imp bulk.Import) bool { return imp.Batches.Committed >= n }
}

// part is where to hold an upload back so that two batches are full and at least one
// is to come.
func part(file []byte) int { return min(len(file)*6/10, 4_500_000) }

// barrier imports a file of several batches for another account, which takes longer
// than a batch that was being worked on when it began.
func (s *system) barrier(name string) {
	s.t.Helper()
	file, want := contacts(s.t, sample.Options{Rows: 12_000})
	c := s.account(name, 100_000)
	c.wantEnd(c.run("dataset=contacts", file), bulk.StateCompleted, counts(want))
}

// After the answer to a cancel not one more row lands, whether the file was still
// coming or not.
func TestCancelInMidFlight(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	file, want := contacts(t, sample.Options{Rows: rows(t, 100_000, 40_000), Seed: 5, RejectRate: 0.02, DuplicateRate: 0.01})
	for name, ready := range map[string]func(c *client, upload sending){
		"while the file comes": func(*client, sending) {},
		"once the file is there": func(c *client, upload sending) {
			c.steer(upload.id, "pause")
			upload.rest()
			c.steer(upload.id, "resume")
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := s.account(name, 1_000_000).in(t)
			upload := c.begin("dataset=contacts", file, part(file))
			c.until(upload.id, committed(2))
			ready(c, upload)
			imp := c.steer(upload.id, "cancel")
			if a := upload.rest(); !imp.Sealed && a.status/100 == 2 {
				t.Errorf("the rest of a cancelled upload is taken: %d %s", a.status, a.body)
			}
			live := c.live("contacts")
			if imp.State != bulk.StateCancelled || imp.Batches.Committed < 2 || imp.Rows.Created == 0 || imp.Rows.Created >= want.Created {
				t.Fatalf("cancelled in mid-flight: %s %+v %+v", imp.State, imp.Rows, imp.Batches)
			}
			if name == "once the file is there" && (!imp.Sealed || imp.Rows.Read != want.Rows || imp.Rows.Unprocessed == 0) {
				t.Errorf("sealed %v, %+v, want all %d rows read", imp.Sealed, imp.Rows, want.Rows)
			}
			s.barrier("after " + name)
			after := c.imp(imp.ID)
			if after.Rows != imp.Rows || after.State != imp.State || c.live("contacts") != live || live != imp.Rows.Created {
				t.Errorf("after cancelled: %+v then %+v, %d live rows then %d", imp.Rows, after.Rows, live, c.live("contacts"))
			}
			c.wantSound(after, want.Bytes)
			c.wantUsage("contacts", live)
			if p := c.try(http.MethodPost, "/v1/imports/"+string(imp.ID)+"/resume", nil, nil); p == nil || p.Status != http.StatusConflict {
				t.Errorf("resume after cancel: %+v, want 409", p)
			}
			if !imp.Sealed {
				return
			}
			again := c.run("dataset=contacts&mode=upsert", file)
			c.wantEnd(again, bulk.StateCompletedWithRejects, bulk.Counts{
				Read: want.Rows, Created: want.Created - live, Updated: live, Superseded: want.Superseded, Rejected: want.Rejected,
			})
		})
	}
}

// While paused nothing commits; resumed, the import ends as if nothing had been.
func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	c := s.account("pause", 1_000_000)
	file, want := contacts(t, sample.Options{Rows: rows(t, 60_000, 30_000), Seed: 6, RejectRate: 0.02, DuplicateRate: 0.01})
	upload := c.begin("dataset=contacts", file, part(file))
	c.until(upload.id, committed(1))
	if imp := c.steer(upload.id, "pause"); imp.State != bulk.StatePaused {
		t.Fatalf("state %s, want paused", imp.State)
	}
	if a := upload.rest(); a.status != http.StatusAccepted { // the upload goes on
		t.Fatalf("upload while paused: %d %s", a.status, a.body)
	}
	s.barrier("first")
	paused := c.imp(upload.id)
	s.barrier("second")
	if still := c.imp(upload.id); still.Batches != paused.Batches || still.State != bulk.StatePaused || still.Batches.Staged == 0 {
		t.Fatalf("while paused: %+v then %+v (%s)", paused.Batches, still.Batches, still.State)
	}
	c.steer(upload.id, "resume")
	imp := c.end(upload.id)
	c.wantEnd(imp, bulk.StateCompletedWithRejects, counts(want))
	c.wantSound(imp, want.Bytes)
	c.wantUsage("contacts", want.Created)
	c.verify(imp.ID, file)
}

// A dry run tells everything and commits nothing until it is approved.
func TestDryRun(t *testing.T) {
	t.Parallel()
	c := newSystem(t).account("dry run", 1_000_000)
	file, want := contacts(t, sample.Options{Rows: rows(t, 20_000, 9_000), Seed: 7, RejectRate: 0.02, DuplicateRate: 0.01})
	checked := func(id bulk.ImportID) bulk.Import {
		return c.until(id, func(imp bulk.Import) bool { return imp.State == bulk.StateAwaitingApproval })
	}
	imp := checked(c.send("dataset=contacts&dry_run=true", file).ID)
	if imp.Rows != (bulk.Counts{Read: want.Rows, Rejected: want.Rejected}) {
		t.Errorf("checked: %+v, want %d rows and %d rejects", imp.Rows, want.Rows, want.Rejected)
	}
	c.wantUsage("contacts", 0)
	before := c.rejects(imp.ID, "")
	if n := bytes.Count(before, []byte("\n")); int64(n) < want.Rejected {
		t.Errorf("rejects.csv before approval has %d lines, want %d rejects", n, want.Rejected)
	}
	c.steer(imp.ID, "approve")
	imp = c.end(imp.ID)
	c.wantEnd(imp, bulk.StateCompletedWithRejects, counts(want))
	c.wantSound(imp, want.Bytes)
	c.wantUsage("contacts", want.Created)
	c.verify(imp.ID, file)
	if !bytes.Equal(before, c.rejects(imp.ID, "")) {
		t.Error("the approved import rejects other rows than the dry run told")
	}

	dropped := c.steer(checked(c.send("dataset=contacts&mode=upsert&dry_run=true", file).ID).ID, "cancel")
	c.wantEnd(dropped, bulk.StateCancelled, bulk.Counts{Read: want.Rows, Rejected: want.Rejected, Unprocessed: want.Rows - want.Rejected})
	c.wantUsage("contacts", want.Created)
	if !bytes.Equal(before, c.rejects(dropped.ID, "")) {
		t.Error("the cancelled dry run does not tell what it rejected")
	}
}

// Of a request and its repeat at once, one sends the file and the other is told so; neither
// loses the upload to the other.
func TestRepeatAtOnce(t *testing.T) {
	t.Parallel()
	c := newSystem(t).account("repeat", 1_000_000)
	file, want := contacts(t, sample.Options{Rows: 2_000, Seed: 3})
	for n := range 20 {
		header := http.Header{"Content-Type": {"text/csv"}, "Idempotency-Key": {fmt.Sprint("key ", n)}}
		var answers [4]answer
		var all sync.WaitGroup
		for i := range answers {
			all.Go(func() {
				var err error
				if answers[i], err = c.ask(http.MethodPost, "/v1/imports?dataset=contacts&mode=upsert", bytes.NewReader(file), header); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		taken := 0
		for _, a := range answers {
			switch {
			case a.status == http.StatusAccepted:
				taken++
			case a.status != http.StatusConflict || !bytes.Contains(a.body, []byte(`"upload_incomplete"`)):
				t.Errorf("try %d: %d %s", n, a.status, a.body)
			}
		}
		if taken == 0 {
			t.Errorf("try %d: nobody could send the file", n)
		}
		imp := c.end(c.imports("limit=1")[0].ID)
		if imp.Bytes.Received != want.Bytes || imp.Rows.Read != want.Rows {
			t.Errorf("try %d: %+v", n, imp)
		}
	}
}

// Too many rejects end an import; what landed stays and is accounted for.
func TestOnError(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	file, want := contacts(t, sample.Options{Rows: rows(t, 30_000, 10_000), Seed: 8, RejectRate: 0.02})
	for limit, state := range map[string]bulk.State{"abort": bulk.StateFailed, "100": bulk.StateFailed, "5%25": bulk.StateCompletedWithRejects, "skip": bulk.StateCompletedWithRejects} {
		c := s.account("on error "+limit, 100_000)
		upload := c.begin("dataset=contacts&on_error="+limit, file, 1)
		upload.rest()
		imp := c.end(upload.id)
		if imp.State != state || state == bulk.StateFailed && (imp.Error == nil || imp.Error.Code != bulk.ErrTooManyRejects) {
			t.Errorf("on_error=%s: %s %+v, want %s", limit, imp.State, imp.Error, state)
		}
		c.wantSound(imp, want.Bytes)
		c.wantUsage("contacts", imp.Rows.Created)
	}
}
