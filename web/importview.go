package web

import (
	"math"
	"time"

	"bulkhead/internal/bulk"
)

// ImportView is everything the page of one import shows.
type ImportView struct {
	Page
	Import       bulk.Import
	Batches      []bulk.Batch // ascending and without gap; the latest ones when there are more than MaxBatches
	RejectGroups []bulk.RejectGroup
	Events       []bulk.Event
	Receipt      *bulk.Receipt // of a terminal import
	Wait         *bulk.Wait    // what its next batch waits for; nil: nothing waits
	LastByte     *time.Time    // when something of the file last came; nil: it is complete
}

// silence is how long nothing may come of a file before its sender is taken for gone.
const silence = time.Minute

// silent reports whether nobody sends the rest of the file.
func (v ImportView) silent() bool {
	return v.uploading() && v.LastByte != nil && v.Now.Sub(*v.LastByte) >= silence
}

// MaxRejectGroups bounds the causes of rejects that one page shows.
const MaxRejectGroups = 100

// MaxBatches bounds the batches that one page looks at.
const MaxBatches = 4000

// rateWindow is how far back the shown pace looks.
const rateWindow = 15 * time.Second

// running reports whether the page changes by itself.
func (v ImportView) running() bool { return !v.Import.State.Terminal() }

// checking reports whether rows are checked only, until somebody approves.
func (v ImportView) checking() bool { return v.running() && v.Import.Facts().Checking() }

// committing reports whether batches of the import are begun, and commit.
func (v ImportView) committing() bool { return v.Import.State.AcceptsLeases() && !v.checking() }

// uploading reports whether the file is still incomplete and may be continued.
func (v ImportView) uploading() bool {
	return !v.Import.Sealed && v.Import.State.AcceptsBytes()
}

// checked sums up the rows that a dry run has validated.
func (v ImportView) checked() (rows int64) {
	for _, b := range v.Batches {
		if b.State == bulk.BatchChecked {
			rows += b.Rows.Read
		}
	}
	return rows
}

// checkedBatches counts the batches that a dry run has validated.
func (v ImportView) checkedBatches() (n int64) {
	for _, b := range v.Batches {
		if b.State == bulk.BatchChecked {
			n++
		}
	}
	return n
}

// readBytes is the file position up to which rows were read; ok is false when it
// cannot be told, because the file is compressed or recoded.
func (v ImportView) readBytes() (at int64, ok bool) {
	l := v.Import.Layout
	if v.Import.Sealed {
		return v.Import.Bytes.Total, true
	}
	if l == nil || l.Dialect.Compression != "" || l.Dialect.Encoding != "utf-8" || len(v.Batches) == 0 {
		return 0, false
	}
	return v.Batches[len(v.Batches)-1].ByteTo, true
}

// latest is what was settled in the latest window: the rows, and when they were worked on;
// rows is 0 when too little happened in it to tell.
func (v ImportView) latest() (rows int64, spans []bulk.Span) {
	for _, b := range v.Batches {
		if s, ok := b.Working(); ok && v.Now.Sub(s.To) <= rateWindow {
			rows, spans = rows+b.Rows.Read, append(spans, s)
		}
	}
	if len(spans) < 2 {
		return 0, nil
	}
	return rows, spans
}

// rate is the rows settled a second while the import worked in the latest window: pauses
// and waits do not count. 0: not known.
func (v ImportView) rate() float64 {
	rows, spans := v.latest()
	return bulk.PerSecond(rows, bulk.Covered(spans))
}

// eta is the time that the unsettled rows take if the latest window goes on, its waits
// included; ok is false when the file's length, its rows or the pace are not known.
func (v ImportView) eta() (left time.Duration, ok bool) {
	recent, spans := v.latest()
	first := v.Now.Add(-time.Second)
	for _, s := range spans {
		if s.From.Before(first) {
			first = s.From
		}
	}
	rate, c := bulk.PerSecond(recent, v.Now.Sub(first)), v.Import.Rows
	if rate == 0 || v.silent() || !v.committing() {
		return 0, false
	}
	rows := float64(c.Read)
	if !v.Import.Sealed {
		at, known := v.readBytes()
		if !known || at == 0 || v.Import.Bytes.Total == 0 {
			return 0, false
		}
		rows *= float64(v.Import.Bytes.Total) / float64(at)
	}
	left = time.Duration((rows - float64(c.Settled())) / rate * float64(time.Second))
	return left, left >= 0
}

// elapsed is the time from the first byte to the end or now.
func (v ImportView) elapsed() time.Duration {
	switch {
	case v.Import.StartedAt == nil:
		return 0
	case v.Import.FinishedAt != nil:
		return v.Import.FinishedAt.Sub(*v.Import.StartedAt)
	}
	return v.Now.Sub(*v.Import.StartedAt)
}

// outcome is a line of the counts table.
type outcome struct {
	Name, Tone, Says string
	Rows             int64
}

func (v ImportView) outcomes() []outcome {
	c := v.Import.Rows
	updated := "A record with this key existed and took the row's values."
	if v.Import.Mode == bulk.ModeCreate {
		updated = "Never in create mode: existing records stay as they are."
	}
	return []outcome{
		{"Created", "created", "New records.", c.Created},
		{"Updated", "updated", updated, c.Updated},
		{"Superseded", "superseded", "A later row of the file has the same key and won.", c.Superseded},
		{"Rejected", "rejected", "The row broke a rule. Download, fix and upload it again.", c.Rejected},
		{"Over quota", "quota", "A new record for which the account had no room.", c.OverQuota},
		{"Unprocessed", "unprocessed", "Read, but the import ended before its turn.", c.Unprocessed},
	}
}

// cell is one square of the batch grid: a batch, or a run of them.
type cell struct {
	From, To int64 // batch numbers, inclusive
	State    bulk.BatchState
	Rows     bulk.Counts
	Batch    *bulk.Batch // nil for a run
}

// maxCells bounds the grid.
const maxCells = 400

// cells folds the batches into at most maxCells squares of equal length. The
// state that needs most attention stands for a run.
func (v ImportView) cells() []cell {
	per := int(math.Ceil(float64(len(v.Batches)) / maxCells))
	var out []cell
	for i := 0; i < len(v.Batches); i += max(per, 1) {
		run := v.Batches[i:min(i+per, len(v.Batches))]
		c := cell{From: run[0].No, To: run[len(run)-1].No, State: run[0].State}
		if len(run) == 1 {
			c.Batch = &run[0]
		}
		for _, b := range run {
			c.Rows.Read += b.Rows.Read
			c.Rows.Rejected += b.Rows.Rejected
			if urgency(b.State) > urgency(c.State) {
				c.State = b.State
			}
		}
		out = append(out, c)
	}
	return out
}

func urgency(s bulk.BatchState) int {
	switch s {
	case bulk.BatchQuarantined:
		return 4
	case bulk.BatchStaged:
		return 3
	case bulk.BatchDropped:
		return 2
	case bulk.BatchChecked:
		return 1
	}
	return 0
}

// perCell is how many batches a square stands for.
func (v ImportView) perCell() int64 {
	if c := v.cells(); len(c) > 0 {
		return c[0].To - c[0].From + 1
	}
	return 1
}
