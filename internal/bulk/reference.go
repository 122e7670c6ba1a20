package bulk

// Delivery is what one poll of the batches topic brought: changes of the
// assignment first, references second.
type Delivery struct {
	References []Reference
	Revoked    []int32         // partitions that this process no longer owns: drop their queues
	Assigned   map[int32]int32 // the whole assignment after a change, partition to generation; nil: unchanged
}

// Reference is a batch reference as read from a partition.
type Reference struct {
	Ref  BatchRef
	Mark Mark
}

// Mark is the place of a reference in the topic. Its generation names one
// assignment of the partition to this process; marks of an earlier one are void.
type Mark struct {
	Partition  int32
	Offset     int64
	Generation int32
}
