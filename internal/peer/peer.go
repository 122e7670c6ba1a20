// Package peer is how processes of one cluster find and trust each other.
//
// A process announces itself in the store every second with the address under which
// others reach it; a [Directory] knows who is alive. Calls between processes carry
// the cluster secret, which everyone in the cluster has and nobody else; [Guard]
// lets only such calls through, and takes over for which request they are made. Traffic is plain HTTP: put TLS in front of it where
// the network is not trusted.
package peer

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/requestid"
	"bulkhead/internal/wait"
)

// announceEvery is how often a process says that it is alive.
const announceEvery = time.Second

// Guard answers 401 to calls that do not carry the secret.
func Guard(secret string, h http.Handler) http.Handler {
	h = requestid.Accept(h)
	want := sha256.Sum256([]byte(secret))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		got := sha256.Sum256([]byte(given))
		if !ok || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			http.Error(w, "the cluster secret is missing or wrong", http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// Authorize adds the secret to a call, and the id of the request for which it is made.
func Authorize(r *http.Request, secret string) {
	r.Header.Set("Authorization", "Bearer "+secret)
	requestid.Send(r)
}

// Registry is where processes announce themselves.
type Registry interface {
	Announce(ctx context.Context, n bulk.Node) error
	Leave(ctx context.Context, id bulk.NodeID) error
	Nodes(ctx context.Context, role bulk.Role, within time.Duration) ([]bulk.Node, error)
}

// Announcer keeps one process on the list. All fields are required.
type Announcer struct {
	Registry Registry
	Node     bulk.Node
	Draining func() bool // it finishes what it has and takes nothing new
	Log      *slog.Logger
}

// Run keeps the process on the list until ctx ends, and takes it off then.
func (a Announcer) Run(ctx context.Context) error {
	announce := func(ctx context.Context) {
		a.Node.Draining = a.Draining()
		if err := a.Registry.Announce(ctx, a.Node); err != nil && ctx.Err() == nil {
			a.Log.Warn("announcing failed", "error", err)
		}
	}
	announce(ctx)
	_ = wait.Every(ctx, announceEvery, announce)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	return a.Registry.Leave(last, a.Node.ID)
}

// Directory knows the live processes of one role. It is safe for concurrent use.
type Directory struct {
	reg  Registry
	role bulk.Role

	mu    sync.Mutex
	nodes []bulk.Node
	read  time.Time
}

// NewDirectory returns a directory of the role.
func NewDirectory(reg Registry, role bulk.Role) *Directory { return &Directory{reg: reg, role: role} }

// Live returns the processes that take work, see [Directory.All].
func (d *Directory) Live(ctx context.Context) (live []bulk.Node) {
	for _, n := range d.All(ctx) {
		if !n.Draining {
			live = append(live, n)
		}
	}
	return live
}

// All returns the processes that are there, those that are stopping included, from a
// view at most a second old. When the store does not answer, the last view stays.
func (d *Directory) All(ctx context.Context) []bulk.Node {
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Since(d.read) < announceEvery {
		return d.nodes
	}
	if found, err := d.reg.Nodes(ctx, d.role, bulk.SilentAfter); err == nil {
		d.nodes, d.read = found, time.Now()
	}
	return d.nodes
}
