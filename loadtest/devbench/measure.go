package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// measurement is one import into an empty store.
type measurement struct {
	RowsPerSecond float64 `json:"rows_per_second"` // first byte to end, by the server's clock
	Seconds       float64 `json:"seconds"`         // the same span
	WallSeconds   float64 `json:"wall_seconds"`    // `bulkhead import --wait`, from its start to its exit
	PeakMiB       int64   `json:"peak_mib"`        // VmHWM of the server; 0 where there is no /proc
}

// exitRejects is how an import ends that rejected rows.
const exitRejects = 3

// stopWithin bounds a server's way out.
const stopWithin = 30 * time.Second

func measure(ctx context.Context, program, work string, f file) (m measurement, err error) {
	data, err := os.MkdirTemp(work, "data-")
	if err != nil {
		return m, err
	}
	defer os.RemoveAll(data)
	server, err := start(ctx, program, data)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, stop(server)) }()

	client := func(args ...string) *exec.Cmd {
		return exec.CommandContext(ctx, program, append(args, "--data-dir", data)...)
	}
	spec, err := client("generate", "spec").Output()
	if err != nil {
		return m, fmt.Errorf("generate spec: %w", err)
	}
	apply := client("datasets", "apply")
	apply.Stdin = bytes.NewReader(spec)
	if out, err := apply.CombinedOutput(); err != nil {
		return m, fmt.Errorf("datasets apply: %w: %s", err, out)
	}

	begun := time.Now()
	out, err := client("import", f.path, "--dataset", "contacts", "--wait", "--json").Output()
	m.WallSeconds = time.Since(begun).Seconds()
	if e, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || e.ExitCode() != exitRejects) {
		return m, fmt.Errorf("import: %w: %s", err, out)
	}
	m.PeakMiB = peak(server.Process.Pid)
	return m, m.take(out, f)
}

// take reads what the import reports and holds it against what the generator said.
func (m *measurement) take(report []byte, f file) error {
	var imp struct {
		State      string
		Rows       struct{ Read, Created, Updated, Superseded, Rejected int64 }
		StartedAt  time.Time `json:"started_at"`
		FinishedAt time.Time `json:"finished_at"`
	}
	if err := json.Unmarshal(report, &imp); err != nil {
		return fmt.Errorf("read the import: %w", err)
	}
	a, r := f.answer, imp.Rows
	if r.Read != a.Rows || r.Created != a.Created || r.Superseded != a.Superseded || r.Rejected != a.Rejected {
		return fmt.Errorf("the import ended %s with %+v, the generator said %+v", imp.State, r, a)
	}
	m.Seconds = imp.FinishedAt.Sub(imp.StartedAt).Seconds()
	m.RowsPerSecond = float64(r.Read) / m.Seconds
	return nil
}

// start runs a server until it says that it is ready.
func start(ctx context.Context, program, data string) (*exec.Cmd, error) {
	server := exec.CommandContext(ctx, program, "dev", "--data-dir", data, "--listen", "127.0.0.1:0", "--analytics", "off")
	server.Cancel = func() error { return server.Process.Signal(syscall.SIGTERM) }
	server.WaitDelay = stopWithin
	server.Stderr = os.Stderr
	out, err := server.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := server.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "Bulkhead is ready") {
			go func() { // what else it says must not block it
				for lines.Scan() {
				}
			}()
			return server, nil
		}
	}
	return nil, fmt.Errorf("the server ended before it was ready: %w", server.Wait())
}

// stop ends the server the way Ctrl-C does, and for good when it does not listen.
func stop(server *exec.Cmd) error {
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	late := time.AfterFunc(stopWithin, func() { _ = server.Process.Kill() })
	defer late.Stop()
	return server.Wait()
}

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peak is the most memory that a process has held, in MiB.
func peak(pid int) int64 {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	found := highWater.FindSubmatch(status)
	if err != nil || found == nil {
		return 0
	}
	kib, _ := strconv.ParseInt(string(found[1]), 10, 64)
	return kib / 1024
}
