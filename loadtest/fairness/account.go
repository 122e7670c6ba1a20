package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"bulkhead/internal/wait"
)

// account is a customer with its imports.
type account struct {
	api
	id      string
	dataset string

	mu      sync.Mutex
	next    int64 // key number of its next file
	imports []*importing
}

// importing is an import from its request on.
type importing struct {
	file   file
	id     string
	posted time.Time // before the request

	imp     imported // once it has ended
	batches []batch
}

// imported is what the API says of an import, as far as it matters here.
type imported struct {
	State      string
	Rows       counts
	Batches    struct{ Staged, Committed, Quarantined, Total int64 }
	FinishedAt *time.Time `json:"finished_at"`
}

type counts struct {
	Read, Created, Updated, Superseded, Rejected, Unprocessed int64

	OverQuota int64 `json:"over_quota"`
}

func (i imported) ended() bool {
	return i.FinishedAt != nil
}

// change sets what an operator may set: weight, cap.
func (b *bench) change(ctx context.Context, a *account, what map[string]any) error {
	return b.operator.ask(ctx, "PATCH /v1/accounts/"+a.id, what, &struct{}{})
}

// newAccount makes an account of that weight; a cap of 0 pauses it.
func (b *bench) newAccount(ctx context.Context, name, dataset string, weight int) (*account, error) {
	var made struct{ ID string }
	name = fmt.Sprintf("fairness %s %s", name, time.Now().UTC().Format("20060102T150405.000000"))
	in := map[string]any{"name": name, "record_quota": int64(1e9), "weight": weight}
	if err := b.operator.ask(ctx, "POST /v1/accounts", in, &made); err != nil {
		return nil, err
	}
	var key struct{ Secret string }
	if err := b.operator.ask(ctx, "POST /v1/accounts/"+made.ID+"/keys", map[string]any{"name": "fairness"}, &key); err != nil {
		return nil, err
	}
	return &account{api: api{b.operator.url, key.Secret, b.operator.http}, id: made.ID, dataset: dataset, next: 1}, nil
}

func (a *account) begin(rows int64) *importing {
	a.mu.Lock()
	defer a.mu.Unlock()
	i := &importing{file: file{a.next, rows}, posted: time.Now()}
	a.next += rows
	a.imports = append(a.imports, i)
	return i
}

// follow waits for the end of an import, reads its batches, and compares its counts with
// what the file had to give.
func (a *account) follow(ctx context.Context, i *importing) error {
	for {
		if err := a.ask(ctx, "GET /v1/imports/"+i.id, nil, &i.imp); err != nil {
			return err
		}
		if i.imp.ended() {
			break
		}
		if err := wait.For(ctx, 250*time.Millisecond); err != nil {
			return fmt.Errorf("import %s is still %s: %w", i.id, i.imp.State, err)
		}
	}
	if want := i.file.outcome(); i.imp.Rows != want || i.imp.Batches.Committed != i.imp.Batches.Total {
		return fmt.Errorf("import %s is %s with %+v, %+v; want %+v", i.id, i.imp.State, i.imp.Rows, i.imp.Batches, want)
	}
	var err error
	i.batches, err = a.listBatches(ctx, i.id)
	return err
}

// settle follows all imports, and compares the account's usage with their sum.
func (a *account) settle(ctx context.Context) error {
	var want int64
	for _, i := range a.imports {
		if err := a.follow(ctx, i); err != nil {
			return err
		}
		want += i.file.outcome().Created
	}
	var usage struct{ Records int64 }
	if err := a.ask(ctx, "GET /v1/usage", nil, &usage); err != nil {
		return err
	}
	if usage.Records != want {
		return fmt.Errorf("usage of %s is %d, want %d", a.id, usage.Records, want)
	}
	return nil
}
