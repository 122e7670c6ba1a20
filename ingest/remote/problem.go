package remote

import (
	"encoding/json"
	"errors"
	"io"
	"os"

	"bulkhead/internal/bulk"
)

// Conditions that the console tells apart, by the codes under which they travel.
var conditions = map[string]error{
	"superseded": bulk.ErrSuperseded,
	"idle":       os.ErrDeadlineExceeded,
	"short":      io.ErrUnexpectedEOF,
}

// toProblem renders an error for the wire. What is internal stays inside this process.
func toProblem(err error) problem {
	if e, ok := errors.AsType[*bulk.Error](err); ok {
		return problem{Kind: e.Kind, Error: *e}
	}
	for code, cause := range conditions {
		if errors.Is(err, cause) {
			return problem{Error: bulk.Error{Code: code}}
		}
	}
	return problem{Error: bulk.Error{Code: "internal"}}
}

func fromProblem(body io.Reader) error {
	var p problem
	if err := json.NewDecoder(io.LimitReader(body, 64<<10)).Decode(&p); err != nil {
		return err
	}
	if p.Kind == "" {
		if cause, ok := conditions[p.Code]; ok {
			return cause
		}
		return errors.New("ingest failed: " + p.Code)
	}
	e := p.Error
	e.Kind = p.Kind
	return &e
}
