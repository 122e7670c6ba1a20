package remote

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"bulkhead/internal/bulk"
)

// accountHeader names the account on calls that carry the cluster secret.
const accountHeader = "Bulkhead-Account"

// Uploads is what an ingest process offers.
type Uploads interface {
	Receive(ctx context.Context, account bulk.AccountID, id bulk.ImportID, body bulk.Body) error
	Preview(ctx context.Context, sample bulk.Sample) (bulk.Preview, error)
	Content() http.Handler
}

type principalKey struct{}

// PrincipalFrom returns who a request of the content handler, or a preview, comes from.
func PrincipalFrom(ctx context.Context) (bulk.Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(bulk.Principal)
	return p, ok
}

// problem carries a *bulk.Error between processes.
type problem struct {
	Kind bulk.Kind `json:"kind"`
	bulk.Error
}

// Handler serves the calls; the caller guards it with the cluster secret.
func Handler(u Uploads) http.Handler {
	mux := http.NewServeMux()
	content := u.Content()
	mux.HandleFunc("/v1/imports/{id}/content", func(w http.ResponseWriter, r *http.Request) {
		content.ServeHTTP(w, r.WithContext(withPrincipal(r)))
	})
	mux.HandleFunc("POST /cluster/uploads/{id}", func(w http.ResponseWriter, r *http.Request) {
		length, err := strconv.ParseInt(r.URL.Query().Get("length"), 10, 64)
		if err != nil {
			http.Error(w, "length is a number", http.StatusBadRequest)
			return
		}
		err = u.Receive(r.Context(), bulk.AccountID(r.Header.Get(accountHeader)), bulk.ImportID(r.PathValue("id")), bulk.Body{Reader: r.Body, Length: length})
		answer(w, struct{}{}, err)
	})
	mux.HandleFunc("POST /cluster/preview", func(w http.ResponseWriter, r *http.Request) {
		var q bulk.Sample
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 8<<20)).Decode(&q); err != nil {
			http.Error(w, "not the protocol's JSON", http.StatusBadRequest)
			return
		}
		p, err := u.Preview(withPrincipal(r), q)
		answer(w, p, err)
	})
	return mux
}

func withPrincipal(r *http.Request) context.Context {
	return context.WithValue(r.Context(), principalKey{}, bulk.Principal{Account: bulk.AccountID(r.Header.Get(accountHeader))})
}

func answer(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		v = toProblem(err)
		w.WriteHeader(http.StatusUnprocessableEntity)
	}
	json.NewEncoder(w).Encode(v) // a caller that left cannot be told
}
