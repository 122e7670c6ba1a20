package console

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"bulkhead/internal/bulk"
)

// How often a watcher looks at the ledger: at once while something changes, less often
// while nothing does; and how many of the newest milestones it keeps.
const (
	pollFast       = 300 * time.Millisecond
	pollSlow       = 2 * time.Second
	eventPage      = 500 // milestones read at once
	keptMilestones = 100
)

// streams are the live event streams of this process. However many follow one import,
// one watcher reads the ledger for all of them; an account may have so many open.
type streams struct {
	s *Server

	mu      sync.Mutex
	watched map[bulk.ImportID]*watcher
	open    map[bulk.AccountID]int
}

func newStreams(s *Server) *streams {
	return &streams{s: s, watched: map[bulk.ImportID]*watcher{}, open: map[bulk.AccountID]int{}}
}

// enter counts a stream on an import as it was just read; leave must follow. The first
// stream of an import starts its watcher, the last one stops it.
func (st *streams) enter(imp bulk.Import) (w *watcher, leave func(), err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if limit := st.s.Limits.EventStreams; st.open[imp.AccountID] >= limit {
		st.s.Metrics.Refused.WithLabelValues("too_many_streams").Inc()
		return nil, nil, bulk.Errorf(bulk.KindTooMany, "too_many_streams",
			"The account follows %d imports live already, which is the limit. Close a stream, or ask for the import now and then.", limit)
	}
	st.open[imp.AccountID]++
	st.s.Metrics.Streams.Inc()
	if w = st.watched[imp.ID]; w == nil {
		w = &watcher{s: st.s, account: imp.AccountID, id: imp.ID, changed: make(chan struct{}), stale: make(chan struct{}, 1)}
		ctx, stop := context.WithCancel(context.Background())
		w.stop = stop
		st.watched[imp.ID] = w
		go w.run(ctx, imp)
	}
	w.readers++
	return w, func() { st.leave(w) }, nil
}

func (st *streams) leave(w *watcher) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.s.Metrics.Streams.Dec()
	if st.open[w.account]--; st.open[w.account] == 0 {
		delete(st.open, w.account)
	}
	if w.readers--; w.readers == 0 {
		delete(st.watched, w.id)
		w.stop()
	}
}

// watcher reads one import while anybody follows it. It hands nothing out: streams look
// at what it found when they can, so a slow one holds up nobody and skips what is old.
type watcher struct {
	s       *Server
	account bulk.AccountID
	id      bulk.ImportID
	stop    context.CancelFunc
	readers int           // under streams.mu
	stale   chan struct{} // holds a token when a stream knows of something newer

	mu      sync.Mutex
	found   sight
	changed chan struct{} // closed when found is replaced
}

// sight is an import at one time, as streams send it. It is never changed.
type sight struct {
	version    int64 // 0: nothing was read yet
	ended      bool  // the state is terminal
	gone       bool  // the import is not there any more
	data       []byte
	milestones []milestone // the newest, oldest first
	dropped    int64       // sequence number of the newest milestone that is not among them
}

// milestone is one of a [sight], as streams send it.
type milestone struct {
	seq  int64
	data []byte
}

// look returns what was found last, and a channel that is closed when there is more.
func (w *watcher) look() (sight, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.found, w.changed
}

func (w *watcher) publish(v sight) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.found = v
	close(w.changed)
	w.changed = make(chan struct{})
}

// await makes the watcher look at once, for one who knows of a newer version.
func (w *watcher) await() {
	select {
	case w.stale <- struct{}{}:
	default:
	}
}

func (w *watcher) run(ctx context.Context, imp bulk.Import) {
	poll := time.NewTimer(pollFast)
	defer poll.Stop()
	var err error
	for wait, seen := pollFast, int64(0); ; {
		if err == nil && imp.Version != seen {
			if err = w.show(ctx, imp); err == nil {
				seen, wait = imp.Version, pollFast
			}
		}
		switch {
		case ctx.Err() != nil, err == nil && imp.State.Terminal():
			return
		case bulk.KindOf(err) == bulk.KindNotFound:
			w.publish(sight{gone: true})
			return
		case err != nil: // streams live on what was found last; reconnecting would not help them
			w.s.Logger.WarnContext(ctx, "followed import cannot be read now", "import", w.id, "error", err)
			wait = pollSlow
		}
		poll.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-w.stale:
		case <-poll.C:
		}
		err = w.read(ctx, func() error {
			imp, err = w.s.Imports.Import(ctx, w.account, w.id)
			return err
		})
		wait = min(wait*3/2, pollSlow)
	}
}

// read reads with a permit, for however many follow the import.
func (w *watcher) read(ctx context.Context, from func() error) error {
	_, end, err := w.s.reads.begin(ctx, w.account, streamRead)
	if err != nil {
		return err
	}
	defer end()
	return from()
}

// events reads a page of milestones after a sequence number.
func (w *watcher) events(ctx context.Context, after int64) (events []bulk.Event, err error) {
	err = w.read(ctx, func() error {
		events, err = w.s.Imports.ImportEvents(ctx, w.account, w.id, bulk.Window{After: after, Limit: eventPage})
		return err
	})
	return events, err
}

// show publishes an import. Its milestones are read after it, so that a stream that
// stops at a terminal state has seen them all.
func (w *watcher) show(ctx context.Context, imp bulk.Import) (err error) {
	v, _ := w.look()
	v.version, v.ended = imp.Version, imp.State.Terminal()
	v.milestones, v.dropped, err = w.milestones(ctx, v)
	if err != nil {
		return err
	}
	if v.data, err = json.Marshal(summaryOf(imp)); err != nil { // one line: JSON escapes line endings
		return err
	}
	w.publish(v)
	return nil
}

// milestones adds what is new to those of a sight.
func (w *watcher) milestones(ctx context.Context, v sight) (kept []milestone, dropped int64, err error) {
	kept, dropped = append(kept, v.milestones...), v.dropped
	for after := v.newest(); ; {
		events, err := w.events(ctx, after)
		if err != nil {
			return nil, 0, err
		}
		for _, e := range events {
			data, err := json.Marshal(e)
			if err != nil {
				return nil, 0, err
			}
			after = e.Seq
			kept = append(kept, milestone{e.Seq, data})
		}
		if n := len(kept) - keptMilestones; n > 0 {
			dropped = kept[n-1].seq
			kept = kept[n:]
		}
		if len(events) < eventPage {
			return kept, dropped, nil
		}
	}
}

// newest is the sequence number of the newest milestone, 0 for none.
func (v sight) newest() int64 {
	if len(v.milestones) == 0 {
		return v.dropped
	}
	return v.milestones[len(v.milestones)-1].seq
}
