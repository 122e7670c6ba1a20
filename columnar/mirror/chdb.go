package mirror

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// chdbEngine is the ClickHouse engine as a library, loaded by a child process because it
// takes over signals and a crash of it must not be ours. Requests and answers go over
// the child's stdin and stdout as frames:
//
//	request  length uint32, SQL                          (little endian)
//	answer   0 or 1 (an error) uint8, length uint32, JSON rows or the error's text
//	beat     2 uint8: the request is being worked on, once a second
//
// One request runs at a time. The child starts with the first request, ends when its
// stdin is closed, as it is when this process dies, and is started again after it died.
// One that is silent for [silence], or works longer than [longestCall], is killed.
type chdbEngine struct {
	command  []string
	database string
	silence  time.Duration

	mu     sync.Mutex
	child  *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
}

// ChDB returns the engine that the command serves, see [ServeChDB]. The command is
// started when it is needed.
func ChDB(command []string, database string) Engine {
	return &chdbEngine{command: command, database: database, silence: silence}
}

const (
	answerOK    = 0
	answerError = 1
	answerBeat  = 2
	beatEvery   = time.Second
	maxAnswer   = 1 << 30  // bytes
	insertBytes = 16 << 20 // of one INSERT: the library reads a request from memory
)

func (c *chdbEngine) Prepare(ctx context.Context) error {
	for _, sql := range c.setUp() {
		if err := c.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

func (c *chdbEngine) setUp() []string {
	return []string{
		"CREATE DATABASE IF NOT EXISTS " + ident(c.database), "USE " + ident(c.database),
		"SET precise_float_parsing = 1", // the default may be off in the last digit
	}
}

func (c *chdbEngine) Exec(ctx context.Context, sql string) error {
	_, err := c.ask(ctx, []byte(sql))
	return err
}

func (c *chdbEngine) Query(ctx context.Context, sql string, each func(row []any) error) error {
	answer, err := c.ask(ctx, []byte(sql))
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(answer))
	d.UseNumber()
	for {
		var row []any
		switch err := d.Decode(&row); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read result of chdb: %w", err)
		}
		if err := each(row); err != nil {
			return err
		}
	}
}

func (c *chdbEngine) Fold(ctx context.Context, table string) error {
	return c.Exec(ctx, "OPTIMIZE TABLE "+ident(table)+" FINAL")
}

// Insert sends rows as JSON arrays, which the engine refuses whole if one is cut. The
// library looks for the end of data that stands behind a statement, which binary
// formats do not survive.
func (c *chdbEngine) Insert(ctx context.Context, table string, columns []Column, fill func(Writer) error) error {
	w := &jsonRows{engine: c, ctx: ctx, head: insertInto(table, columns) + " FORMAT JSONCompactEachRow\n"}
	if err := fill(w); err != nil {
		return err
	}
	return w.send()
}

// jsonRows collects rows until they are worth a request.
type jsonRows struct {
	engine *chdbEngine
	ctx    context.Context //nolint:containedctx // lives as long as the insert
	head   string
	body   []byte
}

func (w *jsonRows) Row(values []any) (err error) {
	if len(w.body) == 0 {
		w.body = append(w.body, w.head...)
	}
	for i, v := range values {
		separator := byte(',')
		if i == 0 {
			separator = '['
		}
		w.body = append(w.body, separator)
		if w.body, err = appendJSON(w.body, v); err != nil {
			return err
		}
	}
	w.body = append(w.body, "]\n"...)
	return nil
}

func (w *jsonRows) Flush() error {
	if len(w.body) < insertBytes {
		return nil
	}
	return w.send()
}

func (w *jsonRows) send() error {
	if len(w.body) == 0 {
		return nil
	}
	_, err := w.engine.ask(w.ctx, w.body)
	w.body = w.body[:0]
	return err
}

// Alive asks a child that has nothing to do. One that works says so by itself, or is killed.
func (c *chdbEngine) Alive(ctx context.Context) error {
	if !c.mu.TryLock() {
		return nil
	}
	defer c.mu.Unlock()
	_, err := c.askLocked(ctx, []byte("SELECT 1"))
	return err
}

// Close lets the child end, and kills it if it does not.
func (c *chdbEngine) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.child == nil {
		return nil
	}
	defer time.AfterFunc(closeWithin, func() { c.child.Process.Kill() }).Stop() //nolint:errcheck // it may have ended
	err := errors.Join(c.stdin.Close(), c.child.Wait())
	c.child = nil
	return err
}

// ask sends a request to the child, starting it first if there is none.
func (c *chdbEngine) ask(ctx context.Context, request []byte) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.askLocked(ctx, request)
}

func (c *chdbEngine) askLocked(ctx context.Context, request []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if c.child == nil {
		if err := c.start(ctx); err != nil {
			return nil, err
		}
	}
	return c.exchange(ctx, request)
}

// start runs the child and opens the database in it.
func (c *chdbEngine) start(ctx context.Context) error {
	child := exec.Command(c.command[0], c.command[1:]...) //nolint:noctx // it outlives the request that starts it
	child.Args[0] = "bulkhead"                            // whatever the file is called
	child.Stderr = os.Stderr
	stdin, err1 := child.StdinPipe()
	stdout, err2 := child.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("start chdb: %w", err)
	}
	if err := child.Start(); err != nil {
		return fmt.Errorf("start chdb: %w", err)
	}
	dog := &watchdog{limit: c.silence, expired: func() { child.Process.Kill() }} //nolint:errcheck // it may have ended
	c.child, c.stdin, c.stdout = child, watchedWriter{stdin, dog}, bufio.NewReader(watchedReader{stdout, dog})
	for _, sql := range c.setUp() {
		if _, err := c.exchange(ctx, []byte(sql)); err != nil {
			c.kill()
			return fmt.Errorf("open chdb: %w", err)
		}
	}
	return nil
}

// exchange is one request and its answer. A child that breaks the exchange, is silent
// for too long, or is still at it when ctx ends, is killed.
func (c *chdbEngine) exchange(ctx context.Context, request []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, longestCall)
	defer cancel()
	process := c.child.Process
	defer context.AfterFunc(ctx, func() { process.Kill() })() //nolint:errcheck // it may have ended
	status, answer, err := c.roundTrip(request)
	if err != nil {
		c.kill()
		return nil, errors.Join(ctx.Err(), fmt.Errorf("chdb ended: %w", err))
	}
	if status != answerOK {
		return nil, fmt.Errorf("chdb: %s", answer)
	}
	return answer, nil
}

func (c *chdbEngine) roundTrip(request []byte) (status byte, answer []byte, err error) {
	if err := writeFrame(c.stdin, request); err != nil {
		return 0, nil, err
	}
	for status = answerBeat; status == answerBeat; {
		if status, err = c.stdout.ReadByte(); err != nil {
			return 0, nil, err
		}
	}
	answer, err = readFrame(c.stdout)
	return status, answer, err
}

// kill ends the child; the next request starts another.
func (c *chdbEngine) kill() {
	if c.child == nil {
		return
	}
	c.child.Process.Kill() //nolint:errcheck // it may have ended
	c.stdin.Close()        //nolint:errcheck // nobody reads it any more
	c.child.Wait()         //nolint:errcheck // the signal that ended it is no news
	c.child = nil
}

func writeFrame(w io.Writer, body []byte) error {
	var head [4]byte
	binary.LittleEndian.PutUint32(head[:], uint32(len(body)))
	if _, err := w.Write(head[:]); err != nil {
		return err
	}
	_, err := w.Write(body)
	return err
}

func readFrame(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n > maxAnswer {
		return nil, fmt.Errorf("frame of %d bytes", n)
	}
	body := make([]byte, n)
	_, err := io.ReadFull(r, body)
	return body, err
}
