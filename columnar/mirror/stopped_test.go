package mirror

import (
	"context"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// wantNoticed wants a call that fails within the ten seconds in which a stopped engine
// has to be seen.
func wantNoticed(t *testing.T, what string, call func() error) {
	t.Helper()
	begun := time.Now()
	err := call()
	if took := time.Since(begun); err == nil || took > 10*time.Second {
		t.Errorf("%s: %v after %v, want an error within 10 s", what, err, took)
	} else {
		t.Logf("%s: noticed after %v", what, took.Round(time.Millisecond))
	}
}

func TestStoppedChDBIsKilledAndStartedAgain(t *testing.T) {
	e := newChDB(t)
	if err := e.Alive(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := e.child.Process
	for _, call := range []struct {
		name string
		run  func() error
	}{
		{"a look", func() error { return e.Alive(t.Context()) }},
		{"a statement", func() error { return e.Exec(t.Context(), "SELECT 2") }},
		{"a request that fills the pipe", func() error { return e.Exec(t.Context(), "SELECT '"+strings.Repeat("x", 8<<20)+"'") }},
	} {
		stopped := e.child.Process
		if err := stopped.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		wantNoticed(t, call.name, call.run)
		if err := e.Alive(t.Context()); err != nil || e.child.Process.Pid == stopped.Pid {
			t.Errorf("after %s: %v, process %d, which was %d", call.name, err, e.child.Process.Pid, stopped.Pid)
		}
	}
	if e.child.Process.Pid == first.Pid {
		t.Error("the same process as before")
	}
}

// A child that works for longer than silence is borne beats, and lives.
func TestWorkingChDBIsLeftAlone(t *testing.T) {
	e := newChDB(t)
	e.silence = 3 * time.Second
	if err := e.Alive(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := e.child.Process.Pid
	if err := e.Exec(t.Context(), "SELECT sleepEachRow(1) FROM numbers(5) SETTINGS max_block_size = 1"); err != nil {
		t.Error(err)
	}
	if e.child.Process.Pid != first {
		t.Error("it was started again")
	}
}

// swallower passes bytes on between clients and a server until it is told to keep them.
type swallower struct {
	net.Listener
	server  string
	swallow atomic.Bool
}

func newSwallower(t *testing.T, server string) *swallower {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &swallower{Listener: l, server: server}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
	return s
}

func (s *swallower) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", s.server)
	if err != nil {
		return
	}
	defer server.Close()
	go s.pass(client, server)
	s.pass(server, client)
}

func (s *swallower) pass(to io.Writer, from io.Reader) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if s.swallow.Load() {
			continue
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

func TestSilentServerIsNoticed(t *testing.T) {
	address := service(t, "BULKHEAD_TEST_CLICKHOUSE")
	o, err := clickhouse.ParseDSN(address)
	if err != nil {
		t.Fatal(err)
	}
	s := newSwallower(t, o.Addr[0])
	through := func() *serverEngine {
		e, err := Server("clickhouse://"+s.Addr().String()+"/default", "default")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { e.Close() })
		if err := e.Alive(t.Context()); err != nil {
			t.Fatal(err)
		}
		return e.(*serverEngine)
	}
	fill := func(w Writer) error {
		for range 100 {
			if err := w.Row([]any{int64(1)}); err != nil {
				return err
			}
		}
		return nil
	}
	calls := map[string]func(e *serverEngine) error{
		"a look":       func(e *serverEngine) error { return e.Alive(t.Context()) },
		"preparing":    func(e *serverEngine) error { return e.Prepare(t.Context()) },
		"a statement":  func(e *serverEngine) error { return e.Exec(t.Context(), "SELECT 1") },
		"a query":      func(e *serverEngine) error { return e.Query(t.Context(), "SELECT 1", func([]any) error { return nil }) },
		"an insertion": func(e *serverEngine) error { return e.Insert(t.Context(), "none", []Column{{"n", "Int64"}}, fill) },
	}
	engines := map[string]*serverEngine{}
	for name := range calls {
		engines[name] = through()
	}
	s.swallow.Store(true)
	t.Run("calls", func(t *testing.T) {
		for name, call := range calls {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				wantNoticed(t, name, func() error { return call(engines[name]) })
			})
		}
	})
	s.swallow.Store(false)
	for name, e := range engines {
		if err := e.Alive(t.Context()); err != nil {
			t.Errorf("after %s the server is not reached again: %v", name, err)
		}
	}
}

// A server that needed longer than it was given is given more, up to a bound.
func TestSlowServerIsGivenMoreTime(t *testing.T) {
	s := &serverEngine{}
	s.silence.Store(int64(silence))
	for range 10 {
		s.judge(os.ErrDeadlineExceeded)
	}
	if got := time.Duration(s.silence.Load()); got != longestSilence {
		t.Errorf("after ten that ran out: %v, want %v", got, longestSilence)
	}
	s.judge(nil)
	if got := time.Duration(s.silence.Load()); got != silence {
		t.Errorf("after one that ended: %v, want %v", got, silence)
	}
}

// hungEngine answers until it hangs; then calls end with their context.
type hungEngine struct {
	Engine
	hung atomic.Bool
}

func (e *hungEngine) Alive(ctx context.Context) error {
	if e.hung.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func (e *hungEngine) Prepare(ctx context.Context) error { return e.Alive(ctx) }

func TestEngineThatHangsIsSeenWithinTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &hungEngine{}
		m, err := New(Config{Engine: e, Ledger: &asked{}, Applied: &world{}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- m.Run(ctx) }()
		for _, want := range []bool{true, false, true} {
			e.hung.Store(!want)
			<-time.After(upFor + time.Millisecond)
			synctest.Wait()
			if m.EngineUp() != want {
				t.Errorf("10 s after it hung %v: up %v", !want, m.EngineUp())
			}
		}
		stop()
		<-ended
	})
}
