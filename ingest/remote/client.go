package remote

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/peer"
	"bulkhead/internal/requestid"
	"bulkhead/internal/resumable"
)

// Client is a console's way to the ingest processes. It has the methods of what the
// console calls Uploads, and the handler of its Content.
type Client struct {
	Secret    string
	Ingests   func(ctx context.Context) []bulk.Node // those alive now
	Principal func(ctx context.Context) (bulk.Principal, bool)
	Transport http.RoundTripper // default: like http.DefaultTransport
}

// noIngest is what a caller gets while no ingest process can be reached.
func noIngest(cause error) error {
	e := bulk.Errorf(bulk.KindUnavailable, "not_ready", "No process can take the file just now. Try again in a few seconds.")
	if cause == nil {
		return e
	}
	return fmt.Errorf("%w (%w)", e, cause)
}

// homes orders the live processes for a key: the first is its home, the others stand
// in when it is gone.
func (c *Client) homes(ctx context.Context, key string) []bulk.Node {
	nodes := slices.Clone(c.Ingests(ctx))
	score := func(n bulk.Node) uint64 {
		h := fnv.New64a()
		h.Write([]byte(n.ID))
		h.Write([]byte(key))
		return h.Sum64()
	}
	slices.SortFunc(nodes, func(a, b bulk.Node) int { return cmp.Compare(score(b), score(a)) })
	return nodes
}

// Receive streams a whole file into an import. A process that is gone or has no room
// is passed over. Once bytes have been sent it cannot go to another process: a broken
// connection is the caller's to resume.
func (c *Client) Receive(ctx context.Context, account bulk.AccountID, id bulk.ImportID, body bulk.Body) error {
	nodes := c.homes(ctx, string(id))
	var last error
	for _, n := range nodes {
		once := &untouched{r: body.Reader}
		err := c.call(ctx, post{n.URL + "/cluster/uploads/" + url.PathEscape(string(id)) + "?length=" + strconv.FormatInt(body.Length, 10), account, once}, nil)
		if kind := bulk.KindOf(err); err == nil || kind != "" && kind != bulk.KindUnavailable || !once.withdraw() {
			return err
		}
		last = err
	}
	if bulk.KindOf(last) != "" {
		return last
	}
	return noIngest(last)
}

// untouched is a body that a request may take, or its owner withdraw, but not both.
type untouched struct {
	r     io.Reader
	state atomic.Int32 // 0: neither, 1: taken, 2: withdrawn
}

func (u *untouched) Read(p []byte) (int, error) {
	if !u.state.CompareAndSwap(0, 1) && u.state.Load() == 2 {
		return 0, io.ErrClosedPipe
	}
	return u.r.Read(p)
}

// withdraw reports whether nothing was taken, nor will be.
func (u *untouched) withdraw() bool { return u.state.CompareAndSwap(0, 2) }

// Preview reads the first bytes of a file the way an import would.
func (c *Client) Preview(ctx context.Context, sample bulk.Sample) (p bulk.Preview, err error) {
	q, err := json.Marshal(sample)
	if err != nil {
		return p, err
	}
	who, _ := c.Principal(ctx)
	var last error
	for _, n := range c.homes(ctx, strconv.FormatInt(time.Now().UnixNano(), 36)) {
		last = c.call(ctx, post{n.URL + "/cluster/preview", who.Account, bytes.NewReader(q)}, &p)
		if last == nil || bulk.KindOf(last) != "" {
			return p, last
		}
	}
	return p, noIngest(last)
}

// post is a call for an account.
type post struct {
	url     string
	account bulk.AccountID
	body    io.Reader
}

// call sends it and decodes the answer into out, nil for the call that sends a file.
func (c *Client) call(ctx context.Context, p post, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, p.body)
	if err != nil {
		return err
	}
	peer.Authorize(req, c.Secret)
	req.Header.Set(accountHeader, string(p.account))
	if out == nil { // a file, which is not sent before it is wanted
		req.Header.Set("Expect", "100-continue")
	}
	res, err := c.transport().RoundTrip(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusUnprocessableEntity:
		return fromProblem(res.Body)
	case res.StatusCode != http.StatusOK:
		return fmt.Errorf("ingest answered %s", res.Status)
	case out == nil:
		return nil
	}
	return json.NewDecoder(res.Body).Decode(out)
}

func (c *Client) transport() http.RoundTripper {
	if c.Transport != nil {
		return c.Transport
	}
	return patient
}

// patient waits long for a busy process to say that it wants a file.
var patient = func() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ExpectContinueTimeout = 30 * time.Second
	return t
}()

// idle is how long a client may be silent; an ingest process gives up earlier and says so.
const idle = time.Minute

// Content passes requests for uploads in pieces on. While no process can be reached it answers 503,
// upon which clients come again.
func (c *Client) Content() http.Handler {
	proxy := &httputil.ReverseProxy{
		Transport:     c.transport(),
		FlushInterval: -1,
		Rewrite:       func(*httputil.ProxyRequest) {},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, ok := c.Principal(r.Context())
		nodes := c.homes(r.Context(), r.PathValue("id"))
		if !ok || len(nodes) == 0 {
			proxy.ErrorHandler(w, r, errors.New("no ingest"))
			return
		}
		home, err := url.Parse(nodes[0].URL)
		if err != nil {
			proxy.ErrorHandler(w, r, err)
			return
		}
		body := resumable.NewBody(w, r, idle)
		defer body.Stop()
		r.Body = body
		one, own := *proxy, w.Header().Clone()
		one.ModifyResponse = func(res *http.Response) error {
			body.Stop()                      // who answers reads no more
			maps.Copy(w.Header(), own)       // the proxy clears them with every interim answer
			res.Header.Del(requestid.Header) // it is among them
			return nil
		}
		one.ErrorHandler = func(w http.ResponseWriter, r *http.Request, err error) {
			maps.Copy(w.Header(), own)
			proxy.ErrorHandler(w, r, err)
		}
		one.Rewrite = func(pr *httputil.ProxyRequest) {
			pr.SetURL(home)
			pr.Out.Header.Del("Cookie")
			peer.Authorize(pr.Out, c.Secret)
			pr.Out.Header.Set(accountHeader, string(p.Account))
		}
		one.ServeHTTP(w, r)
	})
}
