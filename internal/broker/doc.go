// Package broker moves batch references from the ledger to the dispatchers over a
// Kafka topic, through franz-go against Kafka or Redpanda, or against kfake in
// the same process.
//
//	ledger ─Outbox─▶ Relay ──▶ topic PREFIX.batches ──▶ Consumer ──▶ dispatcher
//	(published_at IS NULL)      key: account, JSON       group PREFIX-dispatch
//
// The same relay and consumer carry references of committed batches to the mirror,
// over the topic PREFIX.commits with the import as its key ([Config.Topic]). The prefix
// is "bulkhead" unless clusters share a broker ([Config.Prefix]).
//
// The topic is a hint and the ledger the truth. The relay publishes at least once:
// it marks a batch as published after every replica acknowledged it. The
// consumer's offsets only bound what is read again after a restart: they are
// committed at the low watermark of finished references, for the partitions and
// the assignment in which they were read, and never after a partition was lost.
//
// An account's references are all in one partition, found by the same hash on both
// sides, so exactly one consumer of the group owns the account.
package broker
