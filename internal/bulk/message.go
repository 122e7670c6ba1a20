package bulk

// Fetch is what one poll of the batches topic brought: changes of the
// assignment first, messages second.
type Fetch struct {
	Messages []Message
	Revoked  []int32 // partitions that this process no longer owns: drop their queues
	Assigned []int32 // all that it owns after a change; nil: unchanged
}

// Message is a batch reference as read from a partition.
type Message struct {
	Ref    BatchRef
	Offset Offset
}

// Offset is a place in a topic. Its generation names one
// assignment of the partition to this process; offsets of an earlier one are void.
type Offset struct {
	Partition  int32
	At         int64
	Generation int32
}
