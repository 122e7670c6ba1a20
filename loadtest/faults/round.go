package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// result is what came of a round.
type result struct {
	Fault    string   `json:"fault"`
	What     string   `json:"what"`
	At       standing `json:"at"` // when it was killed
	Seconds  float64  `json:"seconds"`
	Exact    int      `json:"exact"` // accounts whose every count was right
	Equal    int      `json:"equal"` // accounts whose records were verified against the file
	Accounts int      `json:"accounts"`
	Wrong    []string `json:"wrong,omitempty"`
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
func tryFault(ctx context.Context, f fault, files []file, patience time.Duration) result {
	r := result{Fault: f.name, What: f.what, Accounts: len(files)}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	wrong := func(format string, args ...any) { r.Wrong = append(r.Wrong, fmt.Sprintf(format, args...)) }
	customers, err := newCustomers(ctx, f.name, files)
	if err != nil {
		wrong("%v", err)
		return r
	}
	begun := time.Now()
	var importing sync.WaitGroup
	for _, c := range customers {
		importing.Go(func() { c.importFile(ctx) })
	}
	ended := make(chan struct{})
	go func() { importing.Wait(); r.Seconds = time.Since(begun).Seconds(); close(ended) }()

	if f.when != nil {
		if r.At, err = strike(ctx, f, customers, ended); err != nil {
			wrong("%v", err)
		}
	}
	<-ended
	if f.heal != nil && f.after == 0 {
		if err := start(ctx, f.heal); err != nil {
			wrong("%v", err)
		}
	}
	for _, c := range customers {
		if err := c.check(ctx); err != nil {
			wrong("%s: %v", c.file.path, err)
			continue
		}
		r.Exact++
		if err := c.verify(ctx); err != nil {
			wrong("%s: %v", c.file.path, err)
			continue
		}
		r.Equal++
	}
	return r
}

// strike kills the part at its moment, and starts it again if that is not for later.
func strike(ctx context.Context, f fault, customers []*customer, ended <-chan struct{}) (s standing, err error) {
	for s = look(ctx, customers); !f.when(s); s = look(ctx, customers) {
		select {
		case <-ended:
			return s, fmt.Errorf("the imports ended before the moment to kill came; use more --rows")
		default:
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return s, err
		}
	}
	if err := script(ctx, f.kill); err != nil {
		return s, err
	}
	if f.after == 0 {
		return s, nil
	}
	if err := pause(ctx, f.after); err != nil {
		return s, err
	}
	return s, start(ctx, f.heal)
}

func look(ctx context.Context, customers []*customer) (s standing) {
	for _, c := range customers {
		s.Rows += c.file.answer.Rows
		s.Bytes += c.file.answer.Bytes
		imp, err := c.latest(ctx)
		if err != nil { // not begun, or not to be asked now
			s.Running++
			continue
		}
		s.Committed += imp.Rows.Read
		s.Received += imp.Bytes.Received
		if !imp.ended() {
			s.Running++
		}
		if !imp.Sealed && imp.Bytes.Received > 0 {
			s.Open++
		}
	}
	return s
}
