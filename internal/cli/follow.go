package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"bulkhead/internal/bulk"
)

// get reads an import.
func (c *client) get(ctx context.Context, id bulk.ImportID) (imp bulk.Import, err error) {
	err = c.call(ctx, request{method: http.MethodGet, path: "/v1/imports/" + url.PathEscape(string(id))}, &imp)
	return imp, err
}

// follow calls seen with every newer state of an import until it is settled, and
// returns the last one. It listens to Server-Sent Events, whose imports lack layout and
// mapping, and reconnects; because it also asks once after every stream that ended, it
// works where streams do not, or are refused.
func (c *client) follow(ctx context.Context, id bulk.ImportID, seen func(bulk.Import)) (bulk.Import, error) {
	f := follower{client: c, id: id, seen: seen}
	for tries := c.retry.start(); ; {
		f.stream(ctx) // why it ended does not matter: what follows asks again
		imp, err := c.get(ctx, id)
		if f.last.State.Settled() {
			if err == nil && imp.State.Settled() {
				f.note(imp) // whole
			}
			return f.last, nil
		}
		if err == nil {
			tries.progress()
			f.note(imp)
			if imp.State.Settled() {
				return imp, nil
			}
			err = errStreamEnded
		}
		if err := tries.wait(ctx, err); err != nil {
			return f.last, err
		}
	}
}

// errStreamEnded is a reason to wait a little before listening again.
var errStreamEnded = unavailable(errors.New("the event stream ended"))

type follower struct {
	*client
	id   bulk.ImportID
	last bulk.Import
	seen func(bulk.Import)
}

// note passes on what is newer than the last.
func (f *follower) note(imp bulk.Import) {
	if imp.Version >= f.last.Version || imp.State.Terminal() {
		f.last = imp
		f.seen(imp)
	}
}

// stream listens until the import is settled or the stream ends. A stream without
// even a heartbeat for the stall time is taken for dead.
func (f *follower) stream(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watchdog := time.AfterFunc(f.stall, cancel)
	defer watchdog.Stop()
	req, err := f.newRequest(ctx, http.MethodGet, "/v1/imports/"+url.PathEscape(string(f.id))+"/events", nil)
	if err != nil {
		return
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := f.do(req)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	var event string
	for !f.last.State.Settled() && lines.Scan() {
		watchdog.Reset(f.stall)
		name, value, _ := bytes.Cut(lines.Bytes(), []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "event":
			event = string(value)
		case "data":
			var imp bulk.Import
			if event == "import" && json.Unmarshal(value, &imp) == nil {
				f.note(imp)
			}
		case "":
			event = ""
		}
	}
}
