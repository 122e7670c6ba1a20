package remote

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
	"bulkhead/internal/peer"
	"bulkhead/internal/requestid"
)

const secret = "a secret of the cluster"

// recorder notes what reaches an ingest process.
type recorder struct {
	account bulk.AccountID
	id      bulk.ImportID
	length  int64
	body    string
	fail    error
	busy    bool // refuses before it reads
}

func (u *recorder) Receive(_ context.Context, account bulk.AccountID, id bulk.ImportID, body bulk.Body) error {
	if u.busy {
		return bulk.Errorf(bulk.KindUnavailable, bulk.ErrBusy, "No room.")
	}
	b, err := io.ReadAll(body)
	u.account, u.id, u.length, u.body = account, id, body.Length, string(b)
	return errors.Join(err, u.fail)
}

func (u *recorder) Preview(ctx context.Context, sample bulk.Sample) (bulk.Preview, error) {
	p, _ := PrincipalFrom(ctx)
	u.account = p.Account
	return bulk.Preview{Header: []string{string(sample.Bytes), sample.Choice.Delimiter, string(sample.Spec.Name)}, Truncated: !sample.Whole}, u.fail
}

func (u *recorder) Content() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := PrincipalFrom(r.Context())
		b, _ := io.ReadAll(r.Body)
		u.account, u.body = p.Account, r.Method+" "+r.URL.Path+" "+string(b)
		w.Header().Set("Upload-Offset", "7")
		w.WriteHeader(http.StatusNoContent)
	})
}

func serve(t *testing.T, u *recorder) bulk.Node {
	s := httptest.NewServer(peer.Guard(secret, Handler(u)))
	t.Cleanup(s.Close)
	return bulk.Node{ID: bulk.NewNodeID(bulk.RoleIngest), URL: s.URL}
}

func clientOf(nodes ...bulk.Node) *Client {
	return &Client{
		Secret: secret, Ingests: func(context.Context) []bulk.Node { return nodes },
		Principal: func(context.Context) (bulk.Principal, bool) { return bulk.Principal{Account: "acc_1"}, true },
	}
}

func TestReceivePassesTheFileOn(t *testing.T) {
	u := &recorder{}
	c := clientOf(serve(t, u))
	if err := c.Receive(t.Context(), "acc_1", "imp_1", bulk.Body{Reader: strings.NewReader("a,b\n"), Length: 4}); err != nil {
		t.Fatal(err)
	}
	if u.account != "acc_1" || u.id != "imp_1" || u.length != 4 || u.body != "a,b\n" {
		t.Fatalf("got %+v", u)
	}
}

// Errors arrive as they left: refusals with their place, conditions as themselves,
// and of internal ones only that there was one.
func TestErrorsTravel(t *testing.T) {
	refusal := bulk.Errorf(bulk.KindUnprocessed, bulk.ErrBadHeader, "Two columns are named %q.", "id").At(1, 0)
	for _, tt := range []struct {
		sent error
		want func(error) bool
	}{
		{refusal, func(err error) bool {
			e, ok := errors.AsType[*bulk.Error](err)
			return ok && *e == *refusal
		}},
		{bulk.ErrSuperseded, func(err error) bool { return errors.Is(err, bulk.ErrSuperseded) }},
		{os.ErrDeadlineExceeded, func(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }},
		{io.ErrUnexpectedEOF, func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }},
		{errors.New("the password is x"), func(err error) bool { return bulk.KindOf(err) == "" && !strings.Contains(err.Error(), "password") }},
	} {
		c := clientOf(serve(t, &recorder{fail: tt.sent}))
		if err := c.Receive(t.Context(), "acc_1", "imp_1", bulk.Body{Reader: strings.NewReader("x"), Length: 1}); err == nil || !tt.want(err) {
			t.Errorf("sent %v, got %v", tt.sent, err)
		}
	}
}

func TestPreview(t *testing.T) {
	u := &recorder{}
	c := clientOf(serve(t, u))
	p, err := c.Preview(t.Context(), bulk.Sample{Bytes: []byte("x;y"), Whole: true, Choice: bulk.DialectChoice{Delimiter: ";"}, Spec: &bulk.Spec{Name: "things"}})
	if err != nil || p.Truncated || strings.Join(p.Header, " ") != "x;y ; things" || u.account != "acc_1" {
		t.Fatalf("got %+v, %v, for account %q", p, err, u.account)
	}
}

func TestContentGoesToTheImportsHome(t *testing.T) {
	u := &recorder{}
	mux := http.NewServeMux()
	mux.Handle("/v1/imports/{id}/content", clientOf(serve(t, u)).Content())
	r := httptest.NewRequest(http.MethodPatch, "/v1/imports/imp_1/content", strings.NewReader("bytes"))
	r.Header.Set(accountHeader, "acc_2") // nobody chooses an account
	r.Header.Set("Authorization", "Bearer bhk_of_a_customer")
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	if w.Code != http.StatusNoContent || w.Header().Get("Upload-Offset") != "7" || u.account != "acc_1" || u.body != "PATCH /v1/imports/imp_1/content bytes" {
		t.Fatalf("got %d %v, %+v", w.Code, w.Header(), u)
	}
}

// What was set of an answer before its request was passed on stays, also when the process
// asks for the body first, and when it is lost then.
func TestAnswersKeepTheirHeaders(t *testing.T) {
	gone := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusContinue)
		panic(http.ErrAbortHandler)
	}))
	defer gone.Close()
	for _, at := range []bulk.Node{serve(t, &recorder{}), {ID: "ingest_gone", URL: gone.URL}} {
		content := clientOf(at).Content()
		front := httptest.NewServer(requestid.Accept(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Content-Type-Options", "nosniff")
			content.ServeHTTP(w, r)
		})))
		defer front.Close()
		for _, expect := range []string{"", "100-continue"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, front.URL+"/v1/imports/imp_1/content", strings.NewReader("bytes"))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Expect", expect)
			r.Header.Set(requestid.Header, "mine")
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if id := res.Header.Values(requestid.Header); !slices.Equal(id, []string{"mine"}) || res.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s, expecting %q: %d, %v", at.ID, expect, res.StatusCode, res.Header)
			}
		}
	}
}

// A process that cannot be reached is passed over before a byte is sent; when none
// can, the client is told to come again.
func TestDeadProcessIsPassedOver(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	dead := bulk.Node{ID: "dead", URL: gone.URL}
	gone.Close()
	u := &recorder{}
	alive := serve(t, u)
	c := clientOf(dead, alive)
	for _, id := range []bulk.ImportID{"imp_1", "imp_2", "imp_3", "imp_4", "imp_5", "imp_6"} { // some have the dead one as home
		u.body = ""
		if err := c.Receive(t.Context(), "acc_1", id, bulk.Body{Reader: strings.NewReader("file"), Length: 4}); err != nil || u.body != "file" {
			t.Errorf("%s: %v, body %q", id, err, u.body)
		}
	}
	c = clientOf(dead)
	if err := c.Receive(t.Context(), "acc_1", "imp_1", bulk.Body{Reader: strings.NewReader("file"), Length: 4}); bulk.KindOf(err) != bulk.KindUnavailable {
		t.Errorf("got %v", err)
	}
	w := httptest.NewRecorder()
	c.Content().ServeHTTP(w, httptest.NewRequest(http.MethodPatch, "/v1/imports/imp_1/content", strings.NewReader("x")))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("got %d %v", w.Code, w.Header())
	}
}

// A process without room refuses a file before any of it is sent, so another can take
// it. When none has room, that is what the client hears, and its file is untouched.
func TestBusyProcessIsPassedOver(t *testing.T) {
	full, u := serve(t, &recorder{busy: true}), &recorder{}
	c := clientOf(full, serve(t, u))
	for range 20 { // some have the full one as home
		id := bulk.NewImportID()
		u.body = ""
		if err := c.Receive(t.Context(), "acc_1", id, bulk.Body{Reader: strings.NewReader("file"), Length: 4}); err != nil || u.body != "file" {
			t.Errorf("%s: %v, body %q", id, err, u.body)
		}
	}
	file := strings.NewReader("file")
	if err := clientOf(full).Receive(t.Context(), "acc_1", "imp_1", bulk.Body{Reader: file, Length: 4}); bulk.CodeOf(err) != bulk.ErrBusy || file.Len() != 4 {
		t.Errorf("got %v with %d of 4 bytes left", err, file.Len())
	}
}

func TestHomesAreStable(t *testing.T) {
	nodes := []bulk.Node{{ID: "a"}, {ID: "b"}, {ID: "c"}}
	all, without := clientOf(nodes...), clientOf(nodes[0], nodes[2])
	moved := 0
	for key := range strings.FieldsSeq("k1 k2 k3 k4 k5 k6 k7 k8 k9 k10 k11 k12 k13 k14 k15 k16") {
		home := all.homes(t.Context(), key)[0]
		if home.ID == "b" {
			moved++
			continue
		}
		if got := without.homes(t.Context(), key)[0]; got.ID != home.ID {
			t.Errorf("%s moved from %s to %s although its home lives", key, home.ID, got.ID)
		}
	}
	if moved == 0 || moved == 16 {
		t.Errorf("%d of 16 keys are at home in b", moved)
	}
}
