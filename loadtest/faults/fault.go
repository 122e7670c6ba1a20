package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"bulkhead/loadtest/cluster"
)

// fault is a part that dies.
type fault struct {
	name  string
	what  string
	when  func(standing) bool // its moment
	kill  []string            // command, below deploy/
	heal  []string            // command, below deploy/
	after time.Duration       // from the kill to heal; 0: only when the imports have ended

	unnoticed bool // the imports end before it is healed
}

// An upload is open and some of it has been acknowledged.
func receiving(s standing) bool { return s.Open > 0 && s.Received > s.Bytes/20 }

// A fifth of the rows is committed, most are not.
func committing(s standing) bool { return s.Committed > s.Rows/5 }

var everyone = []string{
	"console1", "console2", "ingest1", "ingest2", "dispatcher1", "dispatcher2", "processor1", "processor2", "processor3", "mirror1",
}

var faults = []fault{
	{name: "none", what: "nothing, for comparison"},
	process("processor", "processor1", committing),
	process("dispatcher", "dispatcher1", committing),
	process("ingest", "ingest1", receiving),
	{
		name: "console", what: "console1, the only one that the clients know", when: receiving, after: time.Second,
		kill: []string{"cluster/down", "--kill", "console1"}, heal: []string{"cluster/up", "console1"},
	},
	{
		name: "broker", what: "one Kafka broker of three", when: committing,
		kill: []string{"services/kafka-broker", "kill", "1"}, heal: []string{"services/kafka-broker", "start", "1"},
	},
	{
		name: "mirror", what: "the only mirror", when: committing, after: time.Second,
		kill: []string{"cluster/down", "--kill", "mirror1"}, heal: []string{"cluster/up", "mirror1"},
	},
	{
		name: "postgres", what: "PostgreSQL, the postmaster", when: committing, after: time.Second,
		kill: []string{"services/postgres", "kill"}, heal: []string{"services/postgres", "start"},
	},
	{
		name: "all", what: "every process of Bulkhead at once", when: committing, after: time.Second,
		kill: append([]string{"cluster/down", "--kill"}, everyone...), heal: append([]string{"cluster/up"}, everyone...),
	},
}

// away is ClickHouse gone for a while. The imports are to end before it is back.
func away(d time.Duration) fault {
	return fault{
		name: "clickhouse", what: fmt.Sprintf("ClickHouse, gone for %s", d), when: committing, after: d, unnoticed: true,
		kill: []string{"services/clickhouse", "kill"}, heal: []string{"services/clickhouse", "start"},
	}
}

func process(role, name string, when func(standing) bool) fault {
	return fault{
		name: role, what: name + " of several", when: when,
		kill: []string{"cluster/down", "--kill", name}, heal: []string{"cluster/up", name},
	}
}

// mend leaves the services and the cluster running, whatever happened.
func mend(chosen []fault) {
	for _, f := range chosen {
		if f.heal == nil {
			continue
		}
		if err := cluster.Start(context.Background(), f.heal...); err != nil {
			fmt.Fprintln(os.Stderr, "faults: left broken:", err)
		}
	}
}
