package cluster

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Processes names processes by their ids: each file that fits a pattern begins with one.
func Processes(names map[string]string) map[string]string {
	out := map[string]string{}
	for pattern, name := range names {
		files, _ := filepath.Glob(pattern) // the patterns are good
		for _, file := range files {
			if text, err := os.ReadFile(file); err == nil && len(strings.Fields(string(text))) > 0 {
				out[strings.Fields(string(text))[0]] = name
			}
		}
	}
	return out
}

// CPUSeconds sums up what the named processes have used since they started, by name. Children
// that have no name of their own, and those that have ended, count for their parents.
func CPUSeconds(names map[string]string) map[string]float64 {
	parents, stats := map[string]string{}, map[string][]string{}
	all, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is good
	for _, path := range all {
		if text, err := os.ReadFile(path); err == nil { // else it has just ended
			pid := strings.Split(path, "/")[2]
			stats[pid] = strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
			parents[pid] = stats[pid][1]
		}
	}
	out := map[string]float64{}
	for pid, fields := range stats {
		name, is := names[pid]
		if !is {
			name, is = names[parents[pid]]
		}
		if is {
			out[name] += ticks(fields[11:15])
		}
	}
	return out
}

// Sessions are the processes of PostgreSQL that serve a process: others may use the server
// as well.
func Sessions(ctx context.Context, pids ...string) ([]string, error) {
	sockets := map[string]bool{}
	for _, pid := range pids {
		open, _ := filepath.Glob("/proc/" + pid + "/fd/*") // the pattern is good
		for _, fd := range open {
			if to, err := os.Readlink(fd); err == nil {
				sockets[strings.TrimSuffix(strings.TrimPrefix(to, "socket:["), "]")] = true
			}
		}
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return nil, err
	}
	ports := []string{"0"}
	for row := range strings.Lines(string(table)) {
		const local, inode = 1, 9
		if fields := strings.Fields(row); len(fields) > inode && sockets[fields[inode]] {
			_, hex, _ := strings.Cut(fields[local], ":")
			if port, err := strconv.ParseUint(hex, 16, 16); err == nil {
				ports = append(ports, strconv.FormatUint(port, 10))
			}
		}
	}
	found, err := Query(ctx, "SELECT pid FROM pg_stat_activity WHERE client_port IN ("+strings.Join(ports, ", ")+")")
	return strings.Fields(found), err
}

const ticksASecond = 100 // Linux, on every architecture that matters here

func ticks(fields []string) (seconds float64) {
	for _, f := range fields {
		n, _ := strconv.ParseFloat(f, 64)
		seconds += n / ticksASecond
	}
	return seconds
}

// BusySeconds is what all CPUs have worked since the machine started, for anybody.
func BusySeconds() float64 {
	text, _ := os.ReadFile("/proc/stat")
	first, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(first)
	if len(fields) < 8 {
		return 0
	}
	user, system, interrupts := fields[1:3], fields[3:4], fields[6:8] // between them: idle and waiting for disks
	return ticks(user) + ticks(system) + ticks(interrupts)
}
