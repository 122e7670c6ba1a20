package console

import (
	_ "embed"
	"net/http"
)

// openapi describes the API; TestOpenAPI holds it to the routes and the Go types.
//
//go:embed openapi.json
var openapi []byte

func (s *Server) openapi(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	w.Write(openapi) // a client that left does not read its answer
	return nil
}
