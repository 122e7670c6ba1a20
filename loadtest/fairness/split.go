package main

import (
	"cmp"
	"slices"
	"time"
)

// split is where the time of imports goes, in milliseconds on average: the way of the batch that
// was committed last. Its parts add up to the whole.
type split struct {
	Upload  float64 `json:"upload_ms"`    // from before the request until the batch was staged
	Hand    float64 `json:"hand_over_ms"` // from there to its dispatcher, and from that to a processor
	Queue   float64 `json:"queue_ms"`     // it waited for a slot
	Service float64 `json:"service_ms"`   // read, validated, committed
	End     float64 `json:"end_ms"`       // until the import had ended
}

// total is the whole time.
func (s split) total() float64 { return s.Upload + s.Hand + s.Queue + s.Service + s.End }

// splits are those of all imports, and of the slowest twentieth.
type splits struct {
	All     split `json:"all"`
	Slowest split `json:"slowest"`
}

func splitsOf(imports []*importing) splits {
	sorted := slices.SortedFunc(slices.Values(imports), func(a, b *importing) int { return cmp.Compare(b.duration(), a.duration()) })
	return splits{meanSplit(sorted), meanSplit(sorted[:(len(sorted)+19)/20])}
}

func meanSplit(imports []*importing) (s split) {
	share := 1 / float64(max(len(imports), 1))
	for _, i := range imports {
		if len(i.batches) == 0 {
			continue
		}
		last := slices.MaxFunc(i.batches, func(a, b batch) int { return a.Committed.Compare(b.Committed) })
		queue := time.Duration(last.QueueMS) * time.Millisecond
		for _, p := range []struct {
			into *float64
			took time.Duration
		}{
			{&s.Upload, last.Staged.Sub(i.posted)},
			{&s.Hand, last.Leased.Sub(last.Staged) - queue},
			{&s.Queue, queue},
			{&s.Service, last.Committed.Sub(last.Leased)},
			{&s.End, i.imp.FinishedAt.Sub(last.Committed)},
		} {
			*p.into += p.took.Seconds() * 1000 * share
		}
	}
	for _, p := range []*float64{&s.Upload, &s.Hand, &s.Queue, &s.Service, &s.End} {
		*p = round(*p)
	}
	return s
}

// slowdown says of what a longer time consists: of the difference, the part that is waiting
// for a slot. The rest is the machine, on which everything takes longer.
type slowdown struct {
	Times   float64 `json:"times"`      // beside ÷ alone, of the means
	Queue   float64 `json:"queue_ms"`   // longer for it
	Machine float64 `json:"machine_ms"` // longer for all else
	Share   float64 `json:"queue_share"`
}

func (s split) over(alone split) slowdown {
	queue, more := s.Queue-alone.Queue, s.total()-alone.total()
	d := slowdown{Times: round(s.total() / alone.total()), Queue: round(queue), Machine: round(more - queue)}
	if more > 0 {
		d.Share = round(queue / more)
	}
	return d
}
