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

// How often a live stream looks at the ledger: at once while something changes, less
// often while nothing does; and how often it proves that it lives.
const (
	pollFast  = 300 * time.Millisecond
	pollSlow  = 2 * time.Second
	heartbeat = 15 * time.Second
	eventPage = 500 // milestones read at once
)

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

// events streams an import as it changes, as Server-Sent Events: "milestone" for every
// bulk.Event that the client has not seen, oldest first, then "import" with the newest
// state. It ends after a terminal state; a client that reconnects then and has seen it
// all gets 204, at which browsers stop reconnecting.
func (s *Server) events(w http.ResponseWriter, r *http.Request) error {
	imp, err := s.importOf(r)
	if err != nil {
		return err
	}
	live := &liveStream{s: s, w: w, conn: http.NewResponseController(w), at: parsePosition(r.Header.Get("Last-Event-ID"))}
	if imp.State.Terminal() && live.at.version == imp.Version {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	if err := live.run(r.Context(), imp); err != nil && r.Context().Err() == nil && !errors.Is(err, errGone) {
		s.Logger.WarnContext(r.Context(), "event stream ended", "error", err, "request_id", infoOf(r).id, "import", imp.ID)
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

func (l *liveStream) run(ctx context.Context, imp bulk.Import) error {
	if err := l.send([]byte("retry: 1000\n\n")); err != nil {
		return err
	}
	beat, poll := time.NewTicker(heartbeat), time.NewTimer(0)
	defer beat.Stop()
	defer poll.Stop()
	wait, first := pollFast, true
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.s.closing:
			return nil
		case <-beat.C:
			if err := l.send([]byte(": alive\n\n")); err != nil {
				return err
			}
			continue
		case <-poll.C:
		}
		if !first {
			var err error
			if imp, err = l.s.Imports.Import(ctx, imp.AccountID, imp.ID); err != nil {
				return err
			}
		}
		wait = min(wait*3/2, pollSlow)
		if first || imp.Version != l.at.version {
			if err := l.show(ctx, imp); err != nil {
				return err
			}
			wait, first = pollFast, false
		}
		if imp.State.Terminal() {
			return nil
		}
		poll.Reset(wait)
	}
}

// show sends what is new. The milestones are read after the import and sent before it,
// so that a client that stops at a terminal state has seen them all.
func (l *liveStream) show(ctx context.Context, imp bulk.Import) error {
	var out bytes.Buffer
	for {
		events, err := l.s.Imports.ImportEvents(ctx, imp.AccountID, imp.ID, l.at.seq, eventPage)
		if err != nil {
			return err
		}
		for _, e := range events {
			l.at.seq = e.Seq
			if err := writeEvent(&out, "milestone", l.at, e); err != nil {
				return err
			}
		}
		if len(events) < eventPage {
			break
		}
	}
	l.at.version = imp.Version
	if err := writeEvent(&out, "import", l.at, imp); err != nil {
		return err
	}
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

func writeEvent(out *bytes.Buffer, name string, at position, v any) error {
	data, err := json.Marshal(v) // one line: JSON escapes line endings
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "id: %s\nevent: %s\ndata: %s\n\n", at, name, data)
	return nil
}
