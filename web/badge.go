package web

import "bulkhead/internal/bulk"

// badge is how a state appears: never by colour alone.
type badge struct {
	Word string
	Icon string
	Tone string // a class: idle, busy, good, warn, bad, hold
	Says string // one sentence
}

// silentBadge stands for the state of an import whose file nobody sends.
var silentBadge = badge{"Waiting for the sender", "question", "warn", "The file is not complete, and nothing of it has come for a minute."}

func stateBadge(s bulk.State) badge {
	switch s {
	case bulk.StateOpen:
		return badge{"Waiting for file", "dashed", "idle", "Created; no byte of the file has arrived yet."}
	case bulk.StateReceiving:
		return badge{"Receiving", "arrow-up", "busy", "The file is arriving; its rows are committed meanwhile."}
	case bulk.StateValidating:
		return badge{"Validating", "search", "hold", "Dry run: rows are being checked, none is committed."}
	case bulk.StateAwaitingApproval:
		return badge{"Awaiting approval", "question", "hold", "Dry run: every row was checked. Approve to commit."}
	case bulk.StateProcessing:
		return badge{"Processing", "half", "busy", "The file is complete; its rows are being committed."}
	case bulk.StatePaused:
		return badge{"Paused", "pause", "warn", "No further batch starts until you resume."}
	case bulk.StateCancelling:
		return badge{"Cancelling", "half", "idle", "No further row lands; the import is being wound up."}
	case bulk.StateCompleted:
		return badge{"Completed", "check", "good", "Every row was taken."}
	case bulk.StateCompletedWithRejects:
		return badge{"Completed with rejects", "warning", "warn", "Every good row was taken; the others can be downloaded and fixed."}
	case bulk.StateFailed:
		return badge{"Failed", "cross", "bad", "The import ended early. What had been committed stays."}
	case bulk.StateCancelled:
		return badge{"Cancelled", "slash", "idle", "Stopped by you. What had been committed stays."}
	}
	return badge{string(s), "dashed", "idle", ""}
}

func batchBadge(s bulk.BatchState) badge {
	switch s {
	case bulk.BatchStaged:
		return badge{"Waiting", "", "staged", "Stored and waiting, or being worked on"}
	case bulk.BatchChecked:
		return badge{"Checked", "", "checked", "Validated by a dry run, not committed"}
	case bulk.BatchCommitted:
		return badge{"Committed", "", "committed", "Its good rows are in the dataset"}
	case bulk.BatchQuarantined:
		return badge{"Quarantined", "", "quarantined", "Failed again and again; kept for inspection"}
	case bulk.BatchDropped:
		return badge{"Dropped", "", "dropped", "The import ended before its turn"}
	}
	return badge{string(s), "", "staged", ""}
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
