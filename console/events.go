package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"bulkhead/internal/bulk"
)

// heartbeat is how often a live stream proves that it lives.
const heartbeat = 15 * time.Second

// position is how far a client has read: the id of every event, "version.seq".
type position struct {
	version int64 // of the newest import sent
	seq     int64 // of the newest milestone sent
}

func (p position) String() string { return fmt.Sprintf("%d.%d", p.version, p.seq) }

// parsePosition reads a Last-Event-ID. What is not one means the beginning: the client
// then sees milestones again rather than never.
func parsePosition(id string) (p position) {
	version, seq, _ := strings.Cut(id, ".")
	p.version, _ = strconv.ParseInt(version, 10, 64)
	p.seq, _ = strconv.ParseInt(seq, 10, 64)
	return p
}

// importSummary is an import without what grows with its file's columns, its layout and
// mapping, as lists and events show it.
type importSummary struct {
	bulk.Import
	Layout *bulk.Layout `json:"layout,omitempty"` // hides the one inside; always nil
}

func summaryOf(imp bulk.Import) importSummary {
	imp.Options.Mapping = nil
	return importSummary{Import: imp}
}

// events streams an import as it changes, as Server-Sent Events: "milestone" for every
// bulk.Event that the client has not seen, oldest first, then "import" with the newest
// state. It ends after a terminal state; a client that reconnects then and has seen it
// all gets 204, at which browsers stop reconnecting.
func (s *Server) events(w http.ResponseWriter, r *http.Request) error {
	end, err := s.beginRead(r, lookupRead)
	if err != nil {
		return err
	}
	imp, err := s.importOf(r)
	end()
	if err != nil {
		return err
	}
	live := &liveStream{s: s, w: w, conn: http.NewResponseController(w), at: parsePosition(r.Header.Get("Last-Event-ID"))}
	if imp.State.Terminal() && live.at.version == imp.Version {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	watcher, leave, err := s.streams.enter(imp)
	if err != nil {
		return err
	}
	defer leave()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	if err := live.run(r.Context(), watcher, imp.Version); err != nil && r.Context().Err() == nil && !errors.Is(err, errGone) {
		s.Logger.WarnContext(r.Context(), "event stream ended", "error", err, "import", imp.ID)
	}
	return nil // the client reconnects where it was
}

// errGone says that the client does not read any more.
var errGone = errors.New("client is gone")

// liveStream is one client's view of one import.
type liveStream struct {
	s    *Server
	w    http.ResponseWriter
	conn *http.ResponseController
	at   position
}

// run sends what the watcher finds, beginning with a version that is not older than the
// one that this client could have read elsewhere.
func (l *liveStream) run(ctx context.Context, w *watcher, least int64) error {
	if err := l.send([]byte("retry: 1000\n\n")); err != nil {
		return err
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for shown := false; ; {
		found, changed := w.look()
		switch {
		case found.gone:
			return nil
		case found.version >= least:
			if err := l.show(ctx, w, found); err != nil || found.ended {
				return err
			}
			shown, least = true, found.version+1
		case !shown && found.version > 0:
			w.await()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.s.closing:
			return nil
		case <-beat.C:
			if err := l.send([]byte(": alive\n\n")); err != nil {
				return err
			}
		case <-changed:
		}
	}
}

// show sends what is new: first milestones, then the import.
func (l *liveStream) show(ctx context.Context, w *watcher, found sight) error {
	var out bytes.Buffer
	for l.at.seq < found.dropped { // the watcher has them no more
		events, err := w.events(ctx, l.at.seq)
		if err != nil || len(events) == 0 {
			return err
		}
		for _, e := range events {
			data, err := json.Marshal(e)
			if err != nil {
				return err
			}
			l.at.seq = e.Seq
			writeEvent(&out, "milestone", l.at, data)
		}
		if err := l.send(out.Bytes()); err != nil {
			return err
		}
		out.Reset()
	}
	for _, m := range found.milestones {
		if m.seq > l.at.seq {
			l.at.seq = m.seq
			writeEvent(&out, "milestone", l.at, m.data)
		}
	}
	l.at.version = found.version
	writeEvent(&out, "import", l.at, found.data)
	return l.send(out.Bytes())
}

func (l *liveStream) send(b []byte) error {
	if _, err := l.w.Write(b); err != nil {
		return errGone
	}
	if err := l.conn.Flush(); err != nil {
		return errGone
	}
	return nil
}

func writeEvent(out *bytes.Buffer, name string, at position, data []byte) {
	fmt.Fprintf(out, "id: %s\nevent: %s\ndata: %s\n\n", at, name, data)
}
