package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"bulkhead/internal/wait"
)

// siege is how the process stood under all of it at once.
type siege struct {
	BeforeMiB    int64     `json:"before_mib"` // what the process held just before
	PeakMiB      int64     `json:"peak_mib"`   // at most meanwhile
	AfterMiB     int64     `json:"after_mib"`  // when it was over
	Readers      *lines    `json:"readers"`
	Uploads      *lines    `json:"uploads"`
	Streams      *lines    `json:"streams"`
	Bombs        []string  `json:"bombs"` // how each ended
	Alone        []float64 `json:"small_alone_seconds"`
	Small        []float64 `json:"small_seconds"` // of each small import meanwhile, from its first byte to its end
	SmallMedian  float64   `json:"small_median_seconds"`
	SmallSlowest float64   `json:"small_slowest_seconds"`
	CPUs         float64   `json:"cpus"` // of the process
}

// besiege lets everything begin, measures small imports for as long as the plan says,
// and lets go.
func besiege(ctx context.Context, s *server, p plan) (r siege, err error) {
	small, err := s.account(ctx, "small")
	if err != nil {
		return r, err
	}
	page := notes(p.PageMiB*8, 128<<10)
	var readers []client
	for i := range 2 {
		c, err := s.account(ctx, fmt.Sprintf("reader %d", i))
		if err != nil {
			return r, err
		}
		imp, err := c.send(ctx, "dataset=notes&mode=upsert", page)
		if err == nil {
			imp, err = c.finished(ctx, imp)
		}
		if err != nil || imp.Rows.Created != int64(p.PageMiB*8) {
			return r, fmt.Errorf("the page to read: %+v, %w", imp, err)
		}
		readers = append(readers, c)
	}
	for range 3 {
		took, err := smallImport(ctx, small)
		if err != nil {
			return r, err
		}
		r.Alone = append(r.Alone, took)
	}
	r.Readers, r.Uploads, r.Streams = newLines(), newLines(), newLines()
	r.BeforeMiB, _ = s.memory()
	ctx, lift := context.WithTimeout(ctx, 10*time.Minute)
	defer lift()
	var troops sync.WaitGroup
	defer func() {
		for _, l := range []*lines{r.Readers, r.Uploads, r.Streams} {
			l.close()
		}
		lift()
		troops.Wait()
		r.AfterMiB, _ = s.memory()
	}()
	if err := r.streams(ctx, s, p); err != nil {
		return r, err
	}
	if err := r.slowUploads(ctx, s, p, &troops); err != nil {
		return r, err
	}
	if err := r.bombs(ctx, s, p, &troops); err != nil {
		return r, err
	}
	for i := range p.Readers {
		conn, err := r.Readers.ask(ctx, readers[i%2], "GET /v1/datasets/notes/records?limit=10000")
		if err != nil {
			return r, err
		}
		go r.Readers.answered(conn, false)
	}
	began, cpu := time.Now(), s.cpu()
	for time.Since(began) < p.Siege {
		took, err := smallImport(ctx, small)
		if err != nil {
			return r, err
		}
		r.Small = append(r.Small, took)
		_ = wait.For(ctx, time.Second)
	}
	r.CPUs = float64(s.cpu()-cpu) / float64(time.Since(began))
	_, r.PeakMiB = s.memory()
	sorted := slices.Sorted(slices.Values(r.Small))
	r.SmallMedian, r.SmallSlowest = sorted[len(sorted)/2], sorted[len(sorted)-1]
	return r, nil
}

// smallImport times 100 rows, waiting for room included.
func smallImport(ctx context.Context, c client) (seconds float64, err error) {
	began := time.Now()
	imp, err := c.send(ctx, "dataset=notes&mode=upsert", notes(100, 32))
	if err == nil {
		imp, err = c.finished(ctx, imp)
	}
	if err == nil && (imp.State != "completed" || imp.Rows.Read != 100) {
		err = fmt.Errorf("a small import ended as %+v", imp)
	}
	return time.Since(began).Seconds(), err
}

// streams opens live streams, those of each account on one import of it.
func (r *siege) streams(ctx context.Context, s *server, p plan) error {
	for n := 0; n < p.Streams; n += p.streamsOfEach {
		c, err := s.account(ctx, fmt.Sprintf("streams %d", n))
		if err != nil {
			return err
		}
		var imp imported
		if _, err := c.call(ctx, "POST /v1/imports", map[string]any{"dataset": "notes", "mode": "upsert"}, &imp); err != nil {
			return err
		}
		for range p.streamsOfEach {
			conn, err := r.Streams.ask(ctx, c, "GET /v1/imports/"+imp.ID+"/events\r\nAccept: text/event-stream")
			if err != nil {
				return err
			}
			go r.Streams.answered(conn, true)
		}
	}
	return nil
}

// slowUploads begins uploads of 14 MiB, 20 an account, that bring a byte a second.
func (r *siege) slowUploads(ctx context.Context, s *server, p plan, troops *sync.WaitGroup) error {
	const each = 20
	for n := 0; n < p.SlowUploads; n += each {
		c, err := s.account(ctx, fmt.Sprintf("slow %d", n))
		if err != nil {
			return err
		}
		for range each {
			conn, err := r.Uploads.ask(ctx, c, "POST /v1/imports?dataset=notes&mode=upsert\r\nContent-Type: text/csv\r\nContent-Length: 14680064")
			if err != nil {
				return err
			}
			go r.Uploads.answered(conn, true)
			troops.Go(func() { trickle(ctx, conn) })
		}
	}
	return nil
}

func trickle(ctx context.Context, conn net.Conn) {
	text := []byte("id,note\n")
	for ctx.Err() == nil {
		if _, err := conn.Write(text); err != nil {
			return
		}
		text = []byte("x")
		_ = wait.For(ctx, time.Second)
	}
}

// bombs sends archives of 10 GiB and of 1 GiB in a few hundred kilobytes.
func (r *siege) bombs(ctx context.Context, s *server, p plan, troops *sync.WaitGroup) error {
	c, err := s.account(ctx, "bombs")
	if err != nil {
		return err
	}
	var mu sync.Mutex
	for kind, file := range map[string][]byte{"gzip": gzipBomb(1 << 30), "zstd": zstdBomb(10 << 30)} {
		for range p.Bombs {
			troops.Go(func() {
				imp, err := c.send(ctx, "dataset=notes&mode=upsert&filename=bomb."+kind, file)
				if err == nil {
					imp, err = c.finished(ctx, imp)
				}
				how := imp.State
				if err != nil {
					how = err.Error()
				}
				mu.Lock()
				r.Bombs = append(r.Bombs, kind+": "+how)
				mu.Unlock()
			})
		}
	}
	return nil
}

func gzipBomb(size int) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	zeros := bytes.Repeat([]byte("1,aaaaaaaaaaaaa\n"), 1<<16)
	_, _ = w.Write([]byte("id,note\n"))
	for sent := 0; sent < size; sent += len(zeros) {
		_, _ = w.Write(zeros)
	}
	_ = w.Close()
	return b.Bytes()
}

// zstdBomb is made of blocks that say one byte 128 KiB times (RFC 8878, 3.1.1.2).
func zstdBomb(size int) []byte {
	const block = 128 << 10
	b := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x68} // magic; no content size, a window of 8 MiB
	b = append(b, 8<<3, 0, 0)
	b = append(b, "id,note\n"...) // a raw block of 8 bytes
	for sent := 0; sent < size; sent += block {
		header := block<<3 | 1<<1 // repeats a byte
		if sent+block >= size {
			header |= 1 // the last
		}
		b = append(b, byte(header), byte(header>>8), byte(header>>16), 'a')
	}
	return b
}
