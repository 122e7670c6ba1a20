package web

import "bulkhead/internal/bulk"

// look is how a state appears: never by colour alone.
type look struct {
	Word string
	Icon string
	Tone string // a class: idle, busy, good, warn, bad, hold
	Says string // one sentence
}

func stateLook(s bulk.State) look {
	switch s {
	case bulk.StateOpen:
		return look{"Waiting for file", "dashed", "idle", "Created; no byte of the file has arrived yet."}
	case bulk.StateReceiving:
		return look{"Receiving", "arrow-up", "busy", "The file is arriving; its rows are committed meanwhile."}
	case bulk.StateValidating:
		return look{"Validating", "search", "hold", "Dry run: rows are being checked, none is committed."}
	case bulk.StateAwaitingApproval:
		return look{"Awaiting approval", "question", "hold", "Dry run: every row was checked. Approve to commit."}
	case bulk.StateProcessing:
		return look{"Processing", "half", "busy", "The file is complete; its rows are being committed."}
	case bulk.StatePaused:
		return look{"Paused", "pause", "warn", "No further batch starts until you resume."}
	case bulk.StateCancelling:
		return look{"Cancelling", "half", "idle", "No further row lands; the import is being wound up."}
	case bulk.StateUndoing:
		return look{"Undoing", "undo", "busy", "What the import changed is being put back."}
	case bulk.StateCompleted:
		return look{"Completed", "check", "good", "Every row was taken."}
	case bulk.StateCompletedWithRejects:
		return look{"Completed with rejects", "warning", "warn", "Every good row was taken; the others can be downloaded and fixed."}
	case bulk.StateFailed:
		return look{"Failed", "cross", "bad", "The import ended early. What had been committed stays."}
	case bulk.StateCancelled:
		return look{"Cancelled", "slash", "idle", "Stopped by you. What had been committed stays."}
	case bulk.StateUndone:
		return look{"Undone", "undo", "idle", "What the import changed was put back."}
	}
	return look{string(s), "dashed", "idle", ""}
}

func batchLook(s bulk.BatchState) look {
	switch s {
	case bulk.BatchStaged:
		return look{"Waiting", "", "staged", "Stored and waiting, or being worked on"}
	case bulk.BatchChecked:
		return look{"Checked", "", "checked", "Validated by a dry run, not committed"}
	case bulk.BatchCommitted:
		return look{"Committed", "", "committed", "Its good rows are in the dataset"}
	case bulk.BatchQuarantined:
		return look{"Quarantined", "", "quarantined", "Failed again and again; kept for inspection"}
	case bulk.BatchDropped:
		return look{"Dropped", "", "dropped", "The import ended before its turn"}
	}
	return look{string(s), "", "staged", ""}
}

func modeSays(m bulk.Mode) string {
	if m == bulk.ModeUpsert {
		return "Upsert: existing records are updated"
	}
	return "Create: existing records stay as they are"
}

func onErrorSays(o bulk.OnError) string {
	switch o {
	case "", "skip":
		return "skips rejected rows"
	case "abort":
		return "fails on the first reject"
	}
	return "fails above " + string(o) + " rejects"
}

// delimiterName names what cannot be seen.
func delimiterName(d string) string {
	switch d {
	case ",":
		return "comma  ,"
	case ";":
		return "semicolon  ;"
	case "\t":
		return "tab"
	case "|":
		return "pipe  |"
	case " ":
		return "space"
	case "":
		return "none"
	}
	return d
}
