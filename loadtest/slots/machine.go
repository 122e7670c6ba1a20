package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// sight is what had been used by a moment.
type sight struct {
	at   time.Time
	cpu  map[string]float64 // seconds, by part
	busy float64            // seconds of all CPUs
	wal  float64            // bytes
}

// look sums up the CPU time of each part's processes, with that of children that ended.
func look(ctx context.Context) (s sight, err error) {
	wal, err := query(ctx, "SELECT wal_bytes FROM pg_stat_wal")
	if err != nil {
		return s, err
	}
	s = sight{at: time.Now(), cpu: map[string]float64{}, busy: busySeconds()}
	if s.wal, err = strconv.ParseFloat(strings.TrimSpace(wal), 64); err != nil {
		return s, err
	}
	parents, part := map[string]string{}, parts()
	own, err := ownSessions(ctx)
	if err != nil {
		return s, err
	}
	for _, pid := range own {
		part[pid] = "PostgreSQL for the processor"
	}
	stats := map[string][]string{}
	all, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is good
	for _, path := range all {
		if text, err := os.ReadFile(path); err == nil { // else it has just ended
			pid := strings.Split(path, "/")[2]
			stats[pid] = strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
			parents[pid] = stats[pid][1]
		}
	}
	for pid, fields := range stats {
		name, is := part[pid]
		if !is {
			name, is = part[parents[pid]] // PostgreSQL has a process for each session
		}
		if is {
			s.cpu[name] += ticks(fields[11:15])
		}
	}
	return s, nil
}

// ownSessions are the processes of PostgreSQL that serve the processor: others may use
// the server as well.
func ownSessions(ctx context.Context) ([]string, error) {
	pid, err := os.ReadFile(".cluster/processor1.pid")
	if err != nil { // it does not run yet
		return nil, nil
	}
	sockets := map[string]bool{}
	open, _ := filepath.Glob("/proc/" + strings.TrimSpace(string(pid)) + "/fd/*") // the pattern is good
	for _, fd := range open {
		if to, err := os.Readlink(fd); err == nil {
			sockets[strings.TrimSuffix(strings.TrimPrefix(to, "socket:["), "]")] = true
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
	pids, err := query(ctx, "SELECT pid FROM pg_stat_activity WHERE client_port IN ("+strings.Join(ports, ", ")+")")
	return strings.Fields(pids), err
}

// parts names the processes of the cluster and the services by their ids.
func parts() map[string]string {
	out := map[string]string{}
	for pattern, name := range map[string]string{
		".cluster/processor1.pid": "processor", ".cluster/console?.pid": "consoles", ".cluster/ingest?.pid": "ingests", ".cluster/dispatcher?.pid": "dispatchers",
		".services/postgres/pid": "PostgreSQL besides", ".services/kafka-?/pid": "Kafka", ".services/s3/pid": "S3", ".services/clickhouse/pid": "ClickHouse",
	} {
		files, _ := filepath.Glob(pattern) // the patterns are good
		for _, file := range files {
			if text, err := os.ReadFile(file); err == nil {
				out[strings.Fields(string(text))[0]] = name
			}
		}
	}
	return out
}

const ticksASecond = 100 // Linux, on every architecture that matters here

func ticks(fields []string) (seconds float64) {
	for _, f := range fields {
		n, _ := strconv.ParseFloat(f, 64)
		seconds += n / ticksASecond
	}
	return seconds
}

// busySeconds is what all CPUs have worked since the machine started, for anybody.
func busySeconds() float64 {
	text, _ := os.ReadFile("/proc/stat")
	first, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(first)
	if len(fields) < 8 {
		return 0
	}
	user, system, interrupts := fields[1:3], fields[3:4], fields[6:8] // between them: idle and waiting for disks
	return ticks(user) + ticks(system) + ticks(interrupts)
}

// since is how many CPUs each part used on average. The load test itself and all else
// on the machine are "others".
func (s sight) since(before sight) map[string]float64 {
	seconds := s.at.Sub(before.at).Seconds()
	busy := (s.busy - before.busy) / seconds
	out := map[string]float64{"idle": float64(runtime.NumCPU()) - busy, "others": busy}
	for name, cpu := range s.cpu {
		out[name] = (cpu - before.cpu[name]) / seconds
		out["others"] -= out[name]
	}
	for name := range out {
		out[name] = rounded(out[name])
	}
	return out
}
