package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"bulkhead/internal/wait"
)

// send imports so many new rows in one request; it returns when the whole file is
// staged. A client that is cut off, or refused for the moment, goes on where the server
// stands.
func (a *account) send(ctx context.Context, rows int64) (*importing, error) {
	i := a.begin(rows)
	query := url.Values{"dataset": {a.dataset.name}, "mode": {"create"}, "filename": {"fairness.csv"}}
	if a.dry {
		query.Set("dry_run", "true")
	}
	path := "/v1/imports?" + query.Encode()
	repeatable := http.Header{"Content-Type": {"text/csv"}, "Idempotency-Key": {rand.Text()}}
	for {
		res, err := a.call(ctx, "POST "+path, repeatable, i.file.open())
		var said struct {
			ID         string
			Code       string
			Incomplete string `json:"import_id"`
		}
		if err == nil {
			err = json.Unmarshal(res.body, &said)
		}
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err == nil && res.status == http.StatusAccepted:
			i.id = said.ID
			return i, nil
		case err == nil && said.Code == "upload_incomplete":
			i.id = said.Incomplete
			return i, a.goOn(ctx, i)
		case time.Since(i.posted) > retryFor, err == nil && !passes(res.status):
			return nil, errors.Join(err, fmt.Errorf("POST %s: %s", path, res.body))
		}
		if err := wait.For(ctx, retryAfter); err != nil {
			return nil, err
		}
	}
}

// goOn sends the rest of a file by tus.
func (a *account) goOn(ctx context.Context, i *importing) error {
	path := "/v1/imports/" + i.id + "/content"
	size, err := io.Copy(io.Discard, i.file.open())
	if err != nil {
		return err
	}
	for last := time.Now(); time.Since(last) < retryFor; {
		tus := http.Header{"Tus-Resumable": {"1.0.0"}}
		res, err := a.call(ctx, "HEAD "+path, tus, http.NoBody)
		if err == nil && res.status == http.StatusOK {
			at, err := strconv.ParseInt(res.header.Get("Upload-Offset"), 10, 64)
			if err != nil {
				return err
			}
			rest := i.file.open()
			if _, err := io.CopyN(io.Discard, rest, at); err != nil {
				return err
			}
			tus.Set("Content-Type", "application/offset+octet-stream")
			tus.Set("Upload-Offset", strconv.FormatInt(at, 10))
			tus.Set("Upload-Length", strconv.FormatInt(size, 10))
			res, err := a.call(ctx, "PATCH "+path, tus, rest)
			if err == nil && res.status == http.StatusNoContent && res.header.Get("Upload-Offset") == strconv.FormatInt(size, 10) {
				return nil
			}
		}
		if err := wait.For(ctx, retryAfter); err != nil {
			return err
		}
	}
	return fmt.Errorf("the upload of %s does not go on", i.id)
}

// retryAfter is how long a client waits before it comes again.
const retryAfter = 200 * time.Millisecond

// passes reports whether a refusal is one for the moment.
func passes(status int) bool {
	return status == http.StatusConflict || status == http.StatusLocked || status >= 500
}
