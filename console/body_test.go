package console

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
)

// A request whose body never comes is answered all the same, at every address that reads one.
func TestBodyThatNeverComesIsNotWaitedFor(t *testing.T) {
	a := newAPI(t, func(c *Config) {
		c.Limits = bulk.DefaultLimits()
		c.Limits.IdleSeconds = 1
	})
	web := httptest.NewServer(a.server)
	t.Cleanup(web.Close) // after the parallel ones
	for request, contentType := range map[string]string{
		"POST /imports/preview?dataset=contacts": "application/octet-stream",
		"POST /v1/preview":                       "text/csv",
		"POST /imports":                          "multipart/form-data; boundary=x",
		"POST /login":                            "application/x-www-form-urlencoded",
		"POST /fairness/" + string(a.aliceID):    "application/x-www-form-urlencoded",
		"PUT /v1/datasets/contacts":              "application/json",
		"POST /v1/accounts":                      "application/json",
	} {
		t.Run(request, func(t *testing.T) {
			t.Parallel()
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(web.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: 100\r\n\r\n", request, a.olga, contentType)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatalf("%v; the log: %s", err, a.log)
			}
			resp.Body.Close()
			if resp.StatusCode < 400 || resp.StatusCode >= 500 {
				t.Errorf("got %d, want a refusal", resp.StatusCode)
			}
		})
	}
}
