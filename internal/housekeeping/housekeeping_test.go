package housekeeping

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bulkhead/internal/bulk"
	"bulkhead/internal/objects"
)

// house is a ledger with objects: those named "known", and what was stored when.
type house struct {
	failures      []error // of each sweep
	sweeps, reaps int
	finished      []bulk.FinishedImport
	known         []string
	stored        map[string]time.Time
	undeletable   string
	lists, asked  int
	deleted       []string
}

func (h *house) Now(context.Context) (time.Time, error) { return time.Now(), nil }
func (h *house) Sweep(context.Context) []error          { h.sweeps++; return h.failures }

func (h *house) FinishedSince(_ context.Context, since time.Time) (out []bulk.FinishedImport, err error) {
	for _, f := range h.finished {
		if f.Finished.After(since) {
			out = append(out, f)
		}
	}
	return out, nil
}

func (h *house) KnownObjects(_ context.Context, keys []string) (map[string]bool, error) {
	h.asked++
	known := map[string]bool{}
	for _, key := range keys {
		known[key] = slices.Contains(h.known, key)
	}
	return known, nil
}

func (h *house) Reap(_ context.Context, stuckFor time.Duration) (int64, error) {
	h.reaps++
	if stuckFor != 30*time.Second {
		return 0, errors.New("not asked for sessions that are stuck for 30 s")
	}
	return 0, nil
}

func (h *house) List(context.Context, string) iter.Seq2[objects.Info, error] {
	h.lists++
	return func(yield func(objects.Info, error) bool) {
		for key, at := range h.stored {
			if !yield(objects.Info{Key: key, Modified: at}, nil) {
				return
			}
		}
	}
}

func (h *house) Delete(_ context.Context, key string) error {
	if key == h.undeletable {
		return errors.New("cannot be deleted")
	}
	h.deleted = append(h.deleted, key)
	return nil
}

func TestEachJobInItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &house{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour+time.Second)
		defer cancel()
		if err := New(Config{Ledger: h, Objects: h}).Run(ctx); err != nil {
			t.Error(err)
		}
		if h.sweeps != 1801 || h.reaps != 361 || h.lists != 2 {
			t.Errorf("%d sweeps, %d reaps, %d lists", h.sweeps, h.reaps, h.lists)
		}
	})
}

func TestOnlyOldObjectsThatNobodyNamesAreDeleted(t *testing.T) {
	now := time.Now()
	old := now.Add(-25 * time.Hour)
	h := &house{
		known: []string{"batches/known", "parts/known"}, undeletable: "batches/stuck",
		stored: map[string]time.Time{
			"batches/known": old, "parts/known": old, "batches/new": now.Add(-23 * time.Hour), "other/x": old,
			"batches/stuck": old, "batches/x": old, "parts/x": old,
		},
	}
	var want []string
	for i := range 2 * askAtOnce {
		key := "batches/many/" + strconv.Itoa(i)
		h.stored[key], want = old, append(want, key)
	}
	want = append(want, "batches/x", "parts/x")
	var log bytes.Buffer
	New(Config{Ledger: h, Objects: h, Log: slog.New(slog.NewTextHandler(&log, nil))}).collect(t.Context())
	slices.Sort(h.deleted)
	slices.Sort(want)
	if !slices.Equal(h.deleted, want) || h.asked != 3 {
		t.Errorf("asked %d times; %d deleted, want %d", h.asked, len(h.deleted), len(want))
	}
	if !strings.Contains(log.String(), "cannot be deleted") {
		t.Errorf("the log does not tell of the object that stays:\n%s", &log)
	}
}

func TestFailuresOfSweepsAreCountedAndSaidOnce(t *testing.T) {
	reg, log := prometheus.NewRegistry(), bytes.Buffer{}
	h := &house{failures: []error{errors.New("one"), errors.New("two")}}
	keeper := New(Config{Ledger: h, Objects: h, Metrics: NewMetrics(reg), Log: slog.New(slog.NewTextHandler(&log, nil))})
	keeper.sweep(t.Context())
	keeper.sweep(t.Context())
	h.failures = h.failures[:1]
	keeper.sweep(t.Context())
	h.failures = append(h.failures, errors.New("two"))
	keeper.sweep(t.Context())
	if n := strings.Count(log.String(), "error=one"); n != 1 {
		t.Errorf("what goes on failing was said %d times", n)
	}
	if n := strings.Count(log.String(), "error=two"); n != 2 {
		t.Errorf("what fails anew was said %d times, want 2", n)
	}
	if got := gathered(t, reg, "bulkhead_sweep_failures_total"); got.sum != 7 {
		t.Errorf("%v failures counted, want 7", got.sum)
	}
}

func TestEachFinishedImportIsMeasuredOnce(t *testing.T) {
	reg, h := prometheus.NewRegistry(), &house{}
	keeper := New(Config{Ledger: h, Objects: h, Metrics: NewMetrics(reg)})
	began := time.Now()
	h.finished = []bulk.FinishedImport{{Rows: 5, Started: began.Add(-time.Hour), Finished: began.Add(-time.Minute)}} // before this process
	keeper.sweep(t.Context())
	end := time.Now().Add(time.Minute)
	h.finished = append(h.finished, bulk.FinishedImport{Rows: 5, Started: end.Add(-4 * time.Second), Finished: end})
	keeper.sweep(t.Context())
	keeper.sweep(t.Context())
	if got := gathered(t, reg, "bulkhead_import_seconds"); got != (measured{label: "small", count: 1, sum: 4}) {
		t.Errorf("measured %+v", got)
	}
}

// measured is what a metric with one set of labels holds.
type measured struct {
	label string
	count uint64 // of a histogram
	sum   float64
}

func gathered(t *testing.T, reg *prometheus.Registry, name string) (out measured) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				out.label = l.GetValue()
			}
			out.count, out.sum = m.GetHistogram().GetSampleCount(), m.GetHistogram().GetSampleSum()+m.GetCounter().GetValue()
		}
	}
	return out
}
