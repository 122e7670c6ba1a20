package ingest

import (
	"slices"
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

func waiting(account bulk.AccountID, id bulk.ImportID, epoch, boundary int64) bulk.Upload {
	return bulk.Upload{Import: bulk.Import{ID: id, AccountID: account}, Epoch: epoch, Boundary: bulk.Boundary{Offset: boundary}}
}

func TestDecodersAreSharedAmongAccounts(t *testing.T) {
	d := newDecodes()
	for _, id := range []bulk.ImportID{"a1", "a2", "b1", "c1"} {
		d.announce(id)
	}
	all := []bulk.Upload{waiting("a", "a1", 1, 0), waiting("a", "a2", 1, 0), waiting("b", "b1", 1, 0), waiting("c", "c1", 1, 0)}
	begun := func(list []bulk.Upload) (ids []bulk.ImportID) {
		for _, up := range d.begin(list, 2, time.Minute, time.Now()) {
			ids = append(ids, up.Import.ID)
		}
		return ids
	}
	if got := begun(all); !slices.Equal(got, []bulk.ImportID{"a1", "b1"}) {
		t.Errorf("begun %v, want one of each account, two in all", got)
	}
	d.done("b")
	if got := begun([]bulk.Upload{all[1], all[3]}); !slices.Equal(got, []bulk.ImportID{"c1"}) {
		t.Errorf("begun %v, want c1: a has its decoder", got)
	}
	d.done("a")
	if got := begun([]bulk.Upload{all[1]}); !slices.Equal(got, []bulk.ImportID{"a2"}) {
		t.Errorf("begun %v, want a2", got)
	}
}

// An account whose archives are older than all others' does not go first for ever.
func TestAccountsTakeTurnsAtDecoding(t *testing.T) {
	d := newDecodes()
	all := []bulk.Upload{waiting("a", "a1", 1, 0), waiting("a", "a2", 1, 0), waiting("a", "a3", 1, 0), waiting("b", "b1", 1, 0), waiting("c", "c1", 1, 0)}
	for i := range all {
		d.announce(all[i].Import.ID)
	}
	var order []bulk.ImportID
	for len(all) > 0 {
		due := d.begin(slices.Clone(all), 1, time.Minute, time.Now())
		if len(due) != 1 {
			t.Fatalf("%d begun after %v", len(due), order)
		}
		order = append(order, due[0].Import.ID)
		d.done(due[0].Import.AccountID)
		all = slices.DeleteFunc(all, func(up bulk.Upload) bool { return up.Import.ID == due[0].Import.ID })
	}
	if want := []bulk.ImportID{"a1", "b1", "c1", "a2", "a3"}; !slices.Equal(order, want) {
		t.Errorf("decoded in the order %v, want %v", order, want)
	}
	if d.begin(nil, 1, time.Minute, time.Now()); len(d.ended) != 0 {
		t.Errorf("%d accounts without archives are remembered", len(d.ended))
	}
}

func TestOnlyAnAbandonedDecodingIsTakenOver(t *testing.T) {
	d := newDecodes()
	now := time.Now()
	begun := func(after time.Duration, epoch, boundary int64) bool {
		return len(d.begin([]bulk.Upload{waiting("a", "i", epoch, boundary)}, 4, time.Minute, now.Add(after))) > 0
	}
	for _, c := range []struct {
		after           time.Duration
		epoch, boundary int64
		want            bool
	}{
		{0, 1, 0, false},                                // first seen
		{50 * time.Second, 1, 0, false},                 // not for long enough
		{70 * time.Second, 2, 0, false},                 // another took it
		{110 * time.Second, 2, 10 * slowestSkip, false}, // it moves
		{175 * time.Second, 2, 10 * slowestSkip, false}, // a minute, but it may be skipping ten seconds' worth
		{185 * time.Second, 2, 10 * slowestSkip, true},
	} {
		if got := begun(c.after, c.epoch, c.boundary); got != c.want {
			t.Errorf("after %v at epoch %d, byte %d: %v, want %v", c.after, c.epoch, c.boundary, got, c.want)
		}
	}
	d.done("a")
	if begun(186*time.Second, 2, 10*slowestSkip) {
		t.Error("a decoding that just failed begins at once again")
	}
}
