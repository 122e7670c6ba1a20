package store

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

// Of two writers the later one has the upload; offsets never go back (invariant 6).
func TestUploadHasOneWriter(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		imp := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		old, err := f.TakeUpload(t.Context(), f.account, imp.ID)
		f.must(err)
		wantState(t, f.get(imp), bulk.StateReceiving)
		u, err := f.TakeUpload(t.Context(), f.account, imp.ID)
		f.must(err)
		p := f.next(old)
		p.Offset = 10
		if err := f.Advance(t.Context(), p); !errors.Is(err, bulk.ErrSuperseded) {
			t.Fatalf("the earlier writer: %v", err)
		}
		p.Epoch, p.Tail, p.Digest = u.Epoch, []byte("tail"), []byte("state")
		f.must(f.Advance(t.Context(), p))
		if err := f.Advance(t.Context(), p); !errors.Is(err, bulk.ErrSuperseded) {
			t.Fatalf("a repeated step: %v", err)
		}
		got, err := f.Upload(t.Context(), f.account, imp.ID)
		f.must(err)
		if got.Offset != 10 || !slices.Equal(got.Tail, []int64{6}) || got.Import.Bytes.Received != 10 || !bytes.Equal(got.Digest, p.Digest) {
			t.Fatalf("upload %+v", got)
		}
	})
}

// A file that comes whole is taken by one request, however often it is sent at once.
func TestUploadIsBegunOnce(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		imp := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		u, err := f.BeginUpload(t.Context(), f.account, imp.ID)
		f.must(err)
		_, err = f.BeginUpload(t.Context(), f.account, imp.ID)
		wantKind(t, err, bulk.KindConflict)
		p := f.next(u)
		p.Offset = 10
		f.must(f.Advance(t.Context(), p)) // the first goes on undisturbed
		_, err = f.BeginUpload(t.Context(), f.account, imp.ID)
		wantKind(t, err, bulk.KindConflict)
		u, err = f.TakeUpload(t.Context(), f.account, imp.ID)
		f.must(err)
		if u.Offset != 10 {
			t.Fatalf("taken over at %d", u.Offset)
		}
	})
}

// A tail is kept in pieces: a step replaces those from where its own begins, or all.
func TestTailIsKeptInPieces(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		imp := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		u, err := f.TakeUpload(t.Context(), f.account, imp.ID)
		f.must(err)
		p := f.next(u)
		for _, step := range []struct {
			offset int64
			tail   string
			append bool
			pieces []int64
			whole  string
		}{
			{5, "abcde", true, []int64{0}, "abcde"},
			{7, "fg", true, []int64{0, 5}, "abcdefg"},
			{8, "h", true, []int64{0, 5, 7}, "abcdefgh"},
			{9, "fghi", true, []int64{0, 5}, "abcdefghi"},
			{9, "", true, []int64{0, 5}, "abcdefghi"},
			{20, "xyz", false, []int64{17}, "xyz"},
			{20, "", false, nil, ""},
		} {
			p.Offset, p.Tail, p.Append, p.Digest = step.offset, []byte(step.tail), step.append, []byte("digest of "+step.whole)
			f.must(f.Advance(t.Context(), p))
			p.From = p.Offset
			got, err := f.Upload(t.Context(), f.account, imp.ID)
			f.must(err)
			whole, err := f.Tail(t.Context(), f.account, imp.ID, 0)
			f.must(err)
			if !slices.Equal(got.Tail, step.pieces) || string(whole) != step.whole || !bytes.Equal(got.Digest, p.Digest) {
				t.Fatalf("after %+v: pieces at %v, %q, digest %q", step, got.Tail, whole, got.Digest)
			}
			if len(step.pieces) > 1 {
				last, err := f.Tail(t.Context(), f.account, imp.ID, step.pieces[1])
				f.must(err)
				if want := step.whole[step.pieces[1]:]; string(last) != want {
					t.Fatalf("after %+v: %q from the second piece on, want %q", step, last, want)
				}
			}
		}
	})
}

// What a program of before pieces left as a tail is one, and it fails on what a newer one left.
func TestTailOfAnOlderProgram(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		imp := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		u, err := f.TakeUpload(t.Context(), f.account, imp.ID)
		f.must(err)
		p := f.next(u)
		p.Offset = 10
		f.must(f.Advance(t.Context(), p))
		_, err = f.write.Exec(f.write.Rebind(`UPDATE uploads SET tail = ?, digest = ? WHERE import_id = ?`), []byte("tail"), []byte("state"), imp.ID)
		f.must(err)
		u, err = f.TakeUpload(t.Context(), f.account, imp.ID)
		f.must(err)
		whole, err := f.Tail(t.Context(), f.account, imp.ID, 0)
		f.must(err)
		if !slices.Equal(u.Tail, []int64{6}) || string(whole) != "tail" || string(u.Digest) != "state" {
			t.Fatalf("pieces at %v, %q, digest %q", u.Tail, whole, u.Digest)
		}
		p = f.next(u)
		p.Offset, p.Tail, p.Append, p.Digest = 11, []byte("s"), true, u.Digest
		f.must(f.Advance(t.Context(), p))
		var older struct{ Tail, Digest []byte }
		f.must(f.read.GetContext(t.Context(), &older, `SELECT tail, digest FROM uploads WHERE import_id = ?`, imp.ID))
		if len(older.Tail) > 0 || bytes.Equal(older.Digest, u.Digest) {
			t.Fatalf("an older program would go on from %q with the digest %q", older.Tail, older.Digest)
		}
	})
}

func TestSpooledUploadIsListedUntilSealed(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		imp := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		u, err := f.TakeUpload(t.Context(), f.account, imp.ID)
		f.must(err)
		p := f.next(u)
		p.Offset, p.Length, p.Part = 5, 5, &bulk.Part{Object: "parts/1", From: 0, Size: 5, SHA256: "x"}
		f.must(f.Advance(t.Context(), p))
		seen := f.undecoded()
		if seen.Account != f.account || seen.Import != imp.ID || seen.Epoch != u.Epoch || seen.Length != 5 || seen.Idle < 0 || seen.Idle > time.Minute {
			t.Fatalf("undecoded %+v", seen)
		}
		if _, err := f.TakeUpload(t.Context(), f.account, imp.ID); bulk.KindOf(err) != bulk.KindConflict {
			t.Fatalf("a complete file is taken: %v", err)
		}
		d, err := f.TakeDecoding(t.Context(), seen)
		f.must(err)
		if len(d.Parts) != 1 || d.Parts[0] != *p.Part {
			t.Fatalf("parts %+v", d.Parts)
		}
		p = f.next(d)
		p.Length, p.Seal = 5, &bulk.Seal{SHA256: "digest"}
		f.must(f.Advance(t.Context(), p))
		if list, err := f.Undecoded(t.Context(), 10); err != nil || len(list) != 0 {
			t.Fatalf("undecoded %+v, %v", list, err)
		}
	})
}

// undecoded returns the only upload that waits for a decoder.
func (f *fixture) undecoded() bulk.Undecoded {
	f.t.Helper()
	list, err := f.Undecoded(f.t.Context(), 10)
	f.must(err)
	if len(list) != 1 {
		f.t.Fatalf("undecoded %+v", list)
	}
	return list[0]
}

// A decoding has one owner, which shows its work; only what nobody worked on since it
// was seen can be taken.
func TestDecodingHasOneOwner(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		imp := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		u, err := f.TakeUpload(t.Context(), f.account, imp.ID)
		f.must(err)
		p := f.next(u)
		p.Offset, p.Length, p.Part = 5, 5, &bulk.Part{Object: "parts/1", From: 0, Size: 5, SHA256: "x"}
		f.must(f.Advance(t.Context(), p))
		idle := func() {
			_, err := f.write.Exec(f.write.Rebind(`UPDATE uploads SET worked_at = worked_at - 3600000 WHERE import_id = ?`), imp.ID)
			f.must(err)
		}
		idle()
		seen := f.undecoded()
		if seen.Idle < time.Hour {
			t.Fatalf("idle for %v", seen.Idle)
		}
		first, err := f.TakeDecoding(t.Context(), seen)
		f.must(err)
		if _, err := f.TakeDecoding(t.Context(), seen); !errors.Is(err, bulk.ErrSuperseded) {
			t.Fatalf("taken twice: %v", err)
		}
		if now := f.undecoded(); now.Idle > time.Minute {
			t.Fatalf("idle for %v after it was taken", now.Idle)
		}
		idle()
		seen = f.undecoded()
		f.must(f.Worked(t.Context(), f.account, imp.ID, first.Epoch))
		if _, err := f.TakeDecoding(t.Context(), seen); !errors.Is(err, bulk.ErrSuperseded) {
			t.Fatalf("taken from one that works: %v", err)
		}
		idle()
		begun := f.next(first)
		begun.Length, begun.Check = 5, true
		f.must(f.Advance(t.Context(), begun))
		if now := f.undecoded(); now.Idle > time.Minute {
			t.Fatalf("idle for %v after a step", now.Idle)
		}
		idle()
		second, err := f.TakeDecoding(t.Context(), f.undecoded())
		f.must(err)
		if second.Checks != 1 {
			t.Errorf("%d checks are counted", second.Checks)
		}
		if err := f.Worked(t.Context(), f.account, imp.ID, first.Epoch); !errors.Is(err, bulk.ErrSuperseded) {
			t.Errorf("the first owner: %v", err)
		}
		f.must(f.Worked(t.Context(), f.account, imp.ID, second.Epoch))
		_, err = f.Cancel(t.Context(), f.account, imp.ID)
		f.must(err)
		if err := f.Worked(t.Context(), f.account, imp.ID, second.Epoch); !errors.Is(err, bulk.ErrSuperseded) {
			t.Errorf("after a cancel: %v", err)
		}
	})
}

// An import can be forgotten until somebody takes its upload.
func TestForget(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		untouched, taken := f.newImport(f.account, bulk.ModeCreate, bulk.Options{}), f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		_, err := f.TakeUpload(t.Context(), f.account, taken.ID)
		f.must(err)
		if gone, err := f.Forget(t.Context(), f.account, untouched.ID); err != nil || !gone {
			t.Errorf("untouched: %v, %v", gone, err)
		}
		if gone, err := f.Forget(t.Context(), f.account, taken.ID); err != nil || gone {
			t.Errorf("taken: %v, %v", gone, err)
		}
		if list, _, err := f.ListImports(t.Context(), f.account, bulk.ImportFilter{}); err != nil || len(list) != 1 || list[0].ID != taken.ID {
			t.Errorf("listed %v, %v", list, err)
		}
		if _, err := f.Forget(t.Context(), f.newAccount("other", 1), taken.ID); bulk.KindOf(err) != bulk.KindNotFound {
			t.Errorf("a foreign one: %v", err)
		}
	})
}

// An upload that nobody sends is silent from its last step, or sign of work, on; one that is
// complete is not.
func TestSilences(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		fresh, stale, complete := f.newImport(f.account, bulk.ModeCreate, bulk.Options{}), f.newImport(f.account, bulk.ModeCreate, bulk.Options{}), f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		other := f.newImport(f.newAccount("two", 10), bulk.ModeCreate, bulk.Options{})
		for _, imp := range []bulk.Import{fresh, stale, other} {
			f.stageOpen(imp, 2)
		}
		f.stage(complete, 2)
		age := func(imp bulk.Import) {
			f.must(f.tx(t.Context(), "age", func(tx *txn) error {
				_, err := tx.ExecContext(t.Context(), `UPDATE uploads SET worked_at = worked_at - 90000 WHERE import_id = ?`, imp.ID)
				return err
			}))
		}
		silences := func() map[bulk.ImportID]time.Duration {
			got, err := f.Silences(t.Context(), f.account)
			f.must(err)
			return got
		}
		age(stale)
		got := silences()
		if len(got) != 2 || got[fresh.ID] > 80*time.Second || got[stale.ID] < 90*time.Second {
			t.Fatalf("silences %v, want one of %s and one of more than 90 s of %s", got, fresh.ID, stale.ID)
		}
		u, err := f.TakeUpload(t.Context(), f.account, stale.ID)
		f.must(err)
		age(stale)
		f.must(f.Worked(t.Context(), f.account, stale.ID, u.Epoch))
		if got := silences()[stale.ID]; got > 80*time.Second {
			t.Fatalf("silent for %v after a sign of work", got)
		}
	})
}
