package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"bulkhead/internal/wait"
)

// account is a customer with its imports.
type account struct {
	api
	id      string
	dataset dataset
	dry     bool // its imports are dry runs

	mu      sync.Mutex
	next    int64 // key number of its next file
	imports []*importing
	open    string // an import that waits for its file, if it has one
}

// importing is an import from its request on.
type importing struct {
	file   file
	id     string
	posted time.Time // before the request

	imp     imported // as it was last seen
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
func (b *bench) newAccount(ctx context.Context, name string, in dataset, weight int) (*account, error) {
	var made struct{ ID string }
	name = fmt.Sprintf("fairness %s %s", name, time.Now().UTC().Format("20060102T150405.000000"))
	body := map[string]any{"name": name, "record_quota": int64(1e9), "weight": weight}
	if err := b.operator.ask(ctx, "POST /v1/accounts", body, &made); err != nil {
		return nil, err
	}
	var key struct{ Secret string }
	if err := b.operator.ask(ctx, "POST /v1/accounts/"+made.ID+"/keys", map[string]any{"name": "fairness"}, &key); err != nil {
		return nil, err
	}
	return &account{api: api{b.operator.url, key.Secret, b.operator.http}, id: made.ID, dataset: in, next: 1}, nil
}

func (a *account) begin(rows int64) *importing {
	a.mu.Lock()
	defer a.mu.Unlock()
	i := &importing{file: file{a.dataset, a.next, rows}, posted: time.Now()}
	a.next += rows
	a.imports = append(a.imports, i)
	return i
}

// follow waits until an import is in one of the states, or has ended.
func (a *account) follow(ctx context.Context, i *importing, states ...string) error {
	for {
		if err := a.ask(ctx, "GET /v1/imports/"+i.id, nil, &i.imp); err != nil {
			return err
		}
		if i.imp.ended() || slices.Contains(states, i.imp.State) {
			return nil
		}
		if err := wait.For(ctx, 100*time.Millisecond); err != nil {
			return fmt.Errorf("import %s is still %s: %w", i.id, i.imp.State, err)
		}
	}
}

// exact compares the counts of an import that has ended with what its file had to give. One
// that was cancelled has to account for every row.
func (i *importing) exact() error {
	got, want := i.imp.Rows, i.file.outcome()
	if i.imp.State == "cancelled" {
		want = got
		want.Read = got.Created + got.Updated + got.Superseded + got.Rejected + got.OverQuota + got.Unprocessed
	} else if i.imp.Batches.Committed != i.imp.Batches.Total {
		return fmt.Errorf("import %s is %s with %+v", i.id, i.imp.State, i.imp.Batches)
	}
	if got != want {
		return fmt.Errorf("import %s is %s with %+v; want %+v", i.id, i.imp.State, got, want)
	}
	return nil
}

// each does something with all imports of the account, a few at a time.
func (a *account) each(ctx context.Context, do func(context.Context, *importing) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for _, i := range a.imports {
		g.Go(func() error { return do(ctx, i) })
	}
	return g.Wait()
}

// steer asks for pause, resume, cancel or approve. An import that has ended refuses, which
// is no fault here.
func (a *account) steer(ctx context.Context, i *importing, verb string) error {
	_, err := a.call(ctx, "POST /v1/imports/"+i.id+"/"+verb, jsonHeader, nil)
	return err
}

// settle follows all imports, and compares their counts with the files, and the account's
// usage with their sum.
func (a *account) settle(ctx context.Context) error {
	err := a.each(ctx, func(ctx context.Context, i *importing) error {
		if err := a.follow(ctx, i); err != nil {
			return err
		}
		return i.exact()
	})
	if err != nil {
		return err
	}
	var want int64
	for _, i := range a.imports {
		want += i.imp.Rows.Created
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

// cancel ends what is left of all imports.
func (a *account) cancel(ctx context.Context) error {
	return a.each(ctx, func(ctx context.Context, i *importing) error {
		if i.imp.ended() {
			return nil
		}
		return a.steer(ctx, i, "cancel")
	})
}

// settle ends all accounts' imports, by waiting or, if they are cut off, by cancelling them,
// wants all counts exact, and reads their batches.
func settle(ctx context.Context, cut bool, accounts ...*account) error {
	g, within := errgroup.WithContext(ctx)
	for _, a := range accounts {
		g.Go(func() error {
			if cut {
				if err := a.cancel(within); err != nil {
					return err
				}
			}
			if err := a.settle(within); err != nil {
				return fmt.Errorf("account %s: %w", a.id, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return readBatches(ctx, accounts...)
}
