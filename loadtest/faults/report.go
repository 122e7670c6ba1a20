package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"text/tabwriter"
	"time"
)

// record is a run as it is kept.
type record struct {
	Rows     int64     `json:"rows"` // of a round
	Accounts int       `json:"accounts"`
	CPUs     int       `json:"cpus"`
	At       time.Time `json:"at"`
	Rounds   []result  `json:"rounds"`
}

func report(path string, rows int64, accounts int, results []result) error {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "KILLED\tWHEN\tALL ENDED AFTER\tMIRRORED AFTER\tEXACT\tVERIFIED\tCLICKHOUSE EQUAL\tRESULT")
	for _, r := range results {
		verdict := "ok"
		if len(r.Wrong) > 0 {
			verdict = "WRONG"
		}
		when := "-"
		if r.At.Rows > 0 {
			when = fmt.Sprintf("%d of %d rows committed, %d uploads open, %d imports under way", r.At.Committed, r.At.Rows, r.At.Open, r.At.Running)
		}
		fmt.Fprintf(table, "%s\t%s\t%.1f s\t%.1f s\t%d of %d\t%d of %d\t%t\t%s\n", r.What, when, r.Seconds, r.Mirrored, r.Exact, r.Accounts, r.Equal, r.Accounts, r.Analytics, verdict)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	text, err := json.MarshalIndent(record{Rows: rows, Accounts: accounts, CPUs: runtime.NumCPU(), At: time.Now().UTC().Truncate(time.Second), Rounds: results}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
