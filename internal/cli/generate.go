package cli

import (
	"encoding/json"

	"bulkhead/internal/sample"
)

type generateCommand struct {
	Contacts generateContacts `cmd:"" help:"Write a CSV file of contacts to standard output, and what importing it must report to standard error."`
	Spec     generateSpec     `cmd:"" help:"Print the dataset spec (YAML) that these contacts are meant for."`
}

type generateContacts struct {
	Rows          int64   `required:"" help:"Data rows." placeholder:"N"`
	Seed          uint64  `help:"Another seed gives another file with the same keys." default:"1"`
	FirstKey      int64   `help:"Number of the first row's key." default:"1"`
	RejectRate    float64 `help:"Share of rows that break a rule." default:"0.02"`
	DuplicateRate float64 `help:"Share of rows that repeat the key of an earlier one." default:"0.01"`
}

// Run implements `bulkhead generate contacts`.
func (c *generateContacts) Run(e *env) error {
	answer, err := sample.Contacts(&ctxWriter{e.ctx, e.stdout}, sample.Options{
		Rows: c.Rows, Seed: c.Seed, FirstKey: c.FirstKey, RejectRate: c.RejectRate, DuplicateRate: c.DuplicateRate,
	})
	if err != nil {
		return err
	}
	return json.NewEncoder(e.stderr).Encode(answer)
}

type generateSpec struct{}

// Run implements `bulkhead generate spec`.
func (c *generateSpec) Run(e *env) error { return printSpec(e, sample.Spec()) }
