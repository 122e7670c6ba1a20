package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"bulkhead/internal/bulk"
)

type keysCommand struct {
	Create keysCreate `cmd:"" help:"Create an API key; its secret is shown once."`
	List   keysList   `cmd:"" help:"List an account's keys."`
	Revoke keysRevoke `cmd:"" help:"Make a key useless at once."`
}

// accountFlag names the account that keys belong to.
type accountFlag struct {
	Account string `required:"" help:"Account that the keys belong to." placeholder:"ID"`
}

func (f accountFlag) path() string { return accountPath(f.Account) + "/keys" }

type keysCreate struct {
	accountFlag `embed:""`
	Name        string `help:"What the key is for." placeholder:"NAME"`
	Operator    bool   `help:"Let it define datasets and manage accounts."`
}

// Run implements `bulkhead keys create`.
func (c *keysCreate) Run(e *env) error {
	api, err := e.client()
	if err != nil {
		return err
	}
	in := struct {
		Name     string `json:"name,omitempty"`
		Operator bool   `json:"operator"`
	}{c.Name, c.Operator}
	var key struct {
		bulk.APIKey
		Secret string `json:"secret"`
	}
	if err := api.call(e.ctx, request{method: http.MethodPost, path: c.path(), in: in}, &key); err != nil {
		return err
	}
	if !e.json {
		fmt.Fprintf(e.stderr, "Key %s; keep what follows, it is not shown again.\n", key.ID)
	}
	return e.print(key, func(w io.Writer) { fmt.Fprintln(w, key.Secret) })
}

type keysList struct {
	accountFlag `embed:""`
}

// Run implements `bulkhead keys list`.
func (c *keysList) Run(e *env) error {
	api, err := e.client()
	if err != nil {
		return err
	}
	return printList(e, list[bulk.APIKey](e.ctx, api, c.path(), url.Values{}), "ID\tNAME\tPREFIX\tOPERATOR\tLAST USED\tREVOKED", func(k bulk.APIKey) string {
		return fmt.Sprintf("%s\t%s\t%s\t%t\t%s\t%s", k.ID, k.Name, k.Prefix, k.Operator, timeText(k.LastUsedAt), timeText(k.RevokedAt))
	})
}

func timeText(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

type keysRevoke struct {
	accountFlag `embed:""`
	ID          string `arg:"" help:"The key."`
}

// Run implements `bulkhead keys revoke`.
func (c *keysRevoke) Run(e *env) error {
	api, err := e.client()
	if err != nil {
		return err
	}
	if err := api.call(e.ctx, request{method: http.MethodDelete, path: c.path() + "/" + url.PathEscape(c.ID)}, nil); err != nil {
		return err
	}
	return e.print(map[string]string{"revoked": c.ID}, func(w io.Writer) { fmt.Fprintln(w, "revoked", c.ID) })
}
