package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"bulkhead/internal/wait"
	"bulkhead/loadtest/cluster"
)

// result is what came of a round.
type result struct {
	Fault     string   `json:"fault"`
	What      string   `json:"what"`
	At        standing `json:"at"`                     // when it was killed
	Seconds   float64  `json:"seconds"`                // until every import had ended
	Healed    float64  `json:"healed_after,omitempty"` // seconds until what was killed ran again
	Mirrored  float64  `json:"mirrored_after"`         // seconds until ClickHouse had everything
	Exact     int      `json:"exact"`                  // accounts whose every count was right
	Equal     int      `json:"equal"`                  // accounts whose records were verified against the file
	Accounts  int      `json:"accounts"`
	Analytics bool     `json:"clickhouse_equal"` // nothing to reconcile
	Wrong     []string `json:"wrong,omitempty"`
}

// standing is how far the imports of a round have come.
type standing struct {
	Rows      int64 `json:"rows"` // to be read
	Committed int64 `json:"committed"`
	Bytes     int64 `json:"bytes"`
	Received  int64 `json:"received"`
	Open      int   `json:"open"`    // uploads that have begun and are not complete
	Running   int   `json:"running"` // imports that have not ended
}

// tryFault runs one round. What goes wrong is in the result.
func tryFault(ctx context.Context, f fault, files []cluster.File, timeout time.Duration) result {
	r := result{Fault: f.name, What: f.what, Accounts: len(files)}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	customers, err := cluster.NewCustomers(ctx, f.name, files)
	if err != nil {
		r.wrong(err)
		return r
	}
	r.suffer(ctx, f, customers)
	r.judge(ctx, customers)
	return r
}

func (r *result) wrong(err error) {
	if err != nil {
		r.Wrong = append(r.Wrong, err.Error())
	}
}

// suffer imports under the fault until all that was killed runs again, and ClickHouse
// has everything.
func (r *result) suffer(ctx context.Context, f fault, customers []*cluster.Customer) {
	begun := time.Now()
	since := func() float64 { return time.Since(begun).Seconds() }
	var importing sync.WaitGroup
	for _, c := range customers {
		importing.Go(func() { c.Import(ctx) })
	}
	ended := make(chan struct{})
	go func() { importing.Wait(); r.Seconds = since(); close(ended) }()

	if f.when != nil {
		var err error
		r.At, err = strike(ctx, f, customers, ended)
		r.wrong(err)
		if f.after == 0 {
			<-ended
		}
		r.wrong(cluster.Start(ctx, f.heal...))
		r.Healed = since()
	}
	<-ended
	if f.unnoticed && r.Seconds > r.Healed {
		r.wrong(errors.New("the imports outlasted the fault; use fewer --rows"))
	}
	r.wrong(awaitMirrored(ctx, customers))
	r.Mirrored = since()
}

// judge compares counts, records and analytics with the files.
func (r *result) judge(ctx context.Context, customers []*cluster.Customer) {
	for _, c := range customers {
		if err := c.Check(ctx); err != nil {
			r.wrong(fmt.Errorf("%s: %w", c.File.Path, err))
			continue
		}
		r.Exact++
		if err := c.Verify(ctx); err != nil {
			r.wrong(fmt.Errorf("%s: %w", c.File.Path, err))
			continue
		}
		r.Equal++
	}
	err := reconcile(ctx)
	r.wrong(err)
	r.Analytics = err == nil
}

// strike kills the part at its moment, and waits for as long as it is to stay away
// while imports go on.
func strike(ctx context.Context, f fault, customers []*cluster.Customer, ended <-chan struct{}) (s standing, err error) {
	for s = look(ctx, customers); !f.when(s); s = look(ctx, customers) {
		select {
		case <-ended:
			return s, fmt.Errorf("the imports ended before the moment to kill came; use more --rows")
		default:
		}
		if err := wait.For(ctx, 20*time.Millisecond); err != nil {
			return s, err
		}
	}
	if err := cluster.Script(ctx, f.kill...); err != nil {
		return s, err
	}
	return s, wait.For(ctx, f.after)
}

func look(ctx context.Context, customers []*cluster.Customer) (s standing) {
	for _, c := range customers {
		s.Rows += c.File.Answer.Rows
		s.Bytes += c.File.Answer.Bytes
		imp, err := c.Latest(ctx)
		if err != nil { // not begun, or not to be asked now
			s.Running++
			continue
		}
		s.Committed += imp.Rows.Settled()
		s.Received += imp.Bytes.Received
		if !imp.Ended() {
			s.Running++
		}
		if !imp.Sealed && imp.Bytes.Received > 0 {
			s.Open++
		}
	}
	return s
}
