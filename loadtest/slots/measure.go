package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"bulkhead/internal/wait"
	"bulkhead/loadtest/cluster"
)

// measurement is one run.
type measurement struct {
	Slots         int                `json:"slots"`
	RowsPerSecond float64            `json:"rows_per_second"`
	Seconds       float64            `json:"seconds"`
	CPUs          map[string]float64 `json:"cpus"` // busy on average, by part; "idle" is what was left
	CPUSeconds    map[string]float64 `json:"cpu_seconds_a_million_rows"`
	BatchMS       map[string]float64 `json:"batch_ms"`        // of a batch on average, by stage
	Sessions      map[string]float64 `json:"sessions"`        // of PostgreSQL on average, by what they wait for
	WALBytes      float64            `json:"wal_bytes_a_row"` // of the whole server
	Profile       []line             `json:"profile"`         // of the processor's CPU, by what it did itself
	Ours          []line             `json:"profile_ours"`    // the same by our functions, with what they call
}

const (
	profiles   = "127.0.0.1:28119"
	profileFor = 8 * time.Second // from two seconds after the start
)

// measure stages the files, then lets one processor commit them.
func measure(ctx context.Context, work string, slots int, files []cluster.File) (m measurement, err error) {
	m.Slots = slots
	customers, err := stage(ctx, files)
	if err != nil {
		return m, err
	}
	if _, err := cluster.Query(ctx, "CHECKPOINT"); err != nil { // runs begin alike
		return m, err
	}
	for name, value := range map[string]string{"BULKHEAD_SLOTS": strconv.Itoa(slots), "BULKHEAD_PPROF": profiles} {
		if err := os.Setenv(name, value); err != nil {
			return m, err
		}
		defer os.Unsetenv(name) //nolint:errcheck // the name is a good one
	}
	var run span
	if run.before, err = look(ctx); err != nil {
		return m, err
	}
	if err := cluster.Script(ctx, "cluster/up", "processor1"); err != nil {
		return m, err
	}
	defer cluster.Script(context.WithoutCancel(ctx), "cluster/down", "processor1") //nolint:errcheck // if it did not work, the next run fails
	run.begun = time.Now()
	if err := m.observe(ctx, work, customers); err != nil {
		return m, err
	}
	if run.after, err = look(ctx); err != nil {
		return m, err
	}
	if err := m.batches(ctx); err != nil {
		return m, err
	}
	return m, m.sum(ctx, run, customers)
}

// stage uploads everything. No processor runs.
func stage(ctx context.Context, files []cluster.File) ([]*cluster.Customer, error) {
	customers, err := cluster.NewCustomers(ctx, "slots", files)
	if err != nil {
		return nil, err
	}
	var uploading sync.WaitGroup
	for _, c := range customers {
		uploading.Go(func() { c.Upload(ctx) })
	}
	uploading.Wait()
	for _, c := range customers {
		if imp, err := c.Latest(ctx); err != nil {
			return nil, err
		} else if !imp.Sealed || imp.Rows.Settled() > 0 {
			return nil, fmt.Errorf("%s is not staged as it should be: %+v", c.File.Path, imp)
		}
	}
	return customers, nil
}

// observe watches until every import has ended.
func (m *measurement) observe(ctx context.Context, work string, customers []*cluster.Customer) error {
	watching, stop := context.WithCancel(ctx)
	var watch sync.WaitGroup
	var profiled, sampled error
	watch.Go(func() { profiled = m.profile(ctx, filepath.Join(work, "cpu.pb.gz")) })
	watch.Go(func() { m.Sessions, sampled = sessions(watching) })
	err := awaitEnd(ctx, customers)
	stop()
	watch.Wait()
	switch {
	case err != nil:
		return err
	case profiled != nil:
		return profiled
	}
	return sampled
}

func awaitEnd(ctx context.Context, customers []*cluster.Customer) error {
	for _, c := range customers {
		for {
			ended, err := c.Ended(ctx)
			if err != nil {
				return err
			}
			if ended {
				break
			}
			if err := wait.For(ctx, 200*time.Millisecond); err != nil {
				return err
			}
		}
	}
	return nil
}

// span is a run, and the machine at both ends of it.
type span struct {
	begun         time.Time
	before, after sight
}

// sum works out what the run came to, and holds its counts against the files.
func (m *measurement) sum(ctx context.Context, run span, customers []*cluster.Customer) error {
	rows, last := int64(0), run.begun
	for _, c := range customers {
		if err := c.Check(ctx); err != nil {
			return err
		}
		rows += c.File.Answer.Rows
		if at := c.FinishedAt(); at.After(last) {
			last = at
		}
	}
	m.Seconds = last.Sub(run.begun).Seconds()
	m.RowsPerSecond = float64(rows) / m.Seconds
	m.WALBytes = (run.after.wal - run.before.wal) / float64(rows)
	m.CPUs = run.after.since(run.before)
	m.CPUSeconds = map[string]float64{}
	for name, cpu := range run.after.cpu {
		m.CPUSeconds[name] = rounded((cpu - run.before.cpu[name]) * 1e6 / float64(rows))
	}
	return nil
}
