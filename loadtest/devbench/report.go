package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// record is a result as it is kept.
type record struct {
	Rows          int64         `json:"rows"`
	FileBytes     int64         `json:"file_bytes"`
	RowsPerSecond spread        `json:"rows_per_second"`
	WallSeconds   spread        `json:"wall_seconds"`
	PeakMiB       spread        `json:"peak_mib"`
	Runs          []measurement `json:"runs"`
	Machine       machine       `json:"machine"`
	Go            string        `json:"go"`
	Revision      string        `json:"revision"`
	At            time.Time     `json:"at"`
}

// machine is where the runs took place.
type machine struct {
	OS         string `json:"os"`
	Arch       string `json:"arch"`
	CPUs       int    `json:"cpus"`
	CPU        string `json:"cpu"`
	Memory     string `json:"memory"`
	FileSystem string `json:"file_system"` // of the data directories
}

func report(ctx context.Context, dir, out string, results []result) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	here := machine{
		OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(),
		CPU: field("/proc/cpuinfo", `model name\s*: (.*)`), Memory: field("/proc/meminfo", `MemTotal:\s*(.*)`), FileSystem: said(ctx, "stat", "-f", "-c", "%T", dir),
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ROWS\tROWS/S\tMIN\tMAX\tENTER TO COMPLETED\tPEAK MIB")
	for _, r := range results {
		rec := record{
			Rows: r.file.answer.Rows, FileBytes: r.file.answer.Bytes, Runs: r.Runs, Machine: here, At: time.Now().UTC().Truncate(time.Second),
			RowsPerSecond: r.spread(func(m measurement) float64 { return m.RowsPerSecond }),
			WallSeconds:   r.spread(func(m measurement) float64 { return m.WallSeconds }),
			PeakMiB:       r.spread(func(m measurement) float64 { return float64(m.PeakMiB) }),
			Go:            runtime.Version(), Revision: said(ctx, "git", "describe", "--always", "--dirty"),
		}
		fmt.Fprintf(table, "%d\t%.0f\t%.0f\t%.0f\t%.2f s\t%.0f\n", rec.Rows, rec.RowsPerSecond.Median, rec.RowsPerSecond.Min, rec.RowsPerSecond.Max, rec.WallSeconds.Median, rec.PeakMiB.Median)
		text, err := json.MarshalIndent(rec, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(out, fmt.Sprintf("dev-%d.json", rec.Rows)), append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	return table.Flush()
}

// field is the first match in a file of the system, "" where there is none.
func field(file, pattern string) string {
	text, err := os.ReadFile(file)
	if found := regexp.MustCompile(pattern).FindSubmatch(text); err == nil && found != nil {
		return string(bytes.TrimSpace(found[1]))
	}
	return ""
}

// said is what a command prints, "" when it fails: nothing is measured by it.
func said(ctx context.Context, name string, args ...string) string {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
