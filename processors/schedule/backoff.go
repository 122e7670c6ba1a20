package schedule

import (
	"container/heap"
	"time"
)

// A failed batch comes again after backoffMin, which doubles with each failure in a row
// up to backoffMax.
const (
	backoffMin = 500 * time.Millisecond
	backoffMax = 30 * time.Second
)

// delay keeps a failed job out of the queue until its back-off is over.
func (s *Scheduler) delay(now time.Time, j *job) {
	wait := backoffMax
	if j.failures <= 6 { // 0.5 s × 2⁶ is past the greatest
		wait = min(backoffMin<<(j.failures-1), backoffMax)
	}
	j.since, j.due = now, now.Add(wait)
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
