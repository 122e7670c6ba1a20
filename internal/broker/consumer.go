package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"bulkhead/internal/bulk"
	"bulkhead/internal/wait"
)

// The bounds of a consumer.
const (
	pollRecords   = 1000 // references a fetch
	commitEvery   = time.Second
	commitTimeout = 5 * time.Second
	session       = 6 * time.Second // silence after which a consumer counts as dead
)

// Consumer is one member of the group that reads the topic. Poll is for one goroutine;
// Done and PartitionOf are safe for any.
type Consumer struct {
	cfg    Config
	client *kgo.Client

	committing sync.Mutex // held while offsets are on their way, so that none is sent after its partition left

	mu         sync.Mutex
	partitions int32 // of the topic
	trackers   map[int32]*tracker
	revoked    []int32 // since the last fetch
	changed    bool    // the assignment, since the last fetch
	generation int32   // of the last assignment
	wake       context.CancelFunc
}

// NewConsumer returns a consumer that joins its group at the first Poll or Run.
func NewConsumer(cfg Config) (*Consumer, error) {
	cfg = cfg.withDefaults()
	c := &Consumer{cfg: cfg, partitions: newPartitions, trackers: make(map[int32]*tracker)}
	client, err := cfg.client(
		kgo.ConsumerGroup(cfg.Group),
		kgo.ConsumeTopics(cfg.name(cfg.Topic)),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.SessionTimeout(session),
		kgo.HeartbeatInterval(session/12), // how soon the living hear that partitions of the dead are theirs
		kgo.FetchMaxWait(session/12),      // new partitions are fetched when the fetch under way has ended
		kgo.RebalanceTimeout(max(session, 2*commitTimeout)),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(), // no reference is stamped with an assignment that ended meanwhile
		kgo.OnPartitionsAssigned(c.onAssigned),
		kgo.OnPartitionsRevoked(c.onRevoked),
		kgo.OnPartitionsLost(c.onLost),
	)
	if err != nil {
		return nil, err
	}
	c.client = client
	return c, nil
}

// Run commits watermarks every second until ctx ends, then a last time, and
// leaves the group.
func (c *Consumer) Run(ctx context.Context) error {
	defer c.client.CloseAllowingRebalance() // revokes, which commits
	return wait.Every(ctx, commitEvery, c.commit)
}

// Poll waits for references or a change of the assignment. What cannot be read as
// a reference is skipped: its batch, if there is one, is found by the sweep.
func (c *Consumer) Poll(ctx context.Context) (bulk.Fetch, error) {
	for {
		poll, cancel := context.WithCancel(ctx)
		if c.armWake(cancel) {
			cancel() // the assignment changed: do not wait
		}
		fetches := c.client.PollRecords(poll, pollRecords)
		cancel()
		fetch := c.toFetch(fetches)
		c.client.AllowRebalance()
		if err := c.fatal(ctx, fetches); err != nil {
			return bulk.Fetch{}, err
		}
		if fetch.Assigned != nil {
			c.learnPartitions(ctx)
		}
		if fetch.Assigned != nil || len(fetch.Messages) > 0 {
			return fetch, nil
		}
	}
}

// Done marks a reference as finished. An offset of an earlier assignment is ignored.
func (c *Consumer) Done(offset bulk.Offset) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.trackers[offset.Partition]; t != nil && t.generation == offset.Generation {
		t.finish(offset.At)
	}
}

// PartitionOf returns the partition that an account's references are in.
func (c *Consumer) PartitionOf(account bulk.AccountID) int32 {
	c.mu.Lock()
	n := c.partitions
	c.mu.Unlock()
	return partitionOf(account, n)
}

// armWake lets a change of the assignment end the poll; true says that one happened already.
func (c *Consumer) armWake(wake context.CancelFunc) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wake = wake
	return c.changed
}

// toFetch stamps what was read with the assignment it was read in.
func (c *Consumer) toFetch(fetches kgo.Fetches) bulk.Fetch {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wake = nil
	var d bulk.Fetch
	fetches.EachRecord(func(r *kgo.Record) {
		if ref, ok := c.toMessage(r); ok {
			d.Messages = append(d.Messages, ref)
		}
	})
	if c.changed {
		d.Revoked, d.Assigned = c.revoked, slices.AppendSeq([]int32{}, maps.Keys(c.trackers))
		c.revoked, c.changed = nil, false
	}
	return d
}

func (c *Consumer) toMessage(r *kgo.Record) (bulk.Message, bool) {
	t := c.trackers[r.Partition]
	if t == nil {
		return bulk.Message{}, false
	}
	if !t.fetched(r.Offset) {
		t = c.assign(r.Partition)
		t.fetched(r.Offset)
	}
	var ref bulk.BatchRef
	if err := json.Unmarshal(r.Value, &ref); err != nil || ref.Account == "" || ref.Import == "" {
		c.cfg.Log.Warn("not a batch reference, skipped", "partition", r.Partition, "offset", r.Offset, "error", err)
		t.finish(r.Offset)
		return bulk.Message{}, false
	}
	return bulk.Message{Ref: ref, Offset: bulk.Offset{Partition: r.Partition, At: r.Offset, Generation: t.generation}}, true
}

// fatal tells what ends a poll from what the client repairs by itself.
func (c *Consumer) fatal(ctx context.Context, fetches kgo.Fetches) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, e := range fetches.Errors() {
		switch {
		case errors.Is(e.Err, context.Canceled): // our own wake
		case errors.Is(e.Err, kgo.ErrClientClosed):
			return fmt.Errorf("poll references: %w", e.Err)
		default:
			c.cfg.Log.Warn("reading references failed, trying on", "partition", e.Partition, "error", e.Err)
		}
	}
	return nil
}

// learnPartitions reads how many partitions the topic has; it was perhaps not
// created by this version, or has grown.
func (c *Consumer) learnPartitions(ctx context.Context) {
	topics, err := kadm.NewClient(c.client).ListTopics(ctx, c.cfg.name(c.cfg.Topic))
	if err != nil || len(topics[c.cfg.name(c.cfg.Topic)].Partitions) == 0 {
		c.cfg.Log.WarnContext(ctx, "number of partitions unknown, taking the last one known", "error", err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.partitions = int32(len(topics[c.cfg.name(c.cfg.Topic)].Partitions))
}
