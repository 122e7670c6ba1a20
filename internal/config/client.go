package config

import (
	"cmp"
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

// Where says which server a command is to reach. What is empty was not said.
type Where struct {
	URL     string // address, with the key of BULKHEAD_API_KEY
	Profile string // name of a saved address and key, see [Profiles]
	DataDir string // of a dev that runs here
}

// FindClient returns the server that w names, else the one that BULKHEAD_URL, then
// BULKHEAD_PROFILE name, else the one that runs in the data directory. A key is sent
// only to the address that it was given for: that of a profile or data directory
// never to an address from elsewhere, BULKHEAD_API_KEY never to a profile's. Without a
// server the error is of KindUnavailable, without a key of KindUnauthorized.
func FindClient(w Where, getenv func(string) string) (Client, error) {
	if w.URL != "" && w.Profile != "" {
		return Client{}, bulk.Errorf(bulk.KindInvalid, "usage", "Give --url or --profile, not both: a profile has an address.")
	}
	if w.URL == "" && w.Profile == "" {
		w.URL = getenv("BULKHEAD_URL")
	}
	if w.URL == "" {
		w.Profile = cmp.Or(w.Profile, getenv("BULKHEAD_PROFILE"))
	}
	c, err := w.client(getenv("BULKHEAD_API_KEY"))
	if err == nil && c.APIKey == "" {
		err = bulk.Errorf(bulk.KindUnauthorized, "no_credential", "There is no API key for %s. Set BULKHEAD_API_KEY, or save one: bulkhead profiles set NAME --url %s", c.URL, c.URL)
	}
	return c, err
}

func (w Where) client(key string) (Client, error) {
	switch {
	case w.URL != "":
		return Client{URL: w.URL, APIKey: key}, nil
	case w.Profile != "":
		return findProfile(w.Profile)
	}
	c, err := ReadClient(w.DataDir)
	if errors.Is(err, fs.ErrNotExist) {
		return Client{}, bulk.Errorf(bulk.KindUnavailable, "no_server",
			"No server was found in %s. Start one with `bulkhead dev`, give --url or --profile, or set BULKHEAD_URL and BULKHEAD_API_KEY.", w.DataDir)
	}
	c.APIKey = cmp.Or(key, c.APIKey)
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
	return writePrivate(filepath.Join(dataDir, clientFile), c)
}

// writePrivate replaces a file by v as JSON in one step, readable by the owner only.
func writePrivate(file string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // gone already once renamed
	_, err = tmp.Write(append(data, '\n'))
	if err := errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}
