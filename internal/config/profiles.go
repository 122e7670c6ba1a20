package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bulkhead/internal/bulk"
)

// Profiles are servers that a person works with, by name. They are kept with their
// keys in bulkhead/profiles.json below the user's configuration folder, readable by
// the owner only.
type Profiles map[string]Client

// ReadProfiles returns what is saved, which may be nothing.
func ReadProfiles() (Profiles, error) {
	file, err := profilesFile()
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return Profiles{}, nil
	}
	p := Profiles{}
	if err == nil {
		err = json.Unmarshal(data, &p)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return p, nil
}

// Write saves the profiles in place of what was saved.
func (p Profiles) Write() error {
	file, err := profilesFile()
	if err != nil {
		return err
	}
	return writePrivate(file, p)
}

func profilesFile() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", bulk.Errorf(bulk.KindInvalid, "usage", "Profiles are kept in your configuration folder, and there is none: set HOME or XDG_CONFIG_HOME.")
	}
	return filepath.Join(dir, "bulkhead", "profiles.json"), nil
}

// Find returns a profile; one that does not exist is a KindInvalid error that names those that do.
func (p Profiles) Find(name string) (Client, error) {
	c, ok := p[name]
	switch {
	case ok:
		return c, nil
	case len(p) == 0:
		return c, bulk.Errorf(bulk.KindInvalid, "usage", "There is no profile %q, nor any other. Save one: bulkhead profiles set %s --url URL", name, name)
	}
	return c, bulk.Errorf(bulk.KindInvalid, "usage", "There is no profile %q; there are: %s.", name, strings.Join(slices.Sorted(maps.Keys(p)), ", "))
}

func findProfile(name string) (Client, error) {
	all, err := ReadProfiles()
	if err != nil {
		return Client{}, err
	}
	return all.Find(name)
}
