package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"bulkhead/internal/bulk"
	"bulkhead/internal/wait"
)

// Outbox is the ledger's list of batches whose references are not published.
type Outbox interface {
	// Unpublished returns at most limit references, oldest first.
	Unpublished(ctx context.Context, limit int) ([]bulk.BatchRef, error)
	// MarkPublished takes them off the list: publishing began so long ago.
	MarkPublished(ctx context.Context, ids []bulk.BatchID, ago time.Duration) error
}

// The bounds of a relay.
const (
	relayBatch   = 1000             // references a round
	relaySweep   = time.Second      // without being woken
	relayTimeout = 10 * time.Second // of one publication
)

// relayBackoff is how long a relay waits while something is down.
var relayBackoff = wait.Backoff{First: 2 * relaySweep, Longest: 15 * time.Second, Jitter: 0.25}

// Relay publishes what waits in the outbox, at least once.
type Relay struct {
	cfg    Config
	outbox Outbox
	client *kgo.Client
	woken  chan struct{}
}

// NewRelay returns a relay that works once Run is called.
func NewRelay(cfg Config, outbox Outbox) (*Relay, error) {
	cfg = cfg.withDefaults()
	client, err := cfg.client(
		kgo.RecordPartitioner(partitioner()),
		kgo.ProducerLinger(0), // a small import waits for this
		kgo.RecordDeliveryTimeout(relayTimeout),
	)
	if err != nil {
		return nil, err
	}
	return &Relay{cfg: cfg, outbox: outbox, client: client, woken: make(chan struct{}, 1)}, nil
}

// Staged says that the outbox may hold something. It never blocks; calls that
// come while a round runs are merged into one more round.
func (r *Relay) Staged() {
	select {
	case r.woken <- struct{}{}:
	default:
	}
}

// Run publishes when woken and every second until ctx ends. While the ledger or
// the broker is down it tries less and less often, and says so once.
func (r *Relay) Run(ctx context.Context) error {
	defer r.client.Close()
	for failures := 0; ; {
		err := r.drain(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			if failures++; failures == 1 {
				r.cfg.Log.WarnContext(ctx, "references cannot be published, trying on", "error", err)
			}
			_ = wait.For(ctx, relayBackoff.After(failures, rand.Float64())) // waking does not shorten it
			continue
		case failures > 0:
			r.cfg.Log.InfoContext(ctx, "publishing references works again")
			failures = 0
		}
		_ = wait.UntilWoken(ctx, relaySweep, r.woken)
	}
}

// drain publishes until the outbox is empty.
func (r *Relay) drain(ctx context.Context) error {
	for {
		refs, err := r.outbox.Unpublished(ctx, relayBatch)
		if err != nil {
			return fmt.Errorf("read outbox: %w", err)
		}
		if len(refs) == 0 {
			return nil
		}
		if err := r.publish(ctx, refs); err != nil {
			return err
		}
	}
}

// publish sends the references and marks those that every replica has.
func (r *Relay) publish(ctx context.Context, refs []bulk.BatchRef) error {
	records := make([]*kgo.Record, len(refs))
	for i, ref := range refs {
		value, err := json.Marshal(ref)
		if err != nil {
			return fmt.Errorf("encode reference %s: %w", ref.ID(), err)
		}
		records[i] = &kgo.Record{Topic: r.cfg.name(r.cfg.Topic), Key: r.cfg.key(ref), Value: value}
	}
	index := make(map[*kgo.Record]bulk.BatchID, len(refs))
	for i, record := range records {
		index[record] = refs[i].ID()
	}
	began := time.Now()
	results := r.client.ProduceSync(ctx, records...)
	published := make([]bulk.BatchID, 0, len(refs))
	for _, result := range results {
		if result.Err == nil {
			published = append(published, index[result.Record])
		}
	}
	var failed error
	if err := results.FirstErr(); err != nil {
		failed = fmt.Errorf("publish references: %w", err)
	}
	if len(published) > 0 {
		if err := r.outbox.MarkPublished(ctx, published, time.Since(began)); err != nil {
			return errors.Join(failed, fmt.Errorf("mark published: %w", err))
		}
	}
	return failed
}
