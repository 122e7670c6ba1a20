package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"bulkhead/internal/bulk"
)

// The exit codes that scripts rely on.
const (
	exitDone         = 0
	exitFailed       = 1
	exitUsage        = 2
	exitRejects      = 3 // done, and some rows were rejected
	exitUnauthorized = 4
	exitNotFound     = 5
	exitUnavailable  = 6 // try again
	exitInterrupted  = 130
)

// exits is the one table from what an error asks of its receiver to an exit code.
var exits = map[bulk.Kind]int{
	bulk.KindInvalid:      exitUsage,
	bulk.KindUnauthorized: exitUnauthorized,
	bulk.KindForbidden:    exitUnauthorized,
	bulk.KindNotFound:     exitNotFound,
	bulk.KindConflict:     exitFailed,
	bulk.KindTooLarge:     exitFailed,
	bulk.KindUnavailable:  exitUnavailable,
	bulk.KindTooMany:      exitUnavailable,
	bulk.KindUnprocessed:  exitFailed,
}

// kinds is the way back from the API's HTTP statuses; others are exitFailed.
var kinds = map[int]bulk.Kind{
	http.StatusBadRequest:            bulk.KindInvalid,
	http.StatusUnauthorized:          bulk.KindUnauthorized,
	http.StatusForbidden:             bulk.KindForbidden,
	http.StatusNotFound:              bulk.KindNotFound,
	http.StatusConflict:              bulk.KindConflict,
	http.StatusLocked:                bulk.KindConflict,
	http.StatusRequestEntityTooLarge: bulk.KindTooLarge,
	http.StatusUnprocessableEntity:   bulk.KindUnprocessed,
	http.StatusTooManyRequests:       bulk.KindUnavailable,
	http.StatusBadGateway:            bulk.KindUnavailable,
	http.StatusServiceUnavailable:    bulk.KindUnavailable,
	http.StatusGatewayTimeout:        bulk.KindUnavailable,
}

// outcome ends a command that said everything on stdout already: only its code counts.
type outcome int

func (o outcome) Error() string { return fmt.Sprintf("exit %d", int(o)) }

// outcomeOf returns nil for exitDone.
func outcomeOf(code int) error {
	if code == exitDone {
		return nil
	}
	return outcome(code)
}

// importExit is the code for an import that stands in the state.
func importExit(imp bulk.Import) int {
	switch {
	case imp.State == bulk.StateCompletedWithRejects, imp.State == bulk.StateAwaitingApproval && imp.Rows.Rejected > 0:
		return exitRejects
	case imp.State.Terminal() && imp.State.Aborted():
		return exitFailed
	}
	return exitDone
}

// finish reports a command's error to its user and returns the exit code.
func finish(err error, stderr io.Writer) int {
	if err == nil {
		return exitDone
	}
	if o, ok := errors.AsType[outcome](err); ok {
		return int(o)
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(stderr, "bulkhead: interrupted")
		return exitInterrupted
	}
	fmt.Fprintln(stderr, "bulkhead:", explain(err))
	if bulk.CodeOf(err) == bulk.ErrUnknownDataset { // a body names it, so the server does not say 404
		return exitNotFound
	}
	if code, ok := exits[bulk.KindOf(err)]; ok {
		return code
	}
	return exitFailed
}

// explain prefers the sentence for people over the code for programs.
func explain(err error) string {
	e, ok := errors.AsType[*bulk.Error](err)
	if !ok {
		return err.Error()
	}
	text := e.Message
	if e.Line > 0 {
		text += fmt.Sprintf(" (line %d, byte %d)", e.Line, e.Offset)
	}
	if p, ok := errors.AsType[*problem](err); ok && p.status >= http.StatusInternalServerError && p.requestID != "" {
		text += " [request " + p.requestID + "]"
	}
	return text
}
