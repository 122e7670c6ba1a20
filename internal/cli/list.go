package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"

	"bulkhead/internal/bulk"
)

// list reads a list page by page, at most limit items; 0: all. The items stand
// under field beside next_cursor.
func list[T any](ctx context.Context, c *client, path string, q url.Values, field string, limit int) ([]T, error) {
	var items []T
	q = maps.Clone(q)
	for name, values := range q {
		if values[0] == "" {
			delete(q, name)
		}
	}
	for {
		var page map[string]json.RawMessage
		if err := c.call(ctx, http.MethodGet, (&url.URL{Path: path, RawQuery: q.Encode()}).String(), nil, &page); err != nil {
			return nil, err
		}
		var more []T
		var next string
		if err := unpack(page, field, &more); err != nil {
			return nil, err
		}
		if err := unpack(page, "next_cursor", &next); err != nil {
			return nil, err
		}
		items = append(items, more...)
		if limit > 0 && len(items) >= limit {
			return items[:limit], nil
		}
		if next == "" {
			return items, nil
		}
		q.Set("cursor", next)
	}
}

// unpack decodes a field of an answer; a missing or null one leaves v alone.
func unpack(page map[string]json.RawMessage, field string, v any) error {
	if raw, ok := page[field]; ok {
		if err := json.Unmarshal(raw, v); err != nil {
			return fmt.Errorf("read %q of the answer: %w", field, err)
		}
	}
	return nil
}

// open starts a download of unbounded length; the caller closes it.
func (c *client) open(ctx context.Context, path, accept string) (io.ReadCloser, error) {
	req, err := c.request(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	resp, err := c.do(req)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// dataset reads a dataset's spec.
func (c *client) dataset(ctx context.Context, name bulk.DatasetName) (d bulk.Dataset, err error) {
	err = c.call(ctx, http.MethodGet, "/v1/datasets/"+url.PathEscape(string(name)), nil, &d)
	return d, err
}
