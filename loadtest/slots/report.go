package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// record is the measurement as it is kept.
type record struct {
	Rows     int64         `json:"rows"` // of a run
	Accounts int           `json:"accounts"`
	CPUs     int           `json:"cpus"`
	At       time.Time     `json:"at"`
	Medians  []median      `json:"medians"`
	Runs     []measurement `json:"runs"`
}

// median is of all runs with so many slots.
type median struct {
	Slots         int                `json:"slots"`
	RowsPerSecond float64            `json:"rows_per_second"`
	Least         float64            `json:"least"`
	Greatest      float64            `json:"greatest"`
	CPUs          map[string]float64 `json:"cpus"`
	CPUSeconds    map[string]float64 `json:"cpu_seconds_a_million_rows"`
	BatchMS       map[string]float64 `json:"batch_ms"`
	Sessions      map[string]float64 `json:"sessions"`
	WALBytes      float64            `json:"wal_bytes_a_row"`
}

func (r *record) report(dir string) error {
	r.CPUs, r.At = runtime.NumCPU(), time.Now().UTC().Truncate(time.Second)
	bySlots := map[int][]measurement{}
	for _, m := range r.Runs {
		bySlots[m.Slots] = append(bySlots[m.Slots], m)
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SLOTS\tROWS/S\tLEAST TO GREATEST\tCPUS BUSY\tCPU SECONDS OF A MILLION ROWS\tMS OF A BATCH\tSESSIONS OF POSTGRESQL AT")
	for _, slots := range slices.Sorted(maps.Keys(bySlots)) {
		m := medianOf(slots, bySlots[slots])
		r.Medians = append(r.Medians, m)
		fmt.Fprintf(table, "%d\t%.0f\t%.0f to %.0f\t%s\t%s\t%s\t%s\n", slots, m.RowsPerSecond, m.Least, m.Greatest, listed(m.CPUs), listed(m.CPUSeconds), listed(m.BatchMS), listed(m.Sessions))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "slots.json"), append(text, '\n'), 0o644)
}

func medianOf(slots int, runs []measurement) median {
	rates := valuesOf(runs, func(m measurement) float64 { return m.RowsPerSecond })
	return median{
		Slots: slots, RowsPerSecond: middle(rates), Least: rates[0], Greatest: rates[len(rates)-1],
		CPUs:       middles(runs, func(m measurement) map[string]float64 { return m.CPUs }),
		CPUSeconds: middles(runs, func(m measurement) map[string]float64 { return m.CPUSeconds }),
		BatchMS:    middles(runs, func(m measurement) map[string]float64 { return m.BatchMS }),
		Sessions:   middles(runs, func(m measurement) map[string]float64 { return m.Sessions }),
		WALBytes:   middle(valuesOf(runs, func(m measurement) float64 { return m.WALBytes })),
	}
}

// middles takes the median of every name; a run without it counts as zero.
func middles(runs []measurement, of func(measurement) map[string]float64) map[string]float64 {
	out := map[string]float64{}
	for _, m := range runs {
		for name := range of(m) {
			out[name] = middle(valuesOf(runs, func(m measurement) float64 { return of(m)[name] }))
		}
	}
	return out
}

func valuesOf(runs []measurement, of func(measurement) float64) []float64 {
	out := make([]float64, len(runs))
	for i, m := range runs {
		out[i] = of(m)
	}
	slices.Sort(out)
	return out
}

// middle is the median of sorted values.
func middle(sorted []float64) float64 {
	n := len(sorted)
	return rounded((sorted[(n-1)/2] + sorted[n/2]) / 2)
}

func rounded(v float64) float64 { return math.Round(100*v) / 100 }

// listed renders what is worth a look, the greatest first.
func listed(values map[string]float64) string {
	names := slices.SortedFunc(maps.Keys(values), func(a, b string) int {
		return cmp.Or(cmp.Compare(values[b], values[a]), cmp.Compare(a, b))
	})
	var out []string
	for _, n := range names {
		if values[n] >= 0.05 {
			out = append(out, fmt.Sprintf("%s %.2f", n, values[n]))
		}
	}
	return strings.Join(out, ", ")
}
