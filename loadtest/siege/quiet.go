package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"bulkhead/internal/wait"
)

// quiet is what costs although nothing happens.
type quiet struct {
	IdleCPUs   float64 `json:"idle_cpus"`   // of a process with nothing to do
	StreamCPUs float64 `json:"stream_cpus"` // with the streams while their import rests

	BusyStreamCPUs  float64 `json:"busy_stream_cpus"`             // while it changes three times a second
	BusyStreamBytes int64   `json:"busy_stream_bytes_per_second"` // that the streams then take in sum

	Streams       *lines  `json:"streams"`         // how they were answered
	PausedCPUs    float64 `json:"paused_cpus"`     // with the paused imports
	ListBytes     int     `json:"list_bytes"`      // GET /v1/imports?limit=200 of the wide imports
	EventBytes    int     `json:"event_bytes"`     // a whole stream of one of them
	PauseAskedFor string  `json:"pause_asked_for"` // how long pausing took
}

const columns = 1001

// measureQuiet fills the store with wide and paused imports, and looks at the process in between.
func measureQuiet(ctx context.Context, s *server, p plan) (q quiet, err error) {
	for _, spec := range []map[string]any{
		{"name": "notes", "key": []string{"id"}, "columns": []map[string]any{{"name": "id", "type": "text"}, {"name": "note", "type": "text"}}},
		wideSpec(),
	} {
		if _, err := s.call(ctx, "PUT /v1/datasets/"+spec["name"].(string), spec, nil); err != nil {
			return q, err
		}
	}
	q.IdleCPUs = s.cpus(ctx, p.Quiet)
	if err := q.measureLists(ctx, s, p); err != nil {
		return q, err
	}
	if err := q.measureStreams(ctx, s, p); err != nil {
		return q, err
	}
	return q, q.measurePaused(ctx, s, p)
}

func wideSpec() map[string]any {
	spec := map[string]any{"name": "wide", "key": []string{"column_number_0"}}
	var all []map[string]any
	for i := range columns {
		all = append(all, map[string]any{"name": fmt.Sprintf("column_number_%d", i), "type": "integer"})
	}
	spec["columns"] = all
	return spec
}

// wideFile is a header and a row.
func wideFile() []byte {
	header, row := make([]string, columns), make([]string, columns)
	for i := range columns {
		header[i], row[i] = fmt.Sprintf("column_number_%d", i), "1"
	}
	return []byte(strings.Join(header, ",") + "\n" + strings.Join(row, ",") + "\n")
}

func (q *quiet) measureLists(ctx context.Context, s *server, p plan) error {
	c, err := s.account(ctx, "wide")
	if err != nil {
		return err
	}
	var imp imported
	for range p.WideImports {
		if imp, err = c.send(ctx, "dataset=wide&mode=upsert", wideFile()); err != nil {
			return err
		}
	}
	if _, err := c.finished(ctx, imp); err != nil {
		return err
	}
	var list, events []byte
	if _, err := c.call(ctx, "GET /v1/imports?limit=200", nil, &list); err != nil {
		return err
	}
	_, err = c.call(ctx, "GET /v1/imports/"+imp.ID+"/events", nil, &events)
	q.ListBytes, q.EventBytes = len(list), len(events)
	return err
}

// measureStreams follows one wide import, first while nothing happens to it, then while
// it is paused and resumed three times a second.
func (q *quiet) measureStreams(ctx context.Context, s *server, p plan) error {
	c, err := s.held(ctx, "streams")
	if err != nil {
		return err
	}
	imp, err := c.send(ctx, "dataset=wide&mode=upsert", wideFile())
	if err != nil {
		return err
	}
	q.Streams = newLines()
	defer q.Streams.close()
	for range p.IdleStreams {
		conn, err := q.Streams.ask(ctx, c, "GET /v1/imports/"+imp.ID+"/events\r\nAccept: text/event-stream")
		if err != nil {
			return err
		}
		go q.Streams.answered(conn, true)
	}
	for range 300 { // until all are answered, or a minute has passed
		if _ = wait.For(ctx, 200*time.Millisecond); q.Streams.count() == p.IdleStreams {
			break
		}
	}
	_ = wait.For(ctx, 5*time.Second) // until polling has slowed down
	q.StreamCPUs = s.cpus(ctx, p.Quiet)
	steered, stop := context.WithCancel(ctx)
	var steering sync.WaitGroup
	steering.Go(func() {
		for i := 0; steered.Err() == nil; i++ {
			_, _ = c.call(steered, "POST /v1/imports/"+imp.ID+"/"+[]string{"pause", "resume"}[i%2], nil, nil)
			_ = wait.For(steered, 333*time.Millisecond)
		}
	})
	before := q.Streams.bytes.Load()
	q.BusyStreamCPUs = s.cpus(ctx, p.Quiet)
	q.BusyStreamBytes = int64(float64(q.Streams.bytes.Load()-before) / p.Quiet.Seconds())
	stop()
	steering.Wait()
	_, err = c.call(ctx, "POST /v1/imports/"+imp.ID+"/cancel", nil, nil)
	return err
}

// held makes an account that has no batch in flight: what it imports is staged and waits.
func (s *server) held(ctx context.Context, name string) (c client, err error) {
	if c, err = s.account(ctx, name); err != nil {
		return c, err
	}
	_, err = s.call(ctx, "PATCH /v1/accounts/"+c.account, map[string]any{"cap": 0}, nil)
	return c, err
}

// measurePaused stages imports of an account that may have no batch in flight, pauses
// them, and ends them afterwards.
func (q *quiet) measurePaused(ctx context.Context, s *server, p plan) error {
	c, err := s.held(ctx, "paused")
	if err != nil {
		return err
	}
	ids := make([]string, p.Paused)
	began := time.Now()
	if err := each(ctx, p.Paused, func(ctx context.Context, i int) error {
		imp, err := c.send(ctx, "dataset=notes&mode=upsert", []byte("id,note\n1,a\n"))
		if err == nil {
			_, err = c.call(ctx, "POST /v1/imports/"+imp.ID+"/pause", nil, nil)
		}
		ids[i] = imp.ID
		return err
	}); err != nil {
		return err
	}
	q.PauseAskedFor = time.Since(began).Round(time.Second).String()
	_ = wait.For(ctx, p.Settle)
	q.PausedCPUs = s.cpus(ctx, 3*p.Quiet)
	return each(ctx, p.Paused, func(ctx context.Context, i int) error {
		_, err := c.call(ctx, "POST /v1/imports/"+ids[i]+"/cancel", nil, nil)
		return err
	})
}

// each does something n times, a few at once.
func each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i := range n {
		g.Go(func() error { return do(ctx, i) })
	}
	return g.Wait()
}

// notes is a file of so many rows with notes of so many bytes.
func notes(rows, size int) []byte {
	var b bytes.Buffer
	b.WriteString("id,note\n")
	note := strings.Repeat("0123456789abcdef", size/16)
	for i := range rows {
		fmt.Fprintf(&b, "%d,%s\n", i, note)
	}
	return b.Bytes()
}
