package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/mattn/go-isatty"

	"bulkhead/internal/bulk"
)

// progress draws one line about a running import on a terminal, several times a
// second, and is silent elsewhere. Its methods may be called from any goroutine.
type progress struct {
	out  io.Writer
	name string
	stop chan struct{}
	done sync.WaitGroup

	mu     sync.Mutex
	size   int64 // of the file; -1: not known
	sent   int64
	first  int64 // sent when the upload began or was taken up
	begun  time.Time
	latest bulk.Import
	marks  []mark // of the last paceWindow, oldest first
}

// mark is how many rows were settled at a time.
type mark struct {
	at   time.Time
	rows int64
}

const (
	redrawEvery = 200 * time.Millisecond
	paceWindow  = 15 * time.Second // what the shown rate looks back
)

// newProgress begins to draw if out is a terminal; the caller closes it.
func newProgress(out io.Writer, name string, size int64) *progress {
	p := &progress{out: out, name: name, size: size, first: -1, begun: time.Now(), stop: make(chan struct{})}
	if f, ok := out.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		p.done.Go(p.draw)
	}
	return p
}

// sentBytes notes how much of the file is on its way.
func (p *progress) sentBytes(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.first < 0 {
		p.first = n
	}
	p.sent = n
}

// saw notes the newest state of the import.
func (p *progress) saw(imp bulk.Import) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latest = imp
	p.marks = append(p.marks, mark{time.Now(), imp.Rows.Settled()})
}

// close wipes the line.
func (p *progress) close() {
	close(p.stop)
	p.done.Wait()
}

func (p *progress) draw() {
	tick := time.NewTicker(redrawEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			fmt.Fprintf(p.out, "\r\x1b[K%s", p.line(time.Now()))
		case <-p.stop:
			fmt.Fprint(p.out, "\r\x1b[K")
			return
		}
	}
}

// line says what was sent, read and settled, each by its own measure.
func (p *progress) line(now time.Time) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	total, sent, rows := p.size, max(p.sent, p.latest.Bytes.Received), p.latest.Rows
	if total < 0 {
		total = p.latest.Bytes.Total
	}
	parts := []string{p.name}
	if total > 0 {
		parts = append(parts, bar(p.ended(total), sent, total))
	}
	pace := p.pace(now)
	if rows.Read > 0 {
		parts = append(parts, landed(rows)+fmt.Sprintf(" of %s rows read", humanize.Comma(rows.Read)))
	}
	if pace >= 1 {
		parts = append(parts, humanize.Comma(int64(pace))+" rows/s")
	}
	switch {
	case total > 0 && sent < total:
		parts = append(parts, fmt.Sprintf("sent %s of %s", bytesText(sent), bytesText(total)))
	case total <= 0:
		parts = append(parts, "sent "+bytesText(sent))
	}
	if left, ok := p.left(now, sent, total, pace); ok {
		parts = append(parts, "about "+max(left.Round(time.Second), time.Second).String()+" left")
	}
	return strings.Join(parts, "  ")
}

// pace is the rows settled a second in the last paceWindow, 0 while nothing moved in it.
func (p *progress) pace(now time.Time) float64 {
	for len(p.marks) > 1 && now.Sub(p.marks[1].at) > paceWindow {
		p.marks = p.marks[1:]
	}
	if len(p.marks) == 0 || now.Sub(p.marks[len(p.marks)-1].at) > paceWindow {
		return 0
	}
	return bulk.PerSecond(p.latest.Rows.Settled()-p.marks[0].rows, now.Sub(p.marks[0].at))
}

// landed says how many rows are in the store, and what became of the others.
func landed(rows bulk.Counts) string {
	text := humanize.Comma(rows.Landed()) + " landed"
	if rejected := rows.Rejected + rows.OverQuota; rejected > 0 {
		text += ", " + humanize.Comma(rejected) + " rejected"
	}
	if rows.Superseded > 0 {
		text += ", " + humanize.Comma(rows.Superseded) + " superseded"
	}
	return text
}

// ended estimates how many bytes of the file the rows took that are done with: what is
// read of it is known, how many rows all of it has is not before the end.
func (p *progress) ended(total int64) int64 {
	rows := p.latest.Rows
	if rows.Read == 0 {
		return 0
	}
	return int64(float64(min(p.latest.Bytes.Received, total)) * float64(rows.Sum()) / float64(rows.Read))
}

// left estimates the time to the end: by bytes while the file is sent, by rows after.
func (p *progress) left(now time.Time, sent, total int64, pace float64) (time.Duration, bool) {
	remaining, elapsed := float64(total-sent), now.Sub(p.begun)
	if remaining <= 0 && p.latest.Sealed {
		remaining = float64(p.latest.Rows.Read - p.latest.Rows.Settled())
	} else {
		pace = bulk.PerSecond(sent-max(p.first, 0), elapsed) // in bytes
	}
	if elapsed < time.Second || pace <= 0 || remaining <= 0 {
		return 0, false
	}
	return time.Duration(remaining / pace * float64(time.Second)), true
}

func bytesText(n int64) string { return humanize.Bytes(uint64(max(n, 0))) }

// bar is 20 characters wide: # for what is done, = for what is under way.
func bar(done, begun, total int64) string {
	const width = 20
	part := func(n int64) int { return int(min(max(n, 0), total) * width / total) }
	return "[" + strings.Repeat("#", part(done)) + strings.Repeat("=", max(part(begun)-part(done), 0)) + strings.Repeat(".", width-max(part(begun), part(done))) + "]"
}
