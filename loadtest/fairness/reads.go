package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"bulkhead/internal/wait"
)

// flood is a request that one account makes over and over, so many at once.
type flood struct {
	kind   string
	atOnce int
	route  string // with {dataset} and {import}, a finished one, or {open}, one that waits for its file
	sample bool   // its body is the beginning of a file
	stays  bool   // the answer does not end: it is given up after a second
}

var floods = []flood{
	{kind: "records", atOnce: 8, route: "GET /v1/datasets/{dataset}/records?limit=10000"},
	{kind: "rejects.csv", atOnce: 8, route: "GET /v1/imports/{import}/rejects.csv"},
	{kind: "lists", atOnce: 16, route: "GET /v1/imports?limit=100"},
	{kind: "streams", atOnce: 200, route: "GET /v1/imports/{open}/events", stays: true},
	{kind: "previews", atOnce: 8, route: "POST /v1/preview?dataset={dataset}", sample: true},
}

// floodRun is a small import's lot beside a flood, and beside a process that burns as much CPU
// as the flood cost.
type floodRun struct {
	Kind    string             `json:"kind"`
	Seconds float64            `json:"seconds"`
	Answers map[string]int     `json:"answers"` // by status
	CPUs    map[string]float64 `json:"cpus"`    // meanwhile
	Burned  float64            `json:"burned"`  // CPUs that the flood cost, and the control burned
	Control map[string]float64 `json:"cpus_control"`

	Took, Beside quantiles // small imports beside the flood, and beside the control
	Over         ratios    `json:"over_control"`
	OverAlone    ratios    `json:"over_alone"`
}

// readsResult is every flood's.
type readsResult struct {
	Alone  quantiles          `json:"alone"`
	CPUs   map[string]float64 `json:"cpus_alone"`
	Floods []floodRun         `json:"floods"`
}

// reads lets an account flood the console with one kind of read, and then all kinds, while another
// imports small files, one after the other.
func (b *bench) reads(ctx context.Context, r *record) error {
	if err := b.order(ctx, "fair"); err != nil {
		return err
	}
	in, err := b.newDataset(ctx, "reads", 0)
	if err != nil {
		return err
	}
	reader, err := b.reader(ctx, in)
	if err != nil {
		return err
	}
	small, err := b.newAccount(ctx, "small", in, 1)
	if err != nil {
		return err
	}
	res := &readsResult{}
	v := visit{b, small, reader}
	if _, err := v.imports(ctx, 3*time.Second); err != nil { // what is done once only
		return err
	}
	alone, err := v.watch(ctx, nil)
	if err != nil {
		return err
	}
	res.Alone, res.CPUs = alone.took, alone.cpus
	chosen := slices.Clone(floods)
	for i := range len(chosen) + 1 {
		all := chosen
		kind := "all"
		if i < len(chosen) {
			all, kind = chosen[i:i+1], chosen[i].kind
		}
		run, err := v.flooded(ctx, kind, all, alone)
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		res.Floods = append(res.Floods, run)
		b.say("%s: %v answers, %.2f CPUs; small p50, p99 %v ms, beside as much CPU %v, alone %v", kind, run.Answers, run.Burned, run.Took, run.Beside, alone.took)
	}
	r.Reads = res
	if err := settle(ctx, false, small); err != nil {
		return err
	}
	return b.clear(ctx)
}

// reader is the account that reads: it has half a million records, rejects, a list of a hundred
// imports, and one that waits for its file.
func (b *bench) reader(ctx context.Context, in dataset) (*account, error) {
	a, err := b.newAccount(ctx, "reader", in, 1)
	if err != nil {
		return nil, err
	}
	if _, err := a.send(ctx, 60*b.batchRows); err != nil {
		return nil, err
	}
	if err := b.sendAll(ctx, a, share{batches: 100, imports: 100, rows: 10}); err != nil {
		return nil, err
	}
	if err := a.settle(ctx); err != nil {
		return nil, err
	}
	var made struct{ ID string }
	err = a.ask(ctx, "POST /v1/imports", map[string]any{"dataset": in.name, "mode": "create", "filename": "later.csv"}, &made)
	a.open = made.ID
	return a, err
}

// visit is small imports of one account beside the reads of another.
type visit struct {
	*bench
	small, reader *account
}

// watched is how small imports fared for a time, and what the machine did.
type watched struct {
	took quantiles
	n    int
	cpus map[string]float64
	over time.Duration
}

// imports sends small imports, one after the other, for a time.
func (v visit) imports(ctx context.Context, most time.Duration) (done []*importing, err error) {
	for begun := time.Now(); time.Since(begun) < most; {
		i, err := v.small.send(ctx, v.smallRows(len(done)))
		if err != nil {
			return nil, err
		}
		if err := v.small.follow(ctx, i); err != nil {
			return nil, err
		}
		done = append(done, i)
		if err := wait.For(ctx, 100*time.Millisecond); err != nil {
			return nil, err
		}
	}
	return done, nil
}

// watch measures small imports while something is done beside them.
func (v visit) watch(ctx context.Context, beside func(context.Context)) (w watched, err error) {
	beginning, stop := context.WithCancel(ctx)
	defer stop()
	var doing sync.WaitGroup
	if beside != nil {
		doing.Go(func() { beside(beginning) })
		if err := wait.For(ctx, time.Second); err != nil {
			return w, err
		}
	}
	before, err := v.look(ctx)
	if err != nil {
		return w, err
	}
	done, err := v.imports(ctx, v.floodFor)
	if err != nil {
		return w, err
	}
	after, err := v.look(ctx)
	if err != nil {
		return w, err
	}
	stop()
	doing.Wait()
	return watched{quantilesOf(durations(done)), len(done), after.since(before), after.at.Sub(before.at)}, nil
}

// flooded measures beside reads, and beside a process that burns what they cost.
func (v visit) flooded(ctx context.Context, kind string, kinds []flood, alone watched) (run floodRun, err error) {
	tally := &tally{answers: map[string]int{}}
	beside, err := v.watch(ctx, func(ctx context.Context) { v.flood(ctx, kinds, tally) })
	if err != nil {
		return run, err
	}
	// What the small imports cost by themselves is not the flood's.
	own := ours(alone.cpus) * alone.over.Seconds() / float64(alone.n) * float64(beside.n) / beside.over.Seconds()
	burn := max(round(ours(beside.cpus)-own), 0)
	control, err := v.watch(ctx, func(ctx context.Context) { burnBeside(ctx, burn) })
	if err != nil {
		return run, err
	}
	return floodRun{
		Kind: kind, Seconds: round(beside.over.Seconds()), Answers: tally.answers, CPUs: beside.cpus, Burned: burn, Control: control.cpus,
		Took: beside.took, Beside: control.took, Over: beside.took.over(control.took), OverAlone: beside.took.over(alone.took),
	}, nil
}

// tally counts answers by status.
type tally struct {
	mu      sync.Mutex
	answers map[string]int
}

func (t *tally) add(status string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answers[status]++
}

// flood makes all kinds of requests, as many at once as each says, until the context ends.
func (v visit) flood(ctx context.Context, kinds []flood, t *tally) {
	var all sync.WaitGroup
	for _, f := range kinds {
		for range f.atOnce {
			all.Go(func() {
				for ctx.Err() == nil {
					status := v.once(ctx, f)
					if ctx.Err() == nil {
						t.add(status)
					}
					if status != "200" { // it does not wait for long when it is refused
						_ = wait.For(ctx, 20*time.Millisecond)
					}
				}
			})
		}
	}
	all.Wait()
}

// once makes a request, reads the answer, and returns its status.
func (v visit) once(ctx context.Context, f flood) string {
	if f.stays {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, time.Second)
		defer stop()
	}
	method, path, _ := strings.Cut(f.route, " ")
	path = strings.NewReplacer("{dataset}", v.reader.dataset.name, "{import}", v.reader.imports[0].id, "{open}", v.reader.open).Replace(path)
	var body io.Reader = http.NoBody
	if f.sample {
		body = bytes.NewReader(sample())
	}
	req, err := http.NewRequestWithContext(ctx, method, v.reader.url+path, body)
	if err != nil {
		return err.Error()
	}
	req.Header = http.Header{"Authorization": {"Bearer " + v.reader.key}, "Content-Type": {"text/csv"}}
	if f.stays {
		req.Header.Set("Accept", "text/event-stream")
	}
	res, err := v.reader.http.Do(req)
	if err != nil {
		return "none"
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil && !f.stays {
		return "cut off"
	}
	return fmt.Sprint(res.StatusCode)
}

// sample is the beginning of a file.
var sample = sync.OnceValue(func() []byte {
	text, _ := io.ReadAll(file{first: 1, rows: 400}.open())
	return text
})
