package dispatch

import (
	"container/heap"
	"time"
)

// delay keeps a failed job out of the queue until its back-off is over.
func (d *Dispatcher) delay(j *job) {
	wait := backoffMax
	if j.failures <= 6 { // 0.5 s × 2⁶ is past the greatest
		wait = min(backoffMin<<(j.failures-1), backoffMax)
	}
	j.due = time.Now().Add(wait)
	heap.Push(&d.backoff, j)
	d.imports[j.ref.Import].delayed++
}

func (d *Dispatcher) undelay(j *job) {
	if j.delay >= 0 {
		heap.Remove(&d.backoff, j.delay)
		d.imports[j.ref.Import].delayed--
	}
}

// retryDue queues the jobs whose back-off is over.
func (d *Dispatcher) retryDue(now time.Time) {
	for len(d.backoff) > 0 && !d.backoff[0].due.After(now) {
		j := d.backoff[0]
		d.undelay(j)
		d.enqueue(j)
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
