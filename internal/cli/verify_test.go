package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"bulkhead/internal/bulk"
)

func TestRecordsPagesThroughTheDataset(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") != "application/x-ndjson" || r.URL.Path != "/v1/datasets/people/records" {
			t.Errorf("asked for %s as %s", r.URL, r.Header.Get("Accept"))
		}
		switch r.URL.Query().Get("cursor") {
		case "":
			w.Header().Set("Next-Cursor", "two")
			io.WriteString(w, "{\"id\":1}\n{\"id\":2}\n")
		case "two":
			w.Header().Set("Next-Cursor", "three")
		case "three":
			io.WriteString(w, "{\"id\":3}\n")
		}
	}))
	defer s.Close()
	c, err := newClient(clientConfig(s.URL))
	if err != nil {
		t.Fatal(err)
	}
	var got string
	err = (&verified{c}).Records(t.Context(), "people", func(object []byte) error {
		got += string(object)
		return nil
	})
	if want := "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n"; err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestRecordsNoticesACutPage(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "{\"id\":1}\n{\"id\":")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	defer s.Close()
	c, err := newClient(clientConfig(s.URL))
	if err != nil {
		t.Fatal(err)
	}
	err = (&verified{c}).Records(t.Context(), "people", func([]byte) error { return nil })
	if bulk.KindOf(err) != bulk.KindUnavailable {
		t.Errorf("got %v, want KindUnavailable", err)
	}
}
