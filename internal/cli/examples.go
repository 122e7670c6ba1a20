package cli

import (
	"strings"

	"github.com/alecthomas/kong"
)

// examples are shown by a command's --help.
var examples = map[string][]string{
	"dev":        {"bulkhead dev --demo", "bulkhead dev --data-dir /var/lib/bulkhead --listen 127.0.0.1:9000 --analytics off"},
	"console":    {"bulkhead console --store postgres://bulkhead@db/bulkhead --objects s3://bulkhead --cluster-secret 0123456789abcdef"},
	"ingest":     {"bulkhead ingest --store postgres://bulkhead@db/bulkhead --brokers kafka:9092 --objects s3://bulkhead --cluster-secret 0123456789abcdef"},
	"dispatcher": {"bulkhead dispatcher --store postgres://bulkhead@db/bulkhead --brokers kafka:9092 --objects s3://bulkhead --cluster-secret 0123456789abcdef"},
	"processor":  {"bulkhead processor --store postgres://bulkhead@db/bulkhead --objects s3://bulkhead --cluster-secret 0123456789abcdef --slots 4"},
	"mirror":     {"bulkhead mirror --store postgres://bulkhead@db/bulkhead --brokers kafka:9092 --objects s3://bulkhead --analytics clickhouse://clickhouse:9000/"},
	"migrate":    {"bulkhead migrate --store postgres://bulkhead@db/bulkhead"},
	"reconcile":  {"bulkhead reconcile", "bulkhead reconcile --store postgres://bulkhead@db/bulkhead --analytics clickhouse://clickhouse:9000/ --json"},

	"datasets infer": {"bulkhead datasets infer people.csv --key id > people.yaml"},
	"datasets apply": {"bulkhead datasets apply people.yaml", "bulkhead datasets infer people.csv --key id | bulkhead datasets apply"},
	"datasets list":  {"bulkhead datasets list"},
	"datasets show":  {"bulkhead datasets show people > people.yaml"},

	"import": {
		"bulkhead import people.csv --dataset people --wait",
		"bulkhead import people.csv --dataset people --mode upsert --on-error 1% --map 'E-mail=email'",
		"zcat people.csv.gz | bulkhead import - --dataset people --wait --json",
		"bulkhead import people.csv --dataset people --resume imp_06h0kg88xx9t49ncse80k4yr60",
	},
	"imports list":    {"bulkhead imports list --state failed", "bulkhead imports list --all --json > imports.ndjson"},
	"imports show":    {"bulkhead imports show imp_06h0kg88xx9t49ncse80k4yr60"},
	"imports watch":   {"bulkhead imports watch imp_06h0kg88xx9t49ncse80k4yr60"},
	"imports cancel":  {"bulkhead imports cancel imp_06h0kg88xx9t49ncse80k4yr60"},
	"imports pause":   {"bulkhead imports pause imp_06h0kg88xx9t49ncse80k4yr60"},
	"imports resume":  {"bulkhead imports resume imp_06h0kg88xx9t49ncse80k4yr60"},
	"imports approve": {"bulkhead imports approve imp_06h0kg88xx9t49ncse80k4yr60"},
	"imports rejects": {"bulkhead imports rejects imp_06h0kg88xx9t49ncse80k4yr60 > rejects.csv"},
	"imports receipt": {"bulkhead imports receipt imp_06h0kg88xx9t49ncse80k4yr60 --json"},
	"verify":          {"bulkhead verify imp_06h0kg88xx9t49ncse80k4yr60 --source people.csv"},

	"generate contacts": {"bulkhead generate contacts --rows 1000000 --reject-rate 0 > contacts.csv"},
	"generate spec":     {"bulkhead generate spec | bulkhead datasets apply"},
	"simulate fairness": {"bulkhead simulate fairness --only E1,E4 --seeds 3", "bulkhead simulate fairness --attack --plays 100"},
	"csv sniff":         {"bulkhead csv sniff people.csv", "bulkhead csv sniff export.txt --delimiter tab --encoding windows-1252 --json"},
	"csv normalize":     {"bulkhead csv normalize export.txt --delimiter ';' > clean.csv"},

	"accounts create":     {"bulkhead accounts create 'Blue Cat' --quota 1000000 --weight 2"},
	"accounts list":       {"bulkhead accounts list"},
	"accounts set-quota":  {"bulkhead accounts set-quota acc_06h0kg88xx9t49ncse80k4yr60 5000000"},
	"accounts set-weight": {"bulkhead accounts set-weight acc_06h0kg88xx9t49ncse80k4yr60 4"},
	"accounts set-cap":    {"bulkhead accounts set-cap acc_06h0kg88xx9t49ncse80k4yr60 none"},
	"keys create":         {"bulkhead keys create --account acc_06h0kg88xx9t49ncse80k4yr60 --name nightly"},
	"keys list":           {"bulkhead keys list --account acc_06h0kg88xx9t49ncse80k4yr60"},
	"keys revoke":         {"bulkhead keys revoke key_06h0kg88xx9t49ncse80k4yr60 --account acc_06h0kg88xx9t49ncse80k4yr60"},

	"profiles set":    {"bulkhead profiles set production --url https://bulkhead.example.com", "bulkhead imports list --profile production"},
	"profiles list":   {"bulkhead profiles list"},
	"profiles delete": {"bulkhead profiles delete production"},
	"completion": {
		"source <(bulkhead completion bash)",
		"bulkhead completion zsh > \"${fpath[1]}/_bulkhead\"",
		"bulkhead completion fish > ~/.config/fish/completions/bulkhead.fish",
	},
}

// addExamples makes the examples part of the commands' help.
func addExamples(k *kong.Kong) error {
	for _, leaf := range k.Model.Leaves(true) {
		if lines := examples[leaf.Path()]; len(lines) > 0 {
			leaf.Detail = "Examples:\n\n    " + strings.Join(lines, "\n    ")
		}
	}
	return nil
}
