package main

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"bulkhead/loadtest/cluster"
)

// sight is what had been used by a moment.
type sight struct {
	at   time.Time
	cpu  map[string]float64 // seconds, by part
	busy float64            // seconds of all CPUs
	wal  float64            // bytes
}

// parts are where the ids of the cluster's processes and the services stand.
var parts = map[string]string{
	".cluster/processor1.pid": "processor", ".cluster/console?.pid": "consoles", ".cluster/ingest?.pid": "ingests", ".cluster/dispatcher?.pid": "dispatchers",
	".services/postgres/pid": "PostgreSQL besides", ".services/kafka-?/pid": "Kafka", ".services/s3/pid": "S3", ".services/clickhouse/pid": "ClickHouse",
}

// look sums up the CPU time of each part's processes, with that of children that ended.
func look(ctx context.Context) (s sight, err error) {
	wal, err := cluster.Query(ctx, "SELECT wal_bytes FROM pg_stat_wal")
	if err != nil {
		return s, err
	}
	s = sight{at: time.Now(), busy: cluster.BusySeconds()}
	if s.wal, err = strconv.ParseFloat(strings.TrimSpace(wal), 64); err != nil {
		return s, err
	}
	names := cluster.Processes(parts)
	if pid, err := os.ReadFile(".cluster/processor1.pid"); err == nil { // else it does not run yet
		own, err := cluster.Sessions(ctx, strings.TrimSpace(string(pid)))
		if err != nil {
			return s, err
		}
		for _, session := range own {
			names[session] = "PostgreSQL for the processor"
		}
	}
	s.cpu = cluster.CPUSeconds(names)
	return s, nil
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
