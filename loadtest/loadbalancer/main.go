// Loadbalancer is the load balancer that a rolling restart needs, as small as one can be:
// it asks every console twice a second whether it is ready, and gives each request to
// the next one that is. A console that is about to stop says so at /readyz while it
// still serves, so no request meets one that is gone. Nothing is sent twice; what a
// console answers, or that it cannot be reached (502), is what the client sees.
//
//	go run ./loadtest/loadbalancer URL…
//
// It prints its own address, a free port on loopback, as the first line, and ends at
// SIGTERM.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"bulkhead/internal/wait"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "loadbalancer:", err)
		stop()
		os.Exit(1)
	}
}

func serve(ctx context.Context, urls []string) error {
	d := &door{}
	for _, u := range urls {
		at, err := url.Parse(u)
		if err != nil {
			return err
		}
		d.backends = append(d.backends, &backend{url: at, proxy: newProxy(at)})
	}
	if len(d.backends) == 0 {
		return errors.New("usage: loadbalancer URL…")
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	for _, b := range d.backends {
		b.probe(ctx)
		go b.watch(ctx)
	}
	fmt.Fprintf(os.Stdout, "http://%s\n", listener.Addr())
	server := &http.Server{Handler: d, ReadHeaderTimeout: time.Minute}
	context.AfterFunc(ctx, func() { server.Close() })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// door spreads requests over the backends that are ready.
type door struct {
	backends []*backend
	turn     atomic.Uint64
}

// ServeHTTP implements http.Handler.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	turn := d.turn.Add(1)
	for i := range d.backends {
		b := d.backends[(turn+uint64(i))%uint64(len(d.backends))]
		if b.ready.Load() {
			b.proxy.ServeHTTP(w, r)
			return
		}
	}
	http.Error(w, "no console is ready", http.StatusServiceUnavailable)
}

// backend is a console.
type backend struct {
	url   *url.URL
	proxy http.Handler
	ready atomic.Bool
}

func newProxy(at *url.URL) http.Handler {
	return &httputil.ReverseProxy{
		FlushInterval: -1,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Second}, // idle connections are gone before a console that stops is
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(at); r.Out.Host = r.In.Host; r.SetXForwarded() },
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			fmt.Fprintf(os.Stderr, "loadbalancer: %s %s at %s: %v\n", r.Method, r.URL.Path, at.Host, err)
			w.WriteHeader(http.StatusBadGateway)
		},
	}
}

// probeEvery is how old a console's readiness may be.
const probeEvery = 500 * time.Millisecond

func (b *backend) watch(ctx context.Context) {
	_ = wait.Every(ctx, probeEvery, b.probe)
}

func (b *backend) probe(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url.JoinPath("/readyz").String(), nil)
	if err != nil {
		return
	}
	res, err := http.DefaultClient.Do(req)
	switch {
	case errors.Is(err, context.DeadlineExceeded): // slow is not gone
	case err != nil:
		b.ready.Store(false)
	default:
		res.Body.Close()
		b.ready.Store(res.StatusCode == http.StatusOK)
	}
}
