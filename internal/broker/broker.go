package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"bulkhead/internal/bulk"
)

// The topics; their full names begin with the prefix and a dot.
const (
	TopicBatches = "batches" // key: account
	TopicCommits = "commits" // key: import
)

// Of topics that do not exist yet. An operator who wants others creates the topics first.
const (
	newPartitions      = 16
	brokersReplication = -1 // the broker's own default
)

// Config says where the broker is. Zero values take the defaults.
type Config struct {
	Seeds    []string     // host:port of one or more brokers; required
	Prefix   string       // of the topics and groups: clusters that share a broker differ in it. Default bulkhead
	Topic    string       // that a relay writes and a consumer reads. Default TopicBatches
	Group    string       // of the consumers. Default PREFIX-dispatch, or PREFIX-mirror for TopicCommits
	Security Security     // default: plain text, no password
	Log      *slog.Logger // Default: discard
}

// EnsureTopics creates the topics that do not exist. It waits until a broker
// answers or ctx ends.
func EnsureTopics(ctx context.Context, cfg Config) error {
	cfg = cfg.withDefaults()
	client, err := cfg.client()
	if err != nil {
		return err
	}
	defer client.Close()
	answers, err := kadm.NewClient(client).CreateTopics(ctx, newPartitions, brokersReplication, nil, cfg.name(TopicBatches), cfg.name(TopicCommits))
	if err != nil {
		return fmt.Errorf("create topics: %w", err)
	}
	for _, a := range answers.Sorted() {
		if a.Err != nil && !errors.Is(a.Err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("create topic %s: %w", a.Topic, a.Err)
		}
	}
	return nil
}

func (cfg Config) withDefaults() Config {
	cfg.Prefix = cmp.Or(cfg.Prefix, "bulkhead")
	cfg.Topic = cmp.Or(cfg.Topic, TopicBatches)
	if cfg.Topic == TopicCommits {
		cfg.Group = cmp.Or(cfg.Group, cfg.Prefix+"-mirror")
	}
	cfg.Group = cmp.Or(cfg.Group, cfg.Prefix+"-dispatch")
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	return cfg
}

// name is a topic's full name.
func (cfg Config) name(topic string) string { return cfg.Prefix + "." + topic }

func (cfg Config) client(opts ...kgo.Opt) (*kgo.Client, error) {
	if len(cfg.Seeds) == 0 {
		return nil, errors.New("broker: no seeds are configured")
	}
	secure, err := cfg.Security.options()
	if err != nil {
		return nil, err
	}
	opts = append(opts, secure...)
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(cfg.Seeds...), kgo.ClientID("bulkhead"))...)
	if err != nil {
		return nil, fmt.Errorf("broker client: %w", err)
	}
	return client, nil
}

// key is what keeps references of a topic in order: one key, one partition.
func (cfg Config) key(ref bulk.BatchRef) []byte {
	if cfg.Topic == TopicBatches {
		return []byte(ref.Account)
	}
	return []byte(ref.Import)
}

// partitioner is what producer and consumer share: Kafka's own murmur2 hash of
// the key.
func partitioner() kgo.Partitioner { return kgo.StickyKeyPartitioner(nil) }

// partitionOf returns where a topic of n partitions keeps an account's references.
func partitionOf(account bulk.AccountID, n int32) int32 {
	p := partitioner().ForTopic(TopicBatches)
	return int32(p.Partition(&kgo.Record{Key: []byte(account)}, int(n)))
}
