package bulk

import (
	"slices"
	"strings"
)

// The life of an import, whole: what it may be in (states), what may happen to it
// (triggers), and for each of both what follows (lifecycle). Everybody asks this table;
// nobody else knows a list of states.

// State is where an import stands.
type State string

// The states of an import.
const (
	StateOpen                 State = "open"              // created, no byte received
	StateReceiving            State = "receiving"         // bytes arrive; batches already commit
	StateValidating           State = "validating"        // dry run: the file is complete, batches are being checked
	StateAwaitingApproval     State = "awaiting_approval" // dry run: all checked, nothing committed
	StateProcessing           State = "processing"        // the file is complete; batches commit
	StatePaused               State = "paused"            // no batch is begun until resumed; an upload may go on
	StateCancelling           State = "cancelling"        // no batch commits any more; about to be cancelled, or to fail
	StateCompleted            State = "completed"
	StateCompletedWithRejects State = "completed_with_rejects"
	StateFailed               State = "failed"
	StateCancelled            State = "cancelled"
)

// phase groups states by what becomes of the import by itself.
type phase int

const (
	active  phase = iota // takes bytes or works on batches
	resting              // waits for its owner's word
	ending               // about to stop
	done                 // ended, with every batch settled as its rows asked
	stopped              // ended before that
)

// phases has every state, in order of progress.
var phases = []struct {
	state State
	phase phase
}{
	{StateOpen, active},
	{StateReceiving, active},
	{StateValidating, active},
	{StateAwaitingApproval, resting},
	{StateProcessing, active},
	{StatePaused, active},
	{StateCancelling, ending},
	{StateCompleted, done},
	{StateCompletedWithRejects, done},
	{StateFailed, stopped},
	{StateCancelled, stopped},
}

// States lists every state in order of progress.
var States = StatesThat(func(State) bool { return true })

// StatesThat lists the states of which it is true, in order of progress.
func StatesThat(is func(State) bool) (list []State) {
	for _, row := range phases {
		if is(row.state) {
			list = append(list, row.state)
		}
	}
	return list
}

func (s State) in(any ...phase) bool {
	for _, row := range phases {
		if row.state == s {
			return slices.Contains(any, row.phase)
		}
	}
	return false
}

// Active reports whether the import takes bytes or works on batches, or would if it were not paused.
func (s State) Active() bool { return s.in(active) }

// Terminal reports whether nothing happens to the import any more.
func (s State) Terminal() bool { return s.in(done, stopped) }

// Settled reports whether the import waits for nobody but its owner: it has ended, or
// awaits approval. One that is paused still ends what was begun.
func (s State) Settled() bool { return s.in(resting, done, stopped) }

// Closed reports whether not one more row lands, whatever happens: it has ended or is about to.
func (s State) Closed() bool { return s.in(ending, done, stopped) }

// Ending reports whether the import stops as soon as what waits of it is dropped.
func (s State) Ending() bool { return s.in(ending) }

// Completed reports whether every row had its outcome.
func (s State) Completed() bool { return s.in(done) }

// Aborted reports whether the import stopped early, or is about to.
func (s State) Aborted() bool { return s.in(ending, stopped) }

// AcceptsBytes reports whether the import takes bytes of its file, unless that is complete.
func (s State) AcceptsBytes() bool { return s.accepts(TriggerReceive) }

// AcceptsLeases reports whether work on batches of the import begins.
func (s State) AcceptsLeases() bool { return s.accepts(TriggerLease) }

// AcceptsCommits reports whether batches of the import may be committed, checked or
// quarantined. An import that is cancelled, or about to be, refuses them.
func (s State) AcceptsCommits() bool { return s.accepts(TriggerSettle) }

func (s State) accepts(t Trigger) bool {
	_, err := s.Next(t, Facts{})
	return err == nil
}

// Words renders the state for a sentence.
func (s State) Words() string { return strings.ReplaceAll(string(s), "_", " ") }

// Trigger is what happens to an import.
type Trigger string

// The triggers.
const (
	TriggerBegin    Trigger = "begin"    // a request with the whole file takes the upload
	TriggerReceive  Trigger = "receive"  // a writer takes the upload, or adds bytes to it
	TriggerSeal     Trigger = "seal"     // the file is complete
	TriggerLease    Trigger = "lease"    // work on a batch begins
	TriggerSettle   Trigger = "settle"   // a batch is committed, checked or quarantined; or the file is sealed, maybe without one
	TriggerPause    Trigger = "pause"    // a person holds it
	TriggerResume   Trigger = "resume"   // a person lets it go on
	TriggerApprove  Trigger = "approve"  // a person has what a dry run checked committed
	TriggerCancel   Trigger = "cancel"   // a person ends it
	TriggerFail     Trigger = "fail"     // its file is refused, or its upload expired
	TriggerFinalize Trigger = "finalize" // the batches that waited when it began to end are dropped
)

// Triggers lists every trigger.
var Triggers = []Trigger{
	TriggerBegin, TriggerReceive, TriggerSeal, TriggerLease, TriggerSettle, TriggerPause, TriggerResume, TriggerApprove, TriggerCancel, TriggerFail, TriggerFinalize,
}

// Facts are what else of an import decides which state follows.
type Facts struct {
	Sealed   bool // its file is complete
	DryRun   bool // it was to be checked first
	Approved bool // a dry run that was approved
	OnError  OnError
	Rows     Counts
	Batches  BatchCounts
	Received int64 // bytes of its file
	Judged   int64 // rows among which Rows.Rejected are judged before the file is complete; 0: not now
	Outcome  State // of one that is cancelling: where it ends
}

// Checking reports whether batches are only checked, for now.
func (f Facts) Checking() bool { return f.DryRun && !f.Approved }

// Next is the state that follows, which may be the same: then nothing has to be done. An
// error says why the trigger is refused, and the state stays. It is an [*Error] for
// whoever asked, or [ErrSkip] or [ErrPaused] for who works on a batch.
func (s State) Next(t Trigger, f Facts) (State, error) {
	row := lifecycle[t]
	next, ok := row.in[s]
	if !ok {
		next = row.otherwise
	}
	return next(s, f)
}

// lifecycle says for each trigger what it does in which states, and in all others.
var lifecycle = map[Trigger]struct {
	in        map[State]move
	otherwise move
}{
	TriggerBegin: {map[State]move{
		StateOpen:      to(StateReceiving),
		StateReceiving: unlessSealed(alreadyBegun),
		StatePaused:    unlessSealed(alreadyBegun),
	}, uploadClosed},
	TriggerReceive: {map[State]move{
		StateOpen:      to(StateReceiving),
		StateReceiving: unlessSealed(stay),
		StatePaused:    unlessSealed(stay),
	}, uploadClosed},
	TriggerSeal: {map[State]move{
		StateReceiving: goOnSealed,
		StatePaused:    unlessSealed(stay),
	}, uploadClosed},
	TriggerLease: {map[State]move{
		StateReceiving:  stay,
		StateValidating: stay,
		StateProcessing: stay,
		StatePaused:     refuse(func(State) error { return ErrPaused }),
	}, skip},
	TriggerSettle: {map[State]move{
		StateReceiving:  judge,
		StateValidating: settle,
		StateProcessing: settle,
		StatePaused:     settle,
	}, skip},
	TriggerPause: {map[State]move{
		StateReceiving:  to(StatePaused),
		StateValidating: to(StatePaused),
		StateProcessing: to(StatePaused),
		StatePaused:     stay,
	}, wrongState("paused")},
	TriggerResume: {map[State]move{
		StatePaused:     goOn,
		StateCancelling: wrongState("resumed"),
		StateFailed:     wrongState("resumed"),
		StateCancelled:  wrongState("resumed"),
	}, stay},
	TriggerApprove: {map[State]move{
		StateAwaitingApproval: to(StateProcessing),
	}, onceApproved(wrongState("approved"))},
	TriggerCancel: {map[State]move{
		StateCancelling:           stay,
		StateCancelled:            stay,
		StateCompleted:            alreadyFinished,
		StateCompletedWithRejects: alreadyFinished,
		StateFailed:               alreadyFinished,
	}, to(StateCancelling)},
	TriggerFail: {map[State]move{
		StateCancelling:           stay,
		StateCompleted:            stay,
		StateCompletedWithRejects: stay,
		StateFailed:               stay,
		StateCancelled:            stay,
	}, to(StateCancelling)},
	TriggerFinalize: {map[State]move{
		StateCancelling: func(_ State, f Facts) (State, error) { return f.Outcome, nil },
	}, stay},
}

// move says what follows a state.
type move func(s State, f Facts) (State, error)

func stay(s State, _ Facts) (State, error) { return s, nil }

func to(next State) move { return func(State, Facts) (State, error) { return next, nil } }

func refuse(why func(State) error) move {
	return func(s State, _ Facts) (State, error) { return s, why(s) }
}

// goOn is where an import stands that is neither paused nor ended.
func goOn(_ State, f Facts) (State, error) {
	switch {
	case !f.Sealed:
		return StateReceiving, nil
	case f.Checking():
		return StateValidating, nil
	}
	return StateProcessing, nil
}

func goOnSealed(s State, f Facts) (State, error) {
	f.Sealed = true
	return goOn(s, f)
}

// judge ends an import that has too many rejects already.
func judge(s State, f Facts) (State, error) {
	if f.OnError.Exceeded(f.Rows.Rejected, f.Judged, false) {
		return StateCancelling, nil
	}
	return s, nil
}

// settle moves an import on whose file is complete and of whose batches none waits.
func settle(s State, f Facts) (State, error) {
	if next, _ := judge(s, f); next != s || !f.Sealed || f.Batches.Staged > 0 {
		return next, nil
	}
	switch {
	case f.OnError.Exceeded(f.Rows.Rejected, f.Rows.Read, true):
		return StateCancelling, nil
	case f.Checking() && f.Batches.Total > f.Batches.Quarantined:
		return StateAwaitingApproval, nil
	case f.Batches.Quarantined > 0:
		return StateFailed, nil
	case f.Rows.Rejected+f.Rows.OverQuota > 0:
		return StateCompletedWithRejects, nil
	}
	return StateCompleted, nil
}

func unlessSealed(next move) move {
	return func(s State, f Facts) (State, error) {
		if f.Sealed {
			return uploadClosed(s, f)
		}
		return next(s, f)
	}
}

// onceApproved makes an approval harmless that is repeated.
func onceApproved(otherwise move) move {
	return func(s State, f Facts) (State, error) {
		if f.Approved {
			return s, nil
		}
		return otherwise(s, f)
	}
}

// skip tells who works on a batch that nothing is left to do.
var skip = refuse(func(State) error { return ErrSkip })

// Codes of what a state does not allow.
const (
	ErrUploadClosed     = "upload_closed"     // it takes no bytes any more
	ErrUploadIncomplete = "upload_incomplete" // another request sends the file, or was cut
	ErrAlreadyFinished  = "already_finished"
	ErrNotFinished      = "not_finished"
	ErrWrongState       = "wrong_state"
)

var uploadClosed = refuse(func(s State) error {
	return Errorf(KindConflict, ErrUploadClosed, "The import is %s and takes no more bytes. To send the file again, start a new import.", s.Words())
})

func alreadyBegun(s State, f Facts) (State, error) {
	return s, Errorf(KindConflict, ErrUploadIncomplete,
		"Another request is sending this file, or was cut after %d bytes. Ask for the offset and continue there, or cancel the import and send the file under a new key.", f.Received)
}

var alreadyFinished = refuse(func(s State) error {
	return Errorf(KindConflict, ErrAlreadyFinished, "The import has already ended as %s; nothing is left to cancel.", s.Words())
})

func wrongState(done string) move {
	return refuse(func(s State) error {
		return Errorf(KindConflict, ErrWrongState, "An import that is %s cannot be %s.", s.Words(), done)
	})
}

// TooManyRejects is why an import ends that judging its rejects made cancelling.
func (f Facts) TooManyRejects() *Error {
	return Errorf(KindUnprocessed, ErrTooManyRejects,
		"%d of %d rows read were rejected; the import was to stop at on_error %s.", f.Rows.Rejected, f.Rows.Read, f.OnError)
}
