package schedule

import (
	"container/heap"
	"time"

	"bulkhead/internal/wait"
)

// backoff is when a failed batch comes again. It needs no jitter: batches that come
// at once wait in a queue.
var backoff = wait.Backoff{First: 500 * time.Millisecond, Longest: 30 * time.Second}

// delay keeps a failed job out of the queue until its back-off is over.
func (s *Scheduler) delay(now time.Time, j *job) {
	j.since, j.due = now, now.Add(backoff.After(j.failures, 0))
	heap.Push(&s.delayed, j)
	s.imports[j.ref.Import].delayed++
	s.cfg.Observer.Delayed(j.ref, j.failures, j.due)
}

func (s *Scheduler) undelay(j *job) {
	if j.delay >= 0 {
		heap.Remove(&s.delayed, j.delay)
		s.imports[j.ref.Import].delayed--
	}
}

// retry queues the jobs whose back-off is over.
func (s *Scheduler) retry(now time.Time) {
	for len(s.delayed) > 0 && !s.delayed[0].due.After(now) {
		j := s.delayed[0]
		s.undelay(j)
		j.waits.Backoff += now.Sub(j.since)
		s.enqueue(now, j)
	}
}

// delays is a heap of jobs by the end of their back-off.
type delays []*job

func (h delays) Len() int           { return len(h) }
func (h delays) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h delays) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].delay, h[j].delay = i, j
}

func (h *delays) Push(x any) {
	j := x.(*job)
	j.delay = len(*h)
	*h = append(*h, j)
}

func (h *delays) Pop() any {
	last := len(*h) - 1
	j := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	j.delay = -1
	return j
}
