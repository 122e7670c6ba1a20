package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"

	"bulkhead/internal/bulk"
)

type accountsCommand struct {
	Create    accountsCreate    `cmd:"" help:"Create an account."`
	List      accountsList      `cmd:"" help:"List accounts with their quota, weight and cap."`
	SetQuota  accountsSetQuota  `cmd:"" help:"Set how many records an account may keep."`
	SetWeight accountsSetWeight `cmd:"" help:"Set an account's share of the cluster."`
	SetCap    accountsSetCap    `cmd:"" help:"Set how many batches of an account may be in flight at once."`
}

type accountsCreate struct {
	Name   string `arg:"" help:"Name of the account."`
	Quota  *int64 `help:"Records it may keep. Default: the server's." placeholder:"N"`
	Weight *int   `help:"Share of the cluster, 1 to ${max_weight}. Default: the server's." placeholder:"W"`
}

// accountChange is what the API takes; what is left out stays.
type accountChange struct {
	Name   string `json:"name,omitempty"`
	Quota  *int64 `json:"record_quota,omitempty"`
	Weight *int   `json:"weight,omitempty"`
}

// Run implements `bulkhead accounts create`.
func (c *accountsCreate) Run(e *env) error {
	return sendAccount(e, http.MethodPost, "/v1/accounts", accountChange{c.Name, c.Quota, c.Weight})
}

type accountsSetQuota struct {
	ID    string `arg:"" help:"The account."`
	Quota int64  `arg:"" help:"Records it may keep."`
}

// Run implements `bulkhead accounts set-quota`.
func (c *accountsSetQuota) Run(e *env) error {
	return sendAccount(e, http.MethodPatch, accountPath(c.ID), accountChange{Quota: &c.Quota})
}

type accountsSetWeight struct {
	ID     string `arg:"" help:"The account."`
	Weight int    `arg:"" help:"Share of the cluster, 1 to ${max_weight}."`
}

// Run implements `bulkhead accounts set-weight`.
func (c *accountsSetWeight) Run(e *env) error {
	return sendAccount(e, http.MethodPatch, accountPath(c.ID), accountChange{Weight: &c.Weight})
}

type accountsSetCap struct {
	ID  string `arg:"" help:"The account."`
	Cap string `arg:"" help:"Batches in flight at once: a number, or none for no bound. 0 pauses the account."`
}

// Run implements `bulkhead accounts set-cap`.
func (c *accountsSetCap) Run(e *env) error {
	var limit *int
	if c.Cap != "none" {
		n, err := strconv.Atoi(c.Cap)
		if err != nil {
			return usage("the cap is %q; give a number of batches, or none.", c.Cap)
		}
		limit = &n
	}
	return sendAccount(e, http.MethodPatch, accountPath(c.ID), map[string]*int{"cap": limit})
}

func accountPath(id string) string { return "/v1/accounts/" + url.PathEscape(id) }

func sendAccount(e *env, method, path string, change any) error {
	api, err := e.client()
	if err != nil {
		return err
	}
	var a bulk.Account
	if err := api.call(e.ctx, request{method: method, path: path, in: change}, &a); err != nil {
		return err
	}
	return e.print(a, func(w io.Writer) { fmt.Fprintf(w, "%s\n%s\n", accountHeading, accountRow(a)) })
}

type accountsList struct{}

// Run implements `bulkhead accounts list`.
func (c *accountsList) Run(e *env) error {
	api, err := e.client()
	if err != nil {
		return err
	}
	return printList(e, list[bulk.Account](e.ctx, api, "/v1/accounts", url.Values{}), accountHeading, accountRow)
}

const accountHeading = "ID\tNAME\tRECORDS\tQUOTA\tWEIGHT\tCAP\tCREATED AT"

func accountRow(a bulk.Account) string {
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%d\t%s\t%s", a.ID, a.Name, humanize.Comma(a.RecordsUsed), humanize.Comma(a.RecordQuota), a.Weight, capText(a.Cap), a.CreatedAt.UTC().Format(time.RFC3339))
}

func capText(limit *int) string {
	switch {
	case limit == nil:
		return "none"
	case *limit == 0:
		return "0 (paused)"
	}
	return strconv.Itoa(*limit)
}
