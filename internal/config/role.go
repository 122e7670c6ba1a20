package config

import (
	"cmp"
	"net"
	"net/netip"
	"os"

	"bulkhead/internal/bulk"
)

// RoleConfig are the settings of a role that runs as a process of its own. The tags
// are those of the command line, which fills it from flags, a file and variables.
type RoleConfig struct {
	Store         string   `help:"postgres://USER@HOST/DATABASE, or sqlite:PATH." env:"BULKHEAD_STORE" required:""`
	Brokers       []string `help:"Kafka or Redpanda, HOST:PORT,…" env:"BULKHEAD_BROKERS" placeholder:"HOST:PORT"`
	TopicPrefix   string   `help:"Of topics and consumer groups; clusters that share brokers need one each." default:"bulkhead" env:"BULKHEAD_TOPIC_PREFIX"`
	Objects       string   `help:"s3://BUCKET/PREFIX?endpoint=URL&region=R, or file:///FOLDER." env:"BULKHEAD_OBJECTS"`
	Analytics     string   `help:"clickhouse://HOST:PORT/." env:"BULKHEAD_ANALYTICS"`
	Listen        string   `help:"Address of this process." default:":8080" env:"BULKHEAD_LISTEN" placeholder:"HOST:PORT"`
	Advertise     string   `help:"URL under which other roles reach this process; default: http://HOSTNAME:PORT." env:"BULKHEAD_ADVERTISE" placeholder:"URL"`
	ClusterSecret string   `help:"Shared by every process of the cluster, 16 bytes or more." env:"BULKHEAD_CLUSTER_SECRET"`
	EventStreams  int      `help:"Live event streams that an account may have open at a console; default: ${event_streams}." env:"BULKHEAD_EVENT_STREAMS"`
	Slots         int      `help:"Batches that a processor works on at once; default: one a CPU." env:"BULKHEAD_SLOTS"`
	BatchRows     int      `help:"Rows that ingest puts into one batch, 1 to ${max_batch_rows}; default: ${max_batch_rows}." env:"BULKHEAD_BATCH_ROWS"`

	Order string `help:"Which batch a dispatcher takes next: fair, or fifo, which is there for comparison." default:"fair" enum:"fair,fifo" env:"BULKHEAD_ORDER"`

	BrokerTLS      bool   `name:"broker-tls" help:"Reach the brokers by TLS." env:"BULKHEAD_BROKER_TLS"`
	BrokerSASL     string `name:"broker-sasl" help:"plain, scram-sha-256 or scram-sha-512." env:"BULKHEAD_BROKER_SASL"`
	BrokerUser     string `help:"For SASL." env:"BULKHEAD_BROKER_USER"`
	BrokerPassword string `help:"For SASL." env:"BULKHEAD_BROKER_PASSWORD"`

	Pprof string `help:"Serve Go's profiles on this loopback address, HOST:PORT; default: nowhere." env:"BULKHEAD_PPROF" placeholder:"HOST:PORT"`

	OperatorKey string `help:"For migrate: the API key of the first operator, bhk_…; default: one is made and printed." env:"BULKHEAD_OPERATOR_KEY"`

	SecureCookies  bool     `help:"Serve cookies over HTTPS only; set it where TLS ends in front of the console." env:"BULKHEAD_SECURE_COOKIES"`
	AllowedOrigins []string `help:"Origins whose pages may use the console's API with a key, https://HOST,…; default: none." env:"BULKHEAD_ALLOWED_ORIGINS" placeholder:"ORIGIN"`
	JSONLogs       bool     `name:"json-logs" help:"Log JSON." env:"BULKHEAD_JSON_LOGS"`
}

// OrderFIFO serves all accounts as one, first come, first served.
const OrderFIFO = "fifo"

// minSecret is the least length of the cluster secret in bytes.
const minSecret = 16

// Check returns a KindInvalid error that names the first setting which does not fit the role.
func (c RoleConfig) Check(role bulk.Role) error {
	missing := func(name string) error {
		return bulk.Errorf(bulk.KindInvalid, "bad_config", "%s must be set for the role %s.", name, role)
	}
	if c.BatchRows < 0 || c.BatchRows > bulk.MaxBatchRows {
		return bulk.Errorf(bulk.KindInvalid, "bad_config", "BULKHEAD_BATCH_ROWS is %d; set 1 to %d, or leave it out.", c.BatchRows, bulk.MaxBatchRows)
	}
	if c.EventStreams < 0 {
		return bulk.Errorf(bulk.KindInvalid, "bad_config", "BULKHEAD_EVENT_STREAMS is %d; set 1 or more, or leave it out.", c.EventStreams)
	}
	if err := CheckOrigins(c.AllowedOrigins); err != nil {
		return err
	}
	needs := map[bulk.Role][]string{
		bulk.RoleConsole: {"secret", "objects"}, bulk.RoleIngest: {"secret", "objects", "brokers"}, bulk.RoleDispatcher: {"secret", "objects", "brokers"},
		bulk.RoleProcessor: {"secret", "objects"}, bulk.RoleMirror: {"objects", "brokers", "analytics"},
	}
	for _, need := range needs[role] {
		switch {
		case need == "secret" && len(c.ClusterSecret) < minSecret:
			return bulk.Errorf(bulk.KindInvalid, "bad_config", "BULKHEAD_CLUSTER_SECRET must have %d bytes or more, the same in every process.", minSecret)
		case need == "objects" && c.Objects == "":
			return missing("BULKHEAD_OBJECTS")
		case need == "brokers" && len(c.Brokers) == 0:
			return missing("BULKHEAD_BROKERS")
		case need == "analytics" && c.Analytics == "":
			return missing("BULKHEAD_ANALYTICS")
		}
	}
	if c.Pprof != "" && !loopback(c.Pprof) {
		return bulk.Errorf(bulk.KindInvalid, "bad_config", "BULKHEAD_PPROF must be a loopback address and a port, such as 127.0.0.1:6060: profiles are not for others.")
	}
	return nil
}

func loopback(address string) bool {
	a, err := netip.ParseAddrPort(address)
	return err == nil && a.Addr().IsLoopback()
}

// URL is the address that other roles are told; port is the one listened on.
func (c RoleConfig) URL(addr net.Addr) string {
	_, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		port = "8080"
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return cmp.Or(c.Advertise, "http://"+net.JoinHostPort(host, port))
}
