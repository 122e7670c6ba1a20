package cli

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
)

// scripts make a shell ask `bulkhead __complete` for the words that fit. Where there
// are none it offers files.
var scripts = map[string]string{
	"bash": `_bulkhead() {
  local IFS=$'\n'
  COMPREPLY=($("${COMP_WORDS[0]}" __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _bulkhead bulkhead
`,
	"zsh": `#compdef bulkhead
_bulkhead() {
  local -a found
  found=(${(f)"$("${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)"})
  if (( ${#found} )); then compadd -a found; else _files; fi
}
if [[ "${funcstack[1]}" == _bulkhead ]]; then _bulkhead "$@"; else compdef _bulkhead bulkhead; fi
`,
	"fish": `function __bulkhead_complete
  set -l words (commandline -opc)
  set -l program $words[1]
  set -e words[1]
  set -l last (commandline -ct)
  $program __complete -- $words "$last" 2>/dev/null
  or __fish_complete_path "$last"
end
complete -c bulkhead -f -a '(__bulkhead_complete)'
`,
}

type completionCommand struct {
	Shell string `arg:"" help:"bash, zsh or fish." enum:"bash,zsh,fish"`
}

// Run implements `bulkhead completion`.
func (c *completionCommand) Run(e *env) error {
	_, err := fmt.Fprint(e.stdout, scripts[c.Shell])
	return err
}

// completeCommand is what the scripts ask: the words of a command line without the
// program's name, of which the last is to be completed. It fails when no word fits.
type completeCommand struct {
	Words []string `arg:"" optional:"" passthrough:""`
}

// Run implements the hidden `bulkhead __complete`.
func (c *completeCommand) Run(e *env, k *kong.Context) error {
	words := slices.DeleteFunc(c.Words, func(w string) bool { return w == "=" || w == "--" }) // bash parts --flag=value at the =
	if len(words) == 0 {
		return nil
	}
	last := words[len(words)-1]
	found := slices.DeleteFunc(complete(e, k.Model.Node, words[:len(words)-1], last), func(w string) bool { return !strings.HasPrefix(w, last) })
	if len(found) == 0 {
		return outcome(exitFailed)
	}
	_, err := fmt.Fprintln(e.stdout, strings.Join(found, "\n"))
	return err
}

// complete returns what may come behind the words before.
func complete(e *env, node *kong.Node, before []string, last string) []string {
	var flag *kong.Flag // whose value is next
	position := 0
	for _, word := range before {
		switch child := find(node.Children, word); {
		case flag != nil:
			takeServer(e, flag.Name, word)
			flag = nil
		case strings.HasPrefix(word, "-"):
			flag = valueFlag(node, word)
		case child != nil:
			node = child
		default:
			position++
		}
	}
	switch {
	case flag != nil:
		return values(e, flag.Value)
	case strings.HasPrefix(last, "-"):
		return flags(node)
	case len(node.Children) > 0:
		return commands(node)
	case position < len(node.Positional):
		return values(e, node.Positional[position])
	}
	return nil
}

// takeServer notes which server is to be asked for names.
func takeServer(e *env, flag, value string) {
	switch flag {
	case "url":
		e.server.URL = value
	case "profile":
		e.server.Profile = value
	case "data-dir":
		e.server.DataDir = value
	}
}

func find(nodes []*kong.Node, name string) *kong.Node {
	if i := slices.IndexFunc(nodes, func(n *kong.Node) bool { return n.Name == name }); i >= 0 {
		return nodes[i]
	}
	return nil
}

// valueFlag returns the flag that a word names, if its value follows as the next word.
func valueFlag(node *kong.Node, word string) *kong.Flag {
	for _, f := range slices.Concat(node.AllFlags(true)...) {
		if "--"+f.Name == word && !f.IsBool() {
			return f
		}
	}
	return nil
}

func flags(node *kong.Node) (words []string) {
	for _, f := range slices.Concat(node.AllFlags(true)...) {
		words = append(words, "--"+f.Name)
	}
	return words
}

func commands(node *kong.Node) (words []string) {
	for _, child := range node.Children {
		if !child.Hidden {
			words = append(words, child.Name)
		}
	}
	return words
}

// values are the words that an argument or flag takes, as far as they can be known.
func values(e *env, v *kong.Value) []string {
	if v.Enum != "" {
		return v.EnumSlice()
	}
	switch what := v.Tag.Get("complete"); what {
	case "profile":
		all, _ := config.ReadProfiles() // what cannot be read cannot be offered
		return slices.Sorted(maps.Keys(all))
	case "state":
		return names(slices.Values(bulk.States))
	case "dataset", "import":
		return namesOf(e, what)
	}
	return nil
}

// nameTimeout bounds what a server is asked for while somebody waits for a word.
const nameTimeout = 2 * time.Second

// namesOf asks the server for its datasets or newest imports; an error ends the list.
func namesOf(e *env, what string) []string {
	api, err := e.client()
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(e.ctx, nameTimeout)
	defer cancel()
	if what == "dataset" {
		return names(func(yield func(bulk.DatasetName) bool) {
			for d, err := range list[bulk.Dataset](ctx, api, "/v1/datasets", url.Values{}) {
				if err != nil || !yield(d.Name) {
					return
				}
			}
		})
	}
	return names(func(yield func(bulk.ImportID) bool) {
		for imp, err := range first(list[bulk.Import](ctx, api, "/v1/imports", url.Values{}), 50, func() {}) {
			if err != nil || !yield(imp.ID) {
				return
			}
		}
	})
}

func names[T ~string](items iter.Seq[T]) (words []string) {
	for item := range items {
		words = append(words, string(item))
	}
	return words
}
