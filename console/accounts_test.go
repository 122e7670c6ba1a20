package console

import (
	"encoding/json"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
)

func TestAccounts(t *testing.T) {
	a := newAPI(t)
	rec := a.do(a.olga, "POST", "/v1/accounts", `{"name":"Acme","record_quota":5,"weight":3}`, "Content-Type", jsonType)
	acme := decode[bulk.Account](t, rec)
	if rec.Code != 201 || rec.Header().Get("Location") != "/v1/accounts/"+string(acme.ID) || acme.Name != "Acme" || acme.RecordQuota != 5 || acme.Weight != 3 {
		t.Fatalf("got %d %s", rec.Code, rec.Body)
	}
	if plain := decode[bulk.Account](t, a.do(a.olga, "POST", "/v1/accounts", `{"name":"Plain"}`, "Content-Type", jsonType)); plain.Weight != 1 || plain.RecordQuota != defaultQuota {
		t.Errorf("defaults %+v", plain)
	}
	path := "/v1/accounts/" + string(acme.ID)
	changed := decode[bulk.Account](t, a.do(a.olga, "PATCH", path, `{"weight":16}`, "Content-Type", jsonType))
	if changed.Weight != 16 || changed.RecordQuota != 5 {
		t.Errorf("after setting the weight: %+v", changed)
	}
	if changed = decode[bulk.Account](t, a.do(a.olga, "PATCH", path, `{"record_quota":0}`, "Content-Type", jsonType)); changed.RecordQuota != 0 || changed.Weight != 16 {
		t.Errorf("after setting the quota: %+v", changed)
	}
	for body, want := range map[string]string{`{"cap":3}`: "3", `{"weight":2}`: "3", `{"cap":0,"weight":2}`: "0", `{"cap":null}`: "null"} {
		a.accounts[acme.ID].Cap = new(3)
		changed := decode[map[string]json.RawMessage](t, a.do(a.olga, "PATCH", path, body, "Content-Type", jsonType))
		if got := string(changed["cap"]); got != want {
			t.Errorf("after %s the cap is %s, want %s", body, got, want)
		}
	}
	if list := decode[struct{ Accounts []bulk.Account }](t, a.do(a.olga, "GET", "/v1/accounts", "")); len(list.Accounts) != 5 {
		t.Errorf("%d accounts, want 5", len(list.Accounts))
	}
	for body, code := range map[string]string{
		`{"name":""}`: "bad_json", `{"name":"\t"}`: "bad_name", `{"name":"x","weight":17}`: "bad_weight", `{"name":"x","record_quota":-1}`: "bad_quota", `{"name":"x","quota":1}`: "bad_json", `{"name":"x","weight":null}`: "bad_json",
	} {
		wantProblem(t, a.do(a.olga, "POST", "/v1/accounts", body, "Content-Type", jsonType), 400, code)
	}
	for body, code := range map[string]string{`{}`: "bad_json", `{"name":"x"}`: "bad_json", `{"weight":0}`: "bad_weight", `{"record_quota":-1}`: "bad_quota", `{"cap":-1}`: "bad_cap", `{"cap":"all"}`: "bad_cap", `{"cap":100001}`: "bad_cap"} {
		wantProblem(t, a.do(a.olga, "PATCH", path, body, "Content-Type", jsonType), 400, code)
	}
	wantProblem(t, a.do(a.olga, "GET", "/v1/accounts/"+string(bulk.NewAccountID()), ""), 404, "not_found")
	wantProblem(t, a.do(a.olga, "PATCH", "/v1/accounts/acc_x", `{"weight":2}`, "Content-Type", jsonType), 404, "not_found")
}

func TestKeys(t *testing.T) {
	a := newAPI(t)
	path := "/v1/accounts/" + string(a.bobID) + "/keys"
	rec := a.do(a.olga, "POST", path, `{"name":"ci"}`, "Content-Type", jsonType)
	k := decode[struct {
		bulk.APIKey
		Secret string
	}](t, rec)
	if rec.Code != 201 || !bulk.ValidSecret(k.Secret) || !strings.HasPrefix(k.Secret, k.Prefix+"_") || k.Account != a.bobID || k.Name != "ci" || k.Operator {
		t.Fatalf("got %d %s", rec.Code, rec.Body)
	}
	if rec := a.do(k.Secret, "GET", "/v1/usage", ""); rec.Code != 200 {
		t.Errorf("the new key: got %d", rec.Code)
	}
	if list := a.do(a.olga, "GET", path, "").Body.String(); strings.Contains(list, k.Secret) || !strings.Contains(list, string(k.ID)) {
		t.Errorf("list %s", list)
	}
	wantProblem(t, a.do(a.olga, "DELETE", "/v1/accounts/"+string(a.aliceID)+"/keys/"+string(k.ID), ""), 404, "not_found")
	if rec := a.do(a.olga, "DELETE", path+"/"+string(k.ID), ""); rec.Code != 204 {
		t.Errorf("revoke: got %d %s", rec.Code, rec.Body)
	}
	wantProblem(t, a.do(k.Secret, "GET", "/v1/usage", ""), 401, "unauthorized")
	wantProblem(t, a.do(a.olga, "DELETE", path+"/key_x", ""), 404, "not_found")
	wantProblem(t, a.do(a.olga, "POST", path, `{"admin":true}`, "Content-Type", jsonType), 400, "bad_json")
	wantProblem(t, a.do(a.olga, "POST", "/v1/accounts/"+string(bulk.NewAccountID())+"/keys", `{}`, "Content-Type", jsonType), 404, "not_found")
}
