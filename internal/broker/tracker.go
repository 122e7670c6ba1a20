package broker

import "slices"

// tracker follows the references of one partition during one assignment. Its
// watermark is the offset before which every reference is finished.
type tracker struct {
	generation int32
	pending    []pendingOffset // ascending; the first is unfinished
	next       int64           // after the last one delivered; -1: none was
	committed  int64           // watermark that the broker has; -1: none from this assignment
}

type pendingOffset struct {
	offset   int64
	finished bool
}

func newTracker(generation int32) *tracker {
	return &tracker{generation: generation, next: -1, committed: -1}
}

// fetched notes a reference. Offsets ascend; false says that this one went
// back, so the log was replaced and the assignment has to start anew.
func (t *tracker) fetched(offset int64) bool {
	if offset < t.next {
		return false
	}
	t.pending = append(t.pending, pendingOffset{offset: offset})
	t.next = offset + 1
	return true
}

// finish notes that a reference needs no redelivery. Unknown offsets are ignored.
func (t *tracker) finish(offset int64) {
	i, ok := slices.BinarySearchFunc(t.pending, offset, func(p pendingOffset, o int64) int { return int(p.offset - o) })
	if !ok {
		return
	}
	t.pending[i].finished = true
	n := 0
	for n < len(t.pending) && t.pending[n].finished {
		n++
	}
	t.pending = t.pending[n:]
}

// watermark returns the offset to commit, or -1 when nothing was delivered.
func (t *tracker) watermark() int64 {
	if len(t.pending) > 0 {
		return t.pending[0].offset
	}
	return t.next
}
