package main

import (
	"context"
	"fmt"
	"time"
)

// batch is one that was committed, as the ledger tells.
type batch struct {
	Staged    time.Time `json:"staged_at"`
	Committed time.Time `json:"committed_at"`

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

// listBatches reads all batches of an import.
func (a *account) listBatches(ctx context.Context, id string) (all []batch, err error) {
	for cursor := ""; ; {
		var page struct {
			Batches []batch
			Next    string `json:"next_cursor"`
		}
		path := "/v1/imports/" + id + "/batches?limit=1000"
		if cursor != "" {
			path += "&cursor=" + cursor
		}
		if err := a.ask(ctx, "GET "+path, nil, &page); err != nil {
			return nil, fmt.Errorf("batches of %s: %w", id, err)
		}
		all = append(all, page.Batches...)
		if cursor = page.Next; cursor == "" {
			return all, nil
		}
	}
}

// batchesOf are those of all of an account's imports.
func (a *account) batches() (all []batch) {
	for _, i := range a.imports {
		all = append(all, i.batches...)
	}
	return all
}
