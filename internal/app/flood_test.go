package app_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

// One account reads all it can, by many requests at once; another lists its imports and
// imports a small file nearly as if it were alone, and is refused nothing.
func TestFloodOfReadsHoldsUpNobody(t *testing.T) {
	onStores(t, func(t *testing.T, s *system) {
		greedy, other := s.account("greedy", 1_000_000).in(t), s.account("other", 1_000_000).in(t)
		big := greedy.run("dataset=things&mode=upsert", numbered("g", 20_000))
		alone := other.small("alone")
		var flood sync.WaitGroup
		stop, answers := make(chan struct{}), make(chan int, 1<<16)
		for _, path := range slices.Concat(
			slices.Repeat([]string{"/v1/datasets/things/records?limit=10000"}, 8),
			slices.Repeat([]string{"/v1/imports/" + string(big.ID) + "/rejects.csv"}, 4),
			slices.Repeat([]string{"/v1/imports?limit=200"}, 8),
		) {
			flood.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					if a, err := greedy.ask(http.MethodGet, path, nil, nil); err == nil {
						answers <- a.status
					}
				}
			})
		}
		<-answers
		beside := other.small("beside")
		close(stop)
		flood.Wait()
		close(answers)
		said := map[int]int{}
		for status := range answers {
			said[status]++
		}
		t.Logf("alone %v, beside a flood %v; the flood was answered %v", alone, beside, said)
		if most := 3*alone + 100*time.Millisecond; beside > most {
			t.Errorf("a small import and a list took %v beside a flood of reads, want at most %v; %v alone", beside, most, alone)
		}
		for status := range said {
			if status != http.StatusOK && status != http.StatusTooManyRequests {
				t.Errorf("the flood was answered %d", status)
			}
		}
	})
}

// small is the median of how long it takes to import a small file and to list it.
func (c *client) small(name string) time.Duration {
	c.t.Helper()
	var took []time.Duration
	for i := range 9 {
		file, began := numbered(fmt.Sprint(name, i), 500), time.Now()
		imp := c.run("dataset=things&mode=upsert", file)
		if all := c.imports("limit=1"); imp.State != bulk.StateCompletedWithRejects || len(all) != 1 || all[0].ID != imp.ID {
			c.t.Errorf("%v, and listed is %v", imp.State, all)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// numbered is a file of things, of which each fifth is rejected.
func numbered(prefix string, rows int) []byte {
	file := bytes.NewBufferString("id,text\n")
	for i := range rows {
		if i%5 == 0 {
			fmt.Fprintf(file, "%s%d,text,too many\n", prefix, i)
		} else {
			fmt.Fprintf(file, "%s%d,some text of %d\n", prefix, i, i)
		}
	}
	return file.Bytes()
}
