package app_test

import (
	"bytes"
	"net/http"
	"sync"
	"testing"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/sample"
)

// Ten imports race for a quota that has room for half of their rows.
func TestQuotaHoldsUnderConcurrency(t *testing.T) {
	t.Parallel()
	const quota, imports, each = 10_000, 10, 2_000
	s := newSystem(t)
	c := s.account("quota", quota)
	files := make([][]byte, imports)
	for i := range files {
		files[i], _ = contacts(t, sample.Options{Rows: each, Seed: uint64(i), FirstKey: int64(1 + i*each)})
	}
	sent := make(chan struct{})
	var senders sync.WaitGroup
	for _, file := range files {
		senders.Go(func() { c.persist("dataset=contacts", file) })
	}
	go func() {
		senders.Wait()
		close(sent)
	}()
	watched := 0
	for watching := true; watching; watched++ {
		select {
		case <-sent:
			watching = len(unfinished(c.imports("limit=200"))) > 0
		default:
		}
		if u, live := c.usage(), c.live("contacts"); u.Records > quota || live > quota {
			t.Fatalf("invariant 4: usage %d and %d live rows while the quota is %d", u.Records, live, quota)
		}
	}
	t.Logf("watched %d times", watched)

	var sum bulk.Counts
	var over []byte
	for _, imp := range c.imports("limit=200") {
		if imp.State == bulk.StateCancelled && imp.Rows.Read == 0 {
			continue // there was no room for its upload; it was sent again
		}
		c.wantSound(imp, imp.Bytes.Total)
		sum.Read, sum.Created, sum.OverQuota = sum.Read+imp.Rows.Read, sum.Created+imp.Rows.Created, sum.OverQuota+imp.Rows.OverQuota
		if imp.Rows.OverQuota > 0 {
			over = c.rejects(imp.ID, "")
			if n := bytes.Count(over, []byte(",over_quota,")); int64(n) != imp.Rows.OverQuota {
				t.Errorf("rejects.csv has %d rows over quota, want %d", n, imp.Rows.OverQuota)
			}
		}
	}
	if want := (bulk.Counts{Read: imports * each, Created: quota, OverQuota: imports*each - quota}); sum != want {
		t.Errorf("in sum %+v, want %+v", sum, want)
	}
	c.wantUsage("contacts", quota)

	// With a greater quota the rows that had no room come in as they were exported.
	s.call(http.MethodPatch, "/v1/accounts/"+string(c.account), map[string]any{"record_quota": imports * each}, nil)
	again := c.run("dataset=contacts", over)
	c.wantEnd(again, bulk.StateCompleted, bulk.Counts{Read: again.Rows.Read, Created: again.Rows.Read})
	c.wantUsage("contacts", quota+again.Rows.Read)
}

// persist posts a file again until there is room for the request. It may be called
// from any goroutine.
func (c *client) persist(query string, file []byte) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		a, err := c.ask(http.MethodPost, "/v1/imports?"+query, bytes.NewReader(file), http.Header{"Content-Type": {"text/csv"}})
		switch {
		case err == nil && a.status == http.StatusServiceUnavailable:
			continue
		case err != nil || a.status != http.StatusAccepted:
			c.t.Errorf("POST: %v, %d %s", err, a.status, a.body)
		}
		return
	}
}

func unfinished(imports []bulk.Import) (ids []bulk.ImportID) {
	for _, imp := range imports {
		if !imp.State.Terminal() {
			ids = append(ids, imp.ID)
		}
	}
	return ids
}
