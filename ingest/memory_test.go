package ingest_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bulkhead/ingest"
	"bulkhead/internal/bulk"
)

// measured returns a metric's value, summed over its labels when none is named: of a
// histogram, how many it saw.
func measured(t testing.TB, reg *prometheus.Registry, name, label string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		sum, seen := 0.0, false
		for _, m := range family.GetMetric() {
			if labels := m.GetLabel(); label == "" || labels[0].GetValue() == label {
				sum, seen = sum+m.GetGauge().GetValue()+m.GetCounter().GetValue()+float64(m.GetHistogram().GetSampleCount()), true
			}
		}
		if seen {
			return sum
		}
	}
	t.Fatalf("there is no %s of %q", name, label)
	return 0
}

// script is an endless file whose i-th line, header included, is line(i).
type script struct {
	line func(i int) string
	i    int
	left string
}

func (s *script) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if s.left == "" {
			s.left = s.line(s.i)
			s.i++
		}
		c := copy(p[n:], s.left)
		n, s.left = n+c, s.left[c:]
	}
	return n, nil
}

// after is a header, and lines behind it.
func after(header string, line func(i int) string) func() io.Reader {
	return func() io.Reader {
		return &script{line: func(i int) string {
			if i == 0 {
				return header + "\n"
			}
			return line(i)
		}}
	}
}

// wide is a header of n columns, of which the first is the key.
func wide(n int) string {
	var b strings.Builder
	b.WriteString("id")
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, ",c%d", i)
	}
	return b.String()
}

// greedy are files that take most memory, each in another place.
var greedy = map[string]func() io.Reader{
	"usual rows":        after("id,name,size", func(i int) string { return fmt.Sprintf("%d,the name of it is %d,%d\n", i, i, i) }),
	"wide rows":         after(wide(100), func(int) string { return strings.Repeat("0123456789,", 99) + "x\n" }),
	"cells of a byte":   after(wide(1000), func(int) string { return strings.Repeat("1,", 999) + "1\n" }),
	"rows of two bytes": after("id,name", func(int) string { return ",\n" }),
	"records of 1 MiB": after(wide(5), func(int) string {
		return strings.Repeat(strings.Repeat("r", 255<<10)+",", 4) + "x\n"
	}),
	"quotes to double": after(wide(5), func(int) string {
		return strings.Repeat(`"`+strings.Repeat(`""q`, 80<<10)+`",`, 4) + "x\n"
	}),
	"another column is long in each batch": after(wide(64), func(i int) string {
		long := i / 18 % 64
		return strings.Repeat(",", long) + strings.Repeat("l", 250<<10) + strings.Repeat(",", 63-long) + "\n"
	}),
	"rows that are rejected": after("id,name", func(int) string { return strings.Repeat("too,many,", 1000) + "\n" }),
	"blank lines after a row": after("id,name", func(i int) string {
		if i == 1 {
			return "1,x\n"
		}
		return strings.Repeat("\r\n", 1000)
	}),
	"a quote that stays open": after("id,name", func(i int) string {
		if i < 1000 {
			return "1,x\n"
		}
		return "\"" + strings.Repeat("y\n", 1000)
	}),
	"an archive": func() io.Reader {
		return &script{line: func(i int) string {
			if i == 0 {
				return "\x1f\x8b\x08\x00"
			}
			b := make([]byte, 4096)
			rand.NewChaCha8([32]byte{byte(i)}).Read(b)
			return string(b)
		}}
	},
}

// held is a store that keeps each upload at one of its objects until it may go on.
type held struct {
	*memory
	at     int // from 1
	mu     sync.Mutex
	puts   map[string]int
	resume chan struct{}
}

// Put implements ingest.Objects.
func (h *held) Put(ctx context.Context, key string, data []byte) error {
	of := strings.Split(key, "/")[1]
	h.mu.Lock()
	h.puts[of]++
	n := h.puts[of]
	h.mu.Unlock()
	if n >= h.at {
		<-h.resume
		return io.ErrClosedPipe // and the upload ends
	}
	return h.memory.Put(ctx, key, data)
}

// heap is what is really in use.
func heap() int64 {
	runtime.GC()
	runtime.GC() // the first only takes what pools hold away
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Invariant 11: uploads that are stopped where they have most take no more than they
// reserved, whatever the file.
func TestReservationsHold(t *testing.T) {
	const uploads = 2
	for name, file := range greedy {
		for _, length := range []int64{-1, 10 << 10, 200 << 10, 1 << 20} {
			t.Run(fmt.Sprintf("%s %d", name, length), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f, reg := &fixture{t: t, moved: make(chan struct{}, 1)}, prometheus.NewRegistry()
					store := &held{at: 3, memory: &memory{spec: things}, puts: map[string]int{}, resume: make(chan struct{})}
					u := f.another(func(c *config) {
						c.Ledger, c.Objects, c.Metrics = store, store, ingest.NewMetrics(reg)
						if length >= 0 {
							store.at, c.BatchRows = 1, 1000 // so that short ones get there, too, with another batch behind
						}
					})
					before := heap()
					var wg sync.WaitGroup
					for i := range uploads {
						body := file()
						if length >= 0 {
							body = io.LimitReader(body, length)
						}
						wg.Go(func() {
							_, err := u.Write(t.Context(), bulk.AccountID(fmt.Sprint("a", i)), bulk.ImportID(fmt.Sprint("i", i)), bulk.Body{Reader: body, Length: length})
							_ = err // it is refused, or breaks off
						})
					}
					synctest.Wait()
					took, reserved := heap()-before, int64(measured(t, reg, "bulkhead_ingest_memory_bytes", "reserved"))
					t.Logf("%s %d: %5.1f of %5.1f MiB", name, length, float64(took)/uploads/(1<<20), float64(reserved)/uploads/(1<<20))
					if took > reserved {
						t.Errorf("%d uploads take %d MiB and reserved %d", uploads, took>>20, reserved>>20)
					}
					close(store.resume)
					wg.Wait()
					if left := measured(t, reg, "bulkhead_ingest_memory_bytes", "reserved"); left != 0 {
						t.Errorf("%v bytes are still reserved", left)
					}
				})
			})
		}
	}
}

// Invariant 11: whatever comes at once, of one account or of many, what the process
// uses stays in its budget, and the budget is what bounds it. The uploads come one
// after the other, and each stays at a byte where it holds 1.5 MiB until the test lets it
// go; so who is refused does not follow from how fast the machine is. Together they want
// half as much again as there is for them.
func TestMemoryStaysInItsBudget(t *testing.T) {
	const at, size, budget = 1<<20 - 1, 5 << 20, 256 << 20
	defer debug.SetGCPercent(debug.SetGCPercent(20)) // to look often
	for name, c := range map[string]struct{ uploads, accounts, refused int }{"one account": {32, 1, 11}, "many accounts": {64, 64, 22}} {
		t.Run(name, func(t *testing.T) {
			before, peak := heap(), watchHeap()
			synctest.Test(t, func(t *testing.T) {
				m, reg := &memory{spec: things}, prometheus.NewRegistry()
				f := &fixture{t: t, moved: make(chan struct{}, 1)}
				u := f.another(func(c *config) {
					c.Ledger, c.Objects, c.Metrics, c.Memory, c.RoomWait = m, m, ingest.NewMetrics(reg), budget, time.Millisecond
				})
				gate := make(chan struct{})
				var refused atomic.Int64
				var all sync.WaitGroup
				for i := range c.uploads {
					file := greedy["another column is long in each batch"]()
					body := &counted{r: io.MultiReader(&gated{io.LimitReader(file, at), func() {}, gate}, io.LimitReader(file, size-at))}
					all.Go(func() {
						_, err := u.Write(t.Context(), bulk.AccountID(fmt.Sprint(i%c.accounts)), bulk.ImportID(fmt.Sprint(i)), bulk.Body{Reader: body, Length: -1})
						switch {
						case bulk.KindOf(err) == bulk.KindUnavailable:
							refused.Add(1)
						case err != nil || body.n != size:
							t.Errorf("Write = %v after %d bytes", err, body.n)
						}
					})
					<-time.After(10 * time.Millisecond) // of the bubble's clock, which stands while anybody works
				}
				reserved, counted := measured(t, reg, "bulkhead_ingest_memory_bytes", "reserved"), measured(t, reg, "bulkhead_ingest_refused_total", "")
				if n := int(refused.Load()); n != c.refused || int(counted) != n || reserved != float64(c.uploads-n)*(3<<19) {
					t.Errorf("%d of %d were refused, %.0f counted; %.1f MiB are reserved", n, c.uploads, counted, reserved/(1<<20))
				}
				close(gate)
				all.Wait()
			})
			if used := peak() - before; used > budget {
				t.Errorf("the heap grew by %d MiB", used>>20)
			}
		})
	}
}

// counted counts the bytes that were read.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// watchHeap notes what each collection found alive until its result is asked for.
func watchHeap() (peak func() int64) {
	stop, most := make(chan struct{}), make(chan int64)
	go func() {
		live, seen := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}, int64(0)
		for {
			select {
			case <-stop:
				most <- seen
				return
			default:
				metrics.Read(live)
				seen = max(seen, int64(live[0].Value.Uint64()))
				runtime.Gosched()
			}
		}
	}()
	return func() int64 { close(stop); return <-most }
}
