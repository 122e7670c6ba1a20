package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"bulkhead/loadtest/cluster"
)

// batch is one that was committed, as the ledger tells.
type batch struct {
	Account string `json:"account_id"`
	Import  string `json:"import_id"`
	Rows    int64  `json:"rows_read"`

	Staged    time.Time `json:"staged_at"`
	Leased    time.Time `json:"leased_at"` // for the attempt that committed it
	Committed time.Time `json:"committed_at"`

	QueueMS    int64 `json:"queue_ms"` // published and ready, until leased
	ReadMS     int64 `json:"read_ms"`
	ValidateMS int64 `json:"validate_ms"`
	CommitMS   int64 `json:"commit_ms"`
}

// service is the slot time that the batch took. The ledger cuts each of its three parts
// off to whole milliseconds, half of one on average.
func (b batch) service() time.Duration {
	return time.Duration(b.ReadMS+b.ValidateMS+b.CommitMS)*time.Millisecond + 3*time.Millisecond/2
}

// begun is when a processor began to work on it.
func (b batch) begun() time.Time { return b.Committed.Add(-b.service()) }

// within is the part of its slot time that lies between two times.
func (b batch) within(from, to time.Time) time.Duration {
	begun, ended := b.begun(), b.Committed
	if begun.Before(from) {
		begun = from
	}
	if ended.After(to) {
		ended = to
	}
	return max(ended.Sub(begun), 0)
}

// readBatches reads the batches of all imports from the ledger, which knows more of them than
// the API says.
func readBatches(ctx context.Context, accounts ...*account) error {
	imports := map[string]*importing{}
	for _, a := range accounts {
		for _, i := range a.imports {
			imports[i.id], i.batches = i, nil
		}
	}
	text, err := cluster.Query(ctx, `
		SELECT to_json(b) FROM (
			SELECT account_id, import_id, rows_read, staged_at, leased_at, committed_at, coalesce(queue_ms, 0) AS queue_ms, read_ms, validate_ms, commit_ms
			FROM batches WHERE committed_at IS NOT NULL AND account_id IN (`+whales(accounts).ids()+`) ORDER BY account_id, import_id, no) b`)
	if err != nil {
		return err
	}
	for row := range strings.Lines(text) {
		var b batch
		if err := json.Unmarshal([]byte(row), &b); err != nil {
			return fmt.Errorf("read batches: %w: %s", err, row)
		}
		if i := imports[b.Import]; i != nil {
			i.batches = append(i.batches, b)
		}
	}
	return nil
}

// batches are those of all of an account's imports.
func (a *account) batches() (all []batch) {
	for _, i := range a.imports {
		all = append(all, i.batches...)
	}
	return all
}
