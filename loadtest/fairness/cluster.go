package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"bulkhead/internal/wait"
)

// dispatchers are those of the cluster, processors what it begins with.
const (
	dispatchers = 2
	partitions  = 16 // of the topic of batches
)

var processors = []string{"processor1", "processor2"}

// bench drives the cluster of deploy/cluster/fairness.
type bench struct {
	options
	operator  api
	secret    string // of the cluster
	port      int    // from which its processes' ports count
	slots     int    // of all processors
	batchRows int64
	serving   string   // the order of the dispatchers; "": unknown
	cost      cost     // of a batch
	objects   string   // the folder of what is staged
	made      []string // datasets, since tables were emptied
}

func newBench(o options) (*bench, error) {
	b := &bench{
		options: o, secret: os.Getenv("BULKHEAD_CLUSTER_SECRET"), objects: os.Getenv("FAIRNESS_OBJECTS"),
		operator: api{os.Getenv("BULKHEAD_URL"), os.Getenv("BULKHEAD_API_KEY"), &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}},
	}
	var err1, err2, err3 error
	b.port, err1 = strconv.Atoi(os.Getenv("CLUSTER_PORT"))
	b.slots, err2 = strconv.Atoi(os.Getenv("BULKHEAD_SLOTS"))
	b.batchRows, err3 = strconv.ParseInt(os.Getenv("BULKHEAD_BATCH_ROWS"), 10, 64)
	if b.slots *= len(processors); errors.Join(err1, err2, err3) != nil || b.operator.key == "" || b.secret == "" || b.objects == "" {
		return nil, errors.New("this needs the cluster, and the settings, of deploy/cluster/fairness: run that")
	}
	return b, nil
}

// script runs a command of deploy/cluster. Settings are NAME=VALUE, for the processes
// that it starts.
func script(ctx context.Context, settings []string, command ...string) error {
	c := exec.CommandContext(ctx, "deploy/cluster/"+command[0], command[1:]...)
	c.Env = append(os.Environ(), settings...)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, out)
	}
	return nil
}

// order restarts the dispatchers, if need be, so that they serve in that order.
func (b *bench) order(ctx context.Context, order string) error {
	if b.serving == order {
		return nil
	}
	b.serving = ""
	names := []string{"dispatcher1", "dispatcher2"}
	err := errors.Join(
		script(ctx, nil, append([]string{"down"}, names...)...),
		script(ctx, []string{"BULKHEAD_ORDER=" + order}, append([]string{"up"}, names...)...),
	)
	if err != nil {
		return err
	}
	err = b.await(ctx, "dispatchers that share the partitions", func(queues []queue) bool {
		owned := 0
		for _, q := range queues {
			owned += len(q.Partitions)
		}
		return owned == partitions && len(queues) == dispatchers
	})
	if err == nil {
		b.serving = order
	}
	return err
}

// queue is how a dispatcher stands.
type queue struct {
	Partitions []int32
	Waiting    int
	InFlight   int `json:"in_flight"`
	Accounts   []struct {
		ID      string `json:"account_id"`
		Waiting int
	}
	calibration
}

// calibration counts how a dispatcher's estimates of waits turned out.
type calibration struct {
	Waits  int64 `json:"waits"`
	Median int64 `json:"within_median"`
	Upper  int64 `json:"within_upper"`
}

// queueOf asks dispatcher 1 or 2.
func (b *bench) queueOf(ctx context.Context, n int) (q queue, err error) {
	to := api{fmt.Sprintf("http://127.0.0.1:%d", b.port+20+n), b.secret, b.operator.http}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	res, err := to.call(ctx, "GET /cluster/queue", http.Header{}, http.NoBody)
	if err != nil || res.status != http.StatusOK {
		return q, errors.Join(err, fmt.Errorf("dispatcher %d does not say how it stands: %s", n, res.body))
	}
	return q, json.Unmarshal(res.body, &q)
}

// queues asks the dispatchers; those that do not answer are left out.
func (b *bench) queues(ctx context.Context) (all []queue) {
	for n := 1; n <= dispatchers; n++ {
		if q, err := b.queueOf(ctx, n); err == nil {
			all = append(all, q)
		}
	}
	return all
}

// quiet waits until nothing is left of what ran before, and was perhaps given up.
func (b *bench) quiet(ctx context.Context) error {
	if err := script(ctx, nil, append([]string{"up"}, processors...)...); err != nil {
		return err
	}
	return b.await(ctx, "an empty cluster", func(queues []queue) bool {
		left := waiting(queues)
		for _, q := range queues {
			left += q.InFlight
		}
		return left == 0 && len(queues) == dispatchers
	})
}

// await waits until the dispatchers stand as wanted.
func (b *bench) await(ctx context.Context, what string, ok func([]queue) bool) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for !ok(b.queues(ctx)) {
		if err := wait.For(ctx, 100*time.Millisecond); err != nil {
			return fmt.Errorf("waited in vain for %s: %w", what, err)
		}
	}
	return nil
}

// waiting counts the batches that wait at the dispatchers.
func waiting(queues []queue) (n int) {
	for _, q := range queues {
		n += q.Waiting
	}
	return n
}
