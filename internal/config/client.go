package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"bulkhead/internal/bulk"
)

// clientFile is where `bulkhead dev` leaves the address and key for commands that
// run beside it.
const clientFile = "client.json"

// Client is how a command reaches a server.
type Client struct {
	URL    string `json:"url"`     // scheme and host, no path
	APIKey string `json:"api_key"` // sent as a bearer token
}

// FindClient returns the server that BULKHEAD_URL and BULKHEAD_API_KEY name, or
// else the one that runs in dataDir. A key from dataDir is never sent to an
// address from the environment. Without either the error is of KindUnavailable.
func FindClient(dataDir string, getenv func(string) string) (Client, error) {
	if url := getenv("BULKHEAD_URL"); url != "" {
		return Client{URL: url, APIKey: getenv("BULKHEAD_API_KEY")}, nil
	}
	c, err := ReadClient(dataDir)
	if errors.Is(err, fs.ErrNotExist) {
		return Client{}, bulk.Errorf(bulk.KindUnavailable, "no_server",
			"No server was found in %s. Start one with `bulkhead dev`, or set BULKHEAD_URL and BULKHEAD_API_KEY.", dataDir)
	}
	if key := getenv("BULKHEAD_API_KEY"); err == nil && key != "" {
		c.APIKey = key
	}
	return c, err
}

// ReadClient returns what a running dev left in dataDir.
func ReadClient(dataDir string) (Client, error) {
	data, err := os.ReadFile(filepath.Join(dataDir, clientFile))
	if err != nil {
		return Client{}, err
	}
	var c Client
	if err := json.Unmarshal(data, &c); err != nil {
		return Client{}, fmt.Errorf("read %s: %w", clientFile, err)
	}
	return c, nil
}

// WriteClient leaves c in dataDir for [FindClient], readable by the owner only and
// replaced in one step.
func WriteClient(dataDir string, c Client) error {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dataDir, clientFile+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // gone already once renamed
	_, err = tmp.Write(append(data, '\n'))
	if err := errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), filepath.Join(dataDir, clientFile))
}
