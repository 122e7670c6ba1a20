package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"path"

	"bulkhead/internal/bulk"
)

// list reads a list page by page, each when the one before was taken. The items stand
// under the path's last word, beside next_cursor. Of q, what is empty is left out. An error
// ends it.
func list[T any](ctx context.Context, c *client, at string, q url.Values) iter.Seq2[T, error] {
	q = maps.Clone(q)
	maps.DeleteFunc(q, func(_ string, values []string) bool { return values[0] == "" })
	return func(yield func(T, error) bool) {
		for {
			items, next, err := listPage[T](ctx, c, at+"?"+q.Encode(), path.Base(at))
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if err != nil {
				yield(*new(T), err)
			}
			if err != nil || next == "" {
				return
			}
			q.Set("cursor", next)
		}
	}
}

func listPage[T any](ctx context.Context, c *client, path, field string) (items []T, next string, err error) {
	var page map[string]json.RawMessage
	if err := c.call(ctx, request{method: http.MethodGet, path: path}, &page); err != nil {
		return nil, "", err
	}
	if err := unpack(page, field, &items); err != nil {
		return nil, "", err
	}
	return items, next, unpack(page, "next_cursor", &next)
}

// first ends a list after n items; it then calls cut if there are more.
func first[T any](items iter.Seq2[T, error], n int, cut func()) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		left := n
		for item, err := range items {
			if left == 0 && err == nil {
				cut()
				return
			}
			if left--; !yield(item, err) {
				return
			}
		}
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
	req, err := c.newRequest(ctx, http.MethodGet, path, nil)
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
	err = c.call(ctx, request{method: http.MethodGet, path: "/v1/datasets/" + url.PathEscape(string(name))}, &d)
	return d, err
}
