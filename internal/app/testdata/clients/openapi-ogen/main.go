// Command client imports a file with the client that ogen makes of the API's
// description, and prints what it read back: client URL DATASET FILE.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/ogen-go/ogen/ogenerrors"

	"client/api"
)

//go:generate go tool ogen --config ogen.yml --target api --package api --clean openapi.json

// key is the API key that every request carries.
type key string

func (k key) ApiKey(context.Context, api.OperationName) (api.ApiKey, error) {
	return api.ApiKey{Token: string(k)}, nil
}

func (key) Session(context.Context, api.OperationName) (api.Session, error) {
	return api.Session{}, ogenerrors.ErrSkipClientSecurity
}

func main() {
	log.SetFlags(0)
	if err := run(context.Background(), os.Args[1], api.DatasetName(os.Args[2]), os.Args[3]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, url string, dataset api.DatasetName, file string) error {
	c, err := api.NewClient(url, key(os.Getenv("BULKHEAD_API_KEY")))
	if err != nil {
		return err
	}
	if _, err := c.PutDataset(ctx, &api.Spec{Key: []string{"id"}, Columns: []api.Column{
		{Name: "id", Type: api.TypeInteger}, {Name: "name", Type: api.TypeText, Required: api.NewOptBool(true)}, {Name: "balance", Type: api.TypeDecimal},
	}}, api.PutDatasetParams{Name: dataset}); err != nil {
		return err
	}
	id, err := send(ctx, c, dataset, file)
	if err != nil {
		return err
	}
	imp, err := await(ctx, c, id)
	if err != nil {
		return err
	}
	csv, err := c.DownloadRejects(ctx, api.DownloadRejectsParams{ID: id})
	if err != nil {
		return err
	}
	rejects, err := io.ReadAll(csv)
	if err != nil {
		return err
	}
	names, err := readNames(ctx, c, dataset)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"state": imp.State, "created": imp.Rows.Created, "rejected": imp.Rows.Rejected, "rejects": string(rejects), "names": names,
	})
}

// send sends the whole file in one request.
func send(ctx context.Context, c *api.Client, dataset api.DatasetName, path string) (api.ImportID, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	answer, err := c.CreateImport(ctx, &api.CreateImportReqTextCsv{Data: file}, api.CreateImportParams{
		Dataset: api.NewOptDatasetName(dataset), Mode: api.NewOptMode(api.ModeCreate), Filename: api.NewOptName("people.csv"),
	})
	if err != nil {
		return "", err
	}
	taken, ok := answer.(*api.ImportHeaders)
	if !ok {
		return "", fmt.Errorf("send file: %+v", answer)
	}
	return taken.Response.ID, nil
}

// await asks how the import stands until it has ended.
func await(ctx context.Context, c *api.Client, id api.ImportID) (*api.ImportStatus, error) {
	for range 600 {
		imp, err := c.GetImport(ctx, api.GetImportParams{ID: id})
		if err != nil {
			return nil, err
		}
		if !imp.FinishedAt.Null {
			return imp, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil, errors.New("the import did not end")
}

// readNames pages through the records.
func readNames(ctx context.Context, c *api.Client, dataset api.DatasetName) (names []json.RawMessage, err error) {
	params := api.ListRecordsParams{Name: dataset, Limit: api.NewOptInt64(1)}
	for {
		answer, err := c.ListRecords(ctx, params)
		if err != nil {
			return nil, err
		}
		page, ok := answer.(*api.RecordListHeaders)
		if !ok {
			return nil, fmt.Errorf("list records: %T", answer)
		}
		for _, r := range page.Response.Records {
			names = append(names, json.RawMessage(r.AdditionalProps["name"]))
		}
		if page.Response.NextCursor == "" {
			return names, nil
		}
		params.Cursor = api.NewOptString(page.Response.NextCursor)
	}
}
