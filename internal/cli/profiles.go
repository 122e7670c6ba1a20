package cli

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"

	"bulkhead/internal/config"
)

type profilesCommand struct {
	Set    profilesSet    `cmd:"" help:"Save the server of --url with the key of BULKHEAD_API_KEY, or of standard input, once the server has taken the key."`
	List   profilesList   `cmd:"" help:"List what is saved, without the keys."`
	Delete profilesDelete `cmd:"" help:"Forget a server and its key."`
}

type profilesSet struct {
	Name string `arg:"" help:"Name to save it under."`
}

// Run implements `bulkhead profiles set`.
func (c *profilesSet) Run(e *env) error {
	server, err := c.server(e)
	if err != nil {
		return err
	}
	api, err := newClient(server)
	if err != nil {
		return err
	}
	if err := api.call(e.ctx, request{method: http.MethodGet, path: "/v1/usage"}, nil); err != nil {
		return err
	}
	all, err := config.ReadProfiles()
	if err != nil {
		return err
	}
	all[c.Name] = server
	if err := all.Write(); err != nil {
		return err
	}
	return e.print(profile{c.Name, server.URL}, func(w io.Writer) {
		fmt.Fprintf(w, "saved; use it with --profile %s, or set BULKHEAD_PROFILE\n", c.Name)
	})
}

// server is what to save; the key is asked for if the environment has none.
func (c *profilesSet) server(e *env) (config.Client, error) {
	s := config.Client{URL: cmp.Or(e.server.URL, os.Getenv("BULKHEAD_URL")), APIKey: os.Getenv("BULKHEAD_API_KEY")}
	if s.URL == "" {
		return s, usage("Which server? Give its address: bulkhead profiles set %s --url URL", c.Name)
	}
	if s.APIKey == "" {
		fmt.Fprintf(e.stderr, "API key for %s: ", s.URL)
		line, _ := bufio.NewReader(e.stdin).ReadString('\n') // an input that fails has no key
		s.APIKey = strings.TrimSpace(line)
	}
	if s.APIKey == "" {
		return s, usage("No key was given. Set BULKHEAD_API_KEY, or type the key when asked.")
	}
	return s, nil
}

// profile is what is shown of one.
type profile struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

type profilesList struct{}

// Run implements `bulkhead profiles list`.
func (c *profilesList) Run(e *env) error {
	all, err := config.ReadProfiles()
	if err != nil {
		return err
	}
	saved := func(yield func(profile, error) bool) {
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if !yield(profile{name, all[name].URL}, nil) {
				return
			}
		}
	}
	return printList(e, saved, "NAME\tURL", func(p profile) string { return p.Name + "\t" + p.URL })
}

type profilesDelete struct {
	Name string `arg:"" help:"The profile." complete:"profile"`
}

// Run implements `bulkhead profiles delete`.
func (c *profilesDelete) Run(e *env) error {
	all, err := config.ReadProfiles()
	if err != nil {
		return err
	}
	p, err := all.Find(c.Name)
	if err != nil {
		return err
	}
	delete(all, c.Name)
	if err := all.Write(); err != nil {
		return err
	}
	return e.print(profile{c.Name, p.URL}, func(w io.Writer) { fmt.Fprintln(w, "forgotten:", c.Name) })
}
