package ingest

import (
	"slices"
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

func waiting(account bulk.AccountID, id bulk.ImportID) bulk.Undecoded {
	return bulk.Undecoded{Account: account, Import: id, Epoch: 1}
}

func complete(id bulk.ImportID) *bulk.Upload {
	return &bulk.Upload{Import: bulk.Import{ID: id}, Epoch: 1}
}

func TestDecodersAreSharedAmongAccounts(t *testing.T) {
	d := newDecodeScheduler()
	for _, id := range []bulk.ImportID{"a1", "a2", "b1", "c1"} {
		d.announce(complete(id))
	}
	all := []bulk.Undecoded{waiting("a", "a1"), waiting("a", "a2"), waiting("b", "b1"), waiting("c", "c1")}
	begun := func(list []bulk.Undecoded) (ids []bulk.ImportID) {
		for _, up := range d.begin(list, 2, time.Minute, time.Now()) {
			ids = append(ids, up.Import)
		}
		return ids
	}
	if got := begun(all); !slices.Equal(got, []bulk.ImportID{"a1", "b1"}) {
		t.Errorf("begun %v, want one of each account, two in all", got)
	}
	d.done(all[2])
	if got := begun([]bulk.Undecoded{all[1], all[3]}); !slices.Equal(got, []bulk.ImportID{"c1"}) {
		t.Errorf("begun %v, want c1: a has its decoder", got)
	}
	d.done(all[0])
	if got := begun([]bulk.Undecoded{all[1]}); !slices.Equal(got, []bulk.ImportID{"a2"}) {
		t.Errorf("begun %v, want a2", got)
	}
}

// An account whose archives are older than all others' does not go first for ever.
func TestAccountsAlternateAtDecoding(t *testing.T) {
	d := newDecodeScheduler()
	all := []bulk.Undecoded{waiting("a", "a1"), waiting("a", "a2"), waiting("a", "a3"), waiting("b", "b1"), waiting("c", "c1")}
	for i := range all {
		d.announce(complete(all[i].Import))
	}
	var order []bulk.ImportID
	for len(all) > 0 {
		due := d.begin(slices.Clone(all), 1, time.Minute, time.Now())
		if len(due) != 1 {
			t.Fatalf("%d begun after %v", len(due), order)
		}
		order = append(order, due[0].Import)
		d.done(due[0])
		all = slices.DeleteFunc(all, func(up bulk.Undecoded) bool { return up.Import == due[0].Import })
	}
	if want := []bulk.ImportID{"a1", "b1", "c1", "a2", "a3"}; !slices.Equal(order, want) {
		t.Errorf("decoded in the order %v, want %v", order, want)
	}
	if d.begin(nil, 1, time.Minute, time.Now()); len(d.ended) != 0 {
		t.Errorf("%d accounts without archives are remembered", len(d.ended))
	}
}

func TestOnlyAnAbandonedDecodingIsTakenOver(t *testing.T) {
	d := newDecodeScheduler()
	d.announce(complete("own"))
	for _, c := range []struct {
		id    bulk.ImportID
		epoch int64
		idle  time.Duration
		want  bool
	}{
		{"other", 1, 59 * time.Second, false},
		{"other", 1, time.Minute, true},
		{"own", 2, time.Second, false}, // another took it before this process got to it
		{"own", 1, time.Second, true},
		{"own", 1, time.Second, false}, // and failed just now
	} {
		up := bulk.Undecoded{Account: "a", Import: c.id, Epoch: c.epoch, Idle: c.idle}
		due := d.begin([]bulk.Undecoded{up}, 4, time.Minute, time.Now())
		if got := len(due) > 0; got != c.want {
			t.Errorf("%s of epoch %d, idle for %v: begun %v, want %v", c.id, c.epoch, c.idle, got, c.want)
		}
		if len(due) > 0 {
			d.done(up)
		}
	}
}

// However many long archives there are, one decoder is left for a short one.
func TestLongFilesLeaveADecoder(t *testing.T) {
	d := newDecodeScheduler()
	var all []bulk.Undecoded
	for _, id := range []bulk.ImportID{"a", "b", "c", "d", "e"} {
		all = append(all, bulk.Undecoded{Account: bulk.AccountID(id), Import: id, Length: longFile, Idle: time.Hour})
	}
	if due := d.begin(all, 3, time.Minute, time.Now()); len(due) != 2 {
		t.Fatalf("%d long files are decoded by 3 decoders, want 2", len(due))
	}
	short := bulk.Undecoded{Account: "f", Import: "f", Length: longFile - 1, Idle: time.Hour}
	if due := d.begin([]bulk.Undecoded{all[2], short}, 3, time.Minute, time.Now()); len(due) != 1 || due[0] != short {
		t.Fatalf("begun %v, want the short one", due)
	}
	d.done(short)
	d.done(all[0])
	if due := d.begin(all[2:], 3, time.Minute, time.Now()); len(due) != 1 {
		t.Errorf("after a long one ended, %d are begun", len(due))
	}
	alone := newDecodeScheduler()
	if due := alone.begin(all, 1, time.Minute, time.Now()); len(due) != 1 {
		t.Errorf("one decoder begins %d long files", len(due))
	}
}
