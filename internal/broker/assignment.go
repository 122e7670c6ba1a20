package broker

import (
	"cmp"
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// commit sends the watermarks that moved.
func (c *Consumer) commit(ctx context.Context) {
	c.committing.Lock()
	defer c.committing.Unlock()
	c.mu.Lock()
	moved := make(map[int32]kgo.EpochOffset)
	for p, t := range c.trackers {
		if w := t.watermark(); w > t.committed {
			moved[p] = kgo.EpochOffset{Epoch: -1, Offset: w}
		}
	}
	c.mu.Unlock()
	if len(moved) > 0 {
		c.commitOffsets(ctx, moved)
	}
}

func (c *Consumer) commitOffsets(ctx context.Context, moved map[int32]kgo.EpochOffset) {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	c.client.CommitOffsetsSync(ctx, map[string]map[int32]kgo.EpochOffset{c.cfg.name(c.cfg.Topic): moved},
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, answer *kmsg.OffsetCommitResponse, err error) {
			if err := cmp.Or(err, partitionError(answer)); err != nil {
				c.cfg.Log.WarnContext(ctx, "offsets were not committed, later ones will be", "error", err)
				return
			}
			c.committed(moved)
		})
}

// partitionError returns the first error of a partition.
func partitionError(answer *kmsg.OffsetCommitResponse) error {
	if answer == nil {
		return nil
	}
	for _, t := range answer.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Consumer) committed(moved map[int32]kgo.EpochOffset) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for p, o := range moved {
		if t := c.trackers[p]; t != nil {
			t.committed = max(t.committed, o.Offset)
		}
	}
}

func (c *Consumer) onAssigned(_ context.Context, _ *kgo.Client, topics map[string][]int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range topics[c.cfg.name(c.cfg.Topic)] {
		c.assign(p)
	}
	c.wakePoll()
}

// onRevoked commits what was finished while the partitions are still ours.
func (c *Consumer) onRevoked(ctx context.Context, _ *kgo.Client, topics map[string][]int32) {
	c.commit(ctx)
	c.unassign(topics[c.cfg.name(c.cfg.Topic)])
}

// onLost commits nothing: others may own the partitions already.
func (c *Consumer) onLost(_ context.Context, _ *kgo.Client, topics map[string][]int32) {
	c.unassign(topics[c.cfg.name(c.cfg.Topic)])
}

func (c *Consumer) unassign(partitions []int32) {
	if len(partitions) == 0 {
		return
	}
	c.committing.Lock()
	defer c.committing.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range partitions {
		delete(c.trackers, p)
	}
	c.revoked = append(c.revoked, partitions...)
	c.wakePoll()
}

// assign begins a new assignment of a partition.
func (c *Consumer) assign(p int32) *tracker {
	c.generation++
	t := newTracker(c.generation)
	c.trackers[p] = t
	c.changed = true
	return t
}

// wakePoll ends a poll that waits, so that the change is delivered.
func (c *Consumer) wakePoll() {
	c.changed = true
	if c.wake != nil {
		c.wake()
	}
}
