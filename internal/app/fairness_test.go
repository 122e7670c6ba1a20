package app_test

import (
	"net/http"
	"testing"

	"bulkhead/internal/bulk"
)

// A paused account waits and says why; the operator sees it, and lifts the cap.
func TestPausedAccountIsSeenAndSteered(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	acme := s.account("acme", 1000)
	set := func(limit any) {
		s.call(http.MethodPatch, "/v1/accounts/"+string(acme.account), map[string]any{"cap": limit}, nil)
	}
	set(0)
	imp := acme.send("dataset=things", []byte(lines("id,text", "1,a", "2,b")))
	acme.eventually("the dispatcher says why the import waits", func() bool {
		var got struct{ Wait *bulk.Wait }
		acme.get("/v1/imports/"+string(imp.ID), &got)
		return got.Wait != nil && got.Wait.Reason == bulk.WaitsForPause && got.Wait.Waiting == 1
	})
	var f bulk.Fairness
	s.get("/v1/fairness", &f)
	if len(f.Accounts) != 1 || f.Accounts[0].Name != "acme" || f.Accounts[0].Waiting != 1 || f.Accounts[0].Cap == nil || f.Accounts[0].Entitled != 0 {
		t.Errorf("accounts %+v, want acme alone, paused, with one batch", f.Accounts)
	}
	if len(f.Lag.Minutes) != 60 || f.Lag.Worst != nil {
		t.Errorf("an account that is alone was compared: %+v", f.Lag)
	}
	if f.Slots.Total == 0 || f.Slots.Busy != 0 || len(f.Dispatchers) != 1 || len(f.Dispatchers[0].Partitions) == 0 || len(f.Silent) != 0 {
		t.Errorf("slots %+v, dispatchers %+v, silent %v", f.Slots, f.Dispatchers, f.Silent)
	}
	set(nil)
	acme.wantEnd(acme.end(imp.ID), bulk.StateCompleted, bulk.Counts{Read: 2, Created: 2})
	s.get("/v1/fairness", &f)
	if len(f.Accounts) != 1 || f.Accounts[0].Used != 1 || f.Accounts[0].SlotMS <= 0 {
		t.Errorf("accounts %+v, want acme with all the slot time of the last minute", f.Accounts)
	}
}
