package main

import (
	"context"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"time"

	"bulkhead/loadtest/cluster"
)

// sight is what had been used by a moment.
type sight struct {
	at   time.Time
	cpu  map[string]float64 // seconds, by part
	busy float64            // seconds of all CPUs
}

// client is the part that the benchmark itself is.
const client = "client"

// parts are where the ids of the cluster's processes and the services stand.
var parts = map[string]string{
	".fairness/console?.pid": "console", ".fairness/ingest?.pid": "ingest", ".fairness/dispatcher?.pid": "dispatchers", ".fairness/processor?.pid": "processors",
	".services/kafka-?/pid": "Kafka", ".services/s3/pid": "S3",
}

// look sums up the CPU time of each part: the cluster's processes, PostgreSQL's that serve
// them, the other services, and this one.
func (b *bench) look(ctx context.Context) (s sight, err error) {
	names := cluster.Processes(parts)
	sessions, err := cluster.Sessions(ctx, slices.Collect(maps.Keys(names))...)
	if err != nil {
		return s, err
	}
	for _, pid := range sessions {
		names[pid] = "PostgreSQL"
	}
	names[strconv.Itoa(os.Getpid())] = client
	return sight{time.Now(), cluster.CPUSeconds(names), cluster.BusySeconds()}, nil
}

// since is how many CPUs each part used on average; "others" is all else on the machine.
func (s sight) since(before sight) map[string]float64 {
	seconds := s.at.Sub(before.at).Seconds()
	busy := (s.busy - before.busy) / seconds
	out := map[string]float64{"idle": float64(runtime.NumCPU()) - busy, "others": busy}
	for name, cpu := range s.cpu {
		out[name] = max(cpu-before.cpu[name], 0) / seconds
		out["others"] -= out[name]
	}
	for name, cpus := range out {
		out[name] = max(round(cpus), 0)
	}
	return out
}

// ours are the CPUs that the cluster and its services, and the client, used.
func ours(cpus map[string]float64) (sum float64) {
	for name, n := range cpus {
		if name != "idle" && name != "others" {
			sum += n
		}
	}
	return round(sum)
}
