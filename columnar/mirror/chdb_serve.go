//go:build linux && (amd64 || arm64)

package mirror

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"
)

// lowPriority is a nice value.
const lowPriority = 10

// ServeChDB loads the library and answers requests from in to out until in ends. It is
// the whole work of the child process of [ChDB]: nothing else may run beside it.
func ServeChDB(library, dataDir string, in io.Reader, out io.Writer) error {
	runtime.LockOSThread() // the library keeps state by thread
	// Imports come before their copies. The library's threads take after this one; where
	// the system does not allow it, they compete as equals.
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, lowPriority)
	answers := &answerer{w: bufio.NewWriter(out), working: true} // the first request comes with the start
	go answers.beat()
	lib, err := loadChDB(library)
	if err != nil {
		return err
	}
	conn, err := lib.open(dataDir)
	if err != nil {
		return err
	}
	defer lib.disconnect(conn)
	requests := bufio.NewReader(in)
	for {
		request, err := readFrame(requests)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read request: %w", err)
		}
		answers.begin()
		if err := answers.end(lib.run(*conn, request)); err != nil {
			return fmt.Errorf("write answer: %w", err)
		}
	}
}

type result struct {
	rows []byte
	err  string
}

// answerer writes answers, and beats while one is being worked on.
type answerer struct {
	mu      sync.Mutex
	w       *bufio.Writer
	working bool
}

func (a *answerer) begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.working = true
}

func (a *answerer) end(r result) error {
	status, body := byte(answerOK), r.rows
	if r.err != "" {
		status, body = answerError, []byte(r.err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.working = false
	if err := a.w.WriteByte(status); err != nil {
		return err
	}
	if err := writeFrame(a.w, body); err != nil {
		return err
	}
	return a.w.Flush()
}

// beat goes on for as long as the process. Whoever reads the beats has gone when they
// cannot be written, which the next answer finds as well.
func (a *answerer) beat() {
	for range time.Tick(beatEvery) {
		a.mu.Lock()
		if a.working {
			a.w.WriteByte(answerBeat) //nolint:errcheck // see above
			a.w.Flush()               //nolint:errcheck // see above
		}
		a.mu.Unlock()
	}
}

// chdbLibrary are the functions of libchdb that are used, see its chdb.h.
type chdbLibrary struct {
	connect    func(argc int32, argv unsafe.Pointer) *uintptr
	disconnect func(conn *uintptr)
	query      func(conn uintptr, sql *byte, size uintptr, format *byte, formatSize uintptr) uintptr
	buffer     func(result uintptr) *byte
	length     func(result uintptr) uintptr
	failure    func(result uintptr) string
	destroy    func(result uintptr)
}

func loadChDB(path string) (*chdbLibrary, error) {
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", path, err)
	}
	l := &chdbLibrary{}
	for name, fn := range map[string]any{
		"chdb_connect": &l.connect, "chdb_close_conn": &l.disconnect, "chdb_query_n": &l.query, "chdb_result_buffer": &l.buffer,
		"chdb_result_length": &l.length, "chdb_result_error": &l.failure, "chdb_destroy_query_result": &l.destroy,
	} {
		symbol, err := purego.Dlsym(handle, name)
		if err != nil {
			return nil, fmt.Errorf("load %s: %w", path, err)
		}
		purego.RegisterFunc(fn, symbol)
	}
	return l, nil
}

func (l *chdbLibrary) open(dataDir string) (*uintptr, error) {
	var argv []*byte
	for _, arg := range []string{"clickhouse", "--path=" + dataDir} {
		argv = append(argv, &append([]byte(arg), 0)[0])
	}
	conn := l.connect(int32(len(argv)), unsafe.Pointer(&argv[0]))
	if conn == nil {
		return nil, fmt.Errorf("chdb does not open %s", dataDir)
	}
	return conn, nil
}

// run executes one statement.
func (l *chdbLibrary) run(conn uintptr, sql []byte) result {
	if len(sql) == 0 {
		return result{err: "empty statement"}
	}
	format := []byte("JSONCompactEachRow")
	r := l.query(conn, &sql[0], uintptr(len(sql)), &format[0], uintptr(len(format)))
	if r == 0 {
		return result{err: "no result"}
	}
	defer l.destroy(r)
	if message := l.failure(r); message != "" {
		return result{err: message}
	}
	n := l.length(r)
	if n == 0 {
		return result{}
	}
	rows := make([]byte, n)
	copy(rows, unsafe.Slice(l.buffer(r), n))
	return result{rows: rows}
}
