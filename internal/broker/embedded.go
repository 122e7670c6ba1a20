package broker

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Cluster is a broker inside this process.
type Cluster struct {
	fake *kfake.Cluster
}

// Embedded starts a broker on a free loopback port, with what it holds in
// dataDir. Every write is on disk before it is acknowledged, so a killed process
// loses nothing that it promised. The port changes with every start.
func Embedded(dataDir string) (*Cluster, error) {
	fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(dataDir), kfake.SyncWrites())
	if err != nil {
		return nil, fmt.Errorf("start embedded broker in %s: %w", dataDir, err)
	}
	return &Cluster{fake: fake}, nil
}

// Seeds returns the broker's address for [Config].
func (c *Cluster) Seeds() []string { return c.fake.ListenAddrs() }

// Close stops the broker.
func (c *Cluster) Close() { c.fake.Close() }
