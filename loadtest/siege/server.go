package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"bulkhead/internal/wait"
)

// server is the program under siege, and its operator's access.
type server struct {
	process *exec.Cmd
	client
}

// start runs the program until it says that it is ready. More streams than usual are
// allowed to an account, so that many can follow one import.
func start(ctx context.Context, program, data string) (*server, error) {
	s := &server{process: exec.CommandContext(ctx, program, "dev", "--data-dir", data, "--listen", "127.0.0.1:0", "--analytics", "off")}
	s.process.Env = append(os.Environ(), "BULKHEAD_EVENT_STREAMS=2000")
	s.process.Cancel = func() error { return s.process.Process.Signal(syscall.SIGTERM) }
	s.process.WaitDelay = 30 * time.Second
	out, err := s.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if !strings.HasPrefix(lines.Text(), "Bulkhead is ready") {
			continue
		}
		go func() { // what else it says must not block it
			for lines.Scan() {
			}
		}()
		var known struct {
			URL    string `json:"url"`
			APIKey string `json:"api_key"`
		}
		text, err := os.ReadFile(filepath.Join(data, "client.json"))
		if err == nil {
			err = json.Unmarshal(text, &known)
		}
		if err != nil {
			return nil, errors.Join(err, s.stop())
		}
		s.client = client{url: known.URL, key: known.APIKey}
		return s, nil
	}
	return nil, fmt.Errorf("the server ended before it was ready: %w", s.process.Wait())
}

// stop ends the server the way Ctrl-C does, and for good when it does not listen.
func (s *server) stop() error {
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	late := time.AfterFunc(30*time.Second, func() { _ = s.process.Process.Kill() })
	defer late.Stop()
	return s.process.Wait()
}

// memory is what the process holds now and has held at most since the last call, in MiB.
func (s *server) memory() (now, peak int64) {
	dir := filepath.Join("/proc", strconv.Itoa(s.process.Process.Pid))
	status, _ := os.ReadFile(filepath.Join(dir, "status"))
	for line := range strings.Lines(string(status)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			peak = kib / 1024
		}
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kib); n == 1 {
			now = kib / 1024
		}
	}
	_ = os.WriteFile(filepath.Join(dir, "clear_refs"), []byte("5"), 0) // where it cannot be, the peak is of all the run
	return now, peak
}

// cpu is the processor time that the process has used.
func (s *server) cpu() time.Duration {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(s.process.Process.Pid), "stat"))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// cpus is how many processors the process keeps busy for a time.
func (s *server) cpus(ctx context.Context, span time.Duration) float64 {
	before, began := s.cpu(), time.Now()
	_ = wait.For(ctx, span)
	return float64(s.cpu()-before) / float64(time.Since(began))
}
