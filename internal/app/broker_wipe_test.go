package app_test

import (
	"os"
	"path/filepath"
	"testing"

	"bulkhead/internal/bulk"
	"bulkhead/internal/sample"
)

// The broker's files are lost while batches wait: the sweep finds them in the ledger.
func TestBrokerWiped(t *testing.T) {
	if testing.Short() {
		t.Skip("waits half a minute for the sweep")
	}
	t.Parallel()
	s := newSystem(t)
	c := s.account("wiped", 1_000_000)
	file, want := contacts(t, sample.Options{Rows: rows(t, 60_000, 0), Seed: 9, RejectRate: 0.02, DuplicateRate: 0.01})
	upload := c.begin("dataset=contacts", file, part(file))
	c.until(upload.id, committed(1))
	c.steer(upload.id, "pause")
	upload.rest()
	s.barrier("published") // and so is what was staged before it

	s.stop()
	wiped := filepath.Join(s.dir, "broker")
	entries, err := os.ReadDir(wiped)
	c.must(err)
	if len(entries) == 0 {
		t.Fatal("the broker keeps nothing in its directory")
	}
	c.must(os.RemoveAll(wiped))
	s.start()
	c.url = s.url
	if imp := c.imp(upload.id); imp.State != bulk.StatePaused || imp.Batches.Staged == 0 || imp.Batches.Committed == 0 {
		t.Fatalf("after the restart: %s %+v", imp.State, imp.Batches)
	}
	c.steer(upload.id, "resume")
	imp := c.end(upload.id)
	c.wantEnd(imp, bulk.StateCompletedWithRejects, counts(want))
	c.wantSound(imp, want.Bytes)
	c.wantUsage("contacts", want.Created)
	c.verify(imp.ID, file)
}
