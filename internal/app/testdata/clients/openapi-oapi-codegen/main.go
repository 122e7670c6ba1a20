// Command client imports a file with the client that oapi-codegen makes of the API's
// description, and prints what it read back: client URL DATASET FILE.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"client/api"
)

//go:generate go tool oapi-codegen -config oapi-codegen.yaml openapi.json

func main() {
	log.SetFlags(0)
	if err := run(context.Background(), os.Args[1], os.Args[2], os.Args[3]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, url, dataset, file string) error {
	c, err := api.NewClientWithResponses(url, api.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+os.Getenv("BULKHEAD_API_KEY"))
		return nil
	}))
	if err != nil {
		return err
	}
	whole := true
	put, err := c.PutDatasetWithResponse(ctx, dataset, api.Spec{Key: []string{"id"}, Columns: []api.Column{
		{Name: "id", Type: api.Integer}, {Name: "name", Type: api.Text, Required: &whole}, {Name: "balance", Type: api.Decimal},
	}})
	if err != nil {
		return err
	}
	if put.JSON200 == nil {
		return refused("create dataset", put.ApplicationproblemJSONDefault)
	}
	id, err := send(ctx, c, dataset, file)
	if err != nil {
		return err
	}
	imp, err := await(ctx, c, id)
	if err != nil {
		return err
	}
	rejects, err := c.DownloadRejectsWithResponse(ctx, id, &api.DownloadRejectsParams{})
	if err != nil {
		return err
	}
	limit := int64(1)
	params := &api.ListRecordsParams{Limit: &limit}
	var names []any
	for {
		page, err := c.ListRecordsWithResponse(ctx, dataset, params)
		if err != nil {
			return err
		}
		if page.JSON200 == nil {
			return refused("list records", page.ApplicationproblemJSONDefault)
		}
		for _, r := range page.JSON200.Records {
			names = append(names, r.AdditionalProperties["name"])
		}
		if page.JSON200.NextCursor == "" {
			break
		}
		params.Cursor = &page.JSON200.NextCursor
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"state": imp.State, "created": imp.Rows.Created, "rejected": imp.Rows.Rejected, "rejects": string(rejects.Body), "names": names,
	})
}

// send creates the import with JSON and sends the file in two pieces.
func send(ctx context.Context, c *api.ClientWithResponses, dataset, file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	mode, name, size := api.Create, "people.csv", int64(len(text))
	created, err := c.CreateImportWithResponse(ctx, &api.CreateImportParams{}, api.NewImport{Dataset: dataset, Mode: &mode, Filename: &name, Size: &size})
	if err != nil {
		return "", err
	}
	if created.JSON201 == nil {
		return "", refused("create import", created.ApplicationproblemJSONDefault)
	}
	id := created.JSON201.Id
	tus, half := api.UploadContentParamsTusResumableN100, size/2
	for _, piece := range []struct{ from, to int64 }{{0, half}, {half, size}} {
		sent, err := c.UploadContentWithBodyWithResponse(ctx, id, &api.UploadContentParams{TusResumable: &tus, UploadOffset: piece.from},
			"application/offset+octet-stream", strings.NewReader(string(text[piece.from:piece.to])))
		if err != nil {
			return "", err
		}
		if sent.StatusCode() != http.StatusNoContent {
			return "", refused("send file", sent.ApplicationproblemJSONDefault)
		}
	}
	return id, nil
}

// await asks how the import stands until it has ended.
func await(ctx context.Context, c *api.ClientWithResponses, id string) (*api.ImportStatus, error) {
	for range 600 {
		got, err := c.GetImportWithResponse(ctx, id)
		if err != nil {
			return nil, err
		}
		if got.JSON200 == nil {
			return nil, refused("show import", got.ApplicationproblemJSONDefault)
		}
		if got.JSON200.FinishedAt != nil {
			return got.JSON200, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil, errors.New("the import did not end")
}

func refused(what string, p *api.Failure) error {
	if p == nil {
		return fmt.Errorf("%s: %w", what, io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("%s: %s: %s", what, p.Code, p.Detail)
}
