package bulk

import (
	"errors"
	"fmt"
)

// Kind classifies an error by what its receiver can do about it. The console
// maps kinds to HTTP statuses and the command line to exit codes, each in one table.
type Kind string

// The kinds. An error without one is internal: its text stays inside the process.
const (
	KindInvalid      Kind = "invalid"       // the request is wrong; do not repeat it as it is
	KindUnauthorized Kind = "unauthorized"  // no credential, or one that is not accepted
	KindForbidden    Kind = "forbidden"     // the credential does not allow this
	KindNotFound     Kind = "not_found"     // it does not exist, or not for this account
	KindConflict     Kind = "conflict"      // the state does not allow it now
	KindTooLarge     Kind = "too_large"     // a limit of size is exceeded
	KindUnavailable  Kind = "unavailable"   // try again later
	KindTooMany      Kind = "too_many"      // more than the account may have at once; try again when some of it has ended
	KindUnprocessed  Kind = "unprocessable" // well formed, but its content is refused
)

// Error is an error that is meant for the person who caused it.
type Error struct {
	Kind    Kind   `json:"-"`
	Code    string `json:"code"`             // closed list, snake_case: see codes.go
	Message string `json:"message"`          // one sentence that says what is wrong and what to do
	Line    int64  `json:"line,omitempty"`   // physical line in the file, from 1; 0: none
	Offset  int64  `json:"offset,omitempty"` // byte offset in the file, with Line
}

// Error implements error.
func (e *Error) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s: %s (line %d, byte %d)", e.Code, e.Message, e.Line, e.Offset)
	}
	return e.Code + ": " + e.Message
}

// Errorf makes an Error of the kind.
func Errorf(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...)}
}

// At returns a copy that names the place in the file.
func (e *Error) At(line, offset int64) *Error {
	c := *e
	c.Line, c.Offset = line, offset
	return &c
}

// KindOf returns the kind of the first *Error in err's chain, or "" for an internal one.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

// CodeOf returns the code of the first *Error in err's chain, or "internal".
func CodeOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return "internal"
}

// Codes of a machine that takes no writes, whatever they are; see [DiskFull].
const (
	ErrDiskFull    = "disk_full"
	ErrDiskFailing = "disk_failing" // it reports errors, such as a quota that is used up
	ErrReadOnly    = "read_only"
)

// DiskFull says that there is no room where something is kept, such as "the store".
func DiskFull(where string) *Error {
	return Errorf(KindUnavailable, ErrDiskFull, "The disk of %s is full. Nothing is lost, and reading goes on. Make room, then try again.", where)
}

// DiskFailing says that the disk under something reports errors.
func DiskFailing(where string) *Error {
	return Errorf(KindUnavailable, ErrDiskFailing, "The disk of %s reports errors: it is failing, or over its quota. Look at it, then try again.", where)
}

// ReadOnly says that something can be read only.
func ReadOnly(where string) *Error {
	return Errorf(KindUnavailable, ErrReadOnly, "The disk or database of %s is read-only. Reading goes on. Make it writable, then try again.", where)
}

// TakesNoWrites reports whether an error says that writes fail for the machine's sake.
func TakesNoWrites(err error) bool {
	switch CodeOf(err) {
	case ErrDiskFull, ErrDiskFailing, ErrReadOnly:
		return true
	}
	return false
}

// Conditions that stages tell each other with errors.Is.
var (
	// ErrSuperseded says that another writer took over an upload: stop, write nothing more.
	ErrSuperseded = errors.New("another writer took over the upload")
	// ErrSkip says that a batch needs no work any more: it is committed, dropped, or its import ended.
	ErrSkip = errors.New("nothing left to do for this batch")
	// ErrPaused says that an import is paused: its batch stays staged and comes again after a resume.
	ErrPaused = errors.New("the import is paused")
	// ErrDatabase says that the database failed in a way that it does not say will pass. It
	// speaks of the statement, the session or the schema, never of a batch's rows.
	ErrDatabase = errors.New("the database failed")
	// ErrNotFound says that an object or row is absent, for callers that handle it themselves.
	ErrNotFound = errors.New("not found")
)
