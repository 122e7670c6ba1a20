package broker

import (
	"crypto/tls"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"bulkhead/internal/bulk"
)

// Security is how the brokers are reached and who we are there.
type Security struct {
	TLS      bool   // with the machine's certificate authorities
	SASL     string // "", plain, scram-sha-256 or scram-sha-512
	User     string
	Password string
}

func (s Security) options() (opts []kgo.Opt, err error) {
	if s.TLS {
		opts = append(opts, kgo.DialTLSConfig(&tls.Config{MinVersion: tls.VersionTLS12}))
	}
	switch s.SASL {
	case "":
	case "plain":
		opts = append(opts, kgo.SASL(plain.Auth{User: s.User, Pass: s.Password}.AsMechanism()))
	case "scram-sha-256":
		opts = append(opts, kgo.SASL(scram.Auth{User: s.User, Pass: s.Password}.AsSha256Mechanism()))
	case "scram-sha-512":
		opts = append(opts, kgo.SASL(scram.Auth{User: s.User, Pass: s.Password}.AsSha512Mechanism()))
	default:
		err = bulk.Errorf(bulk.KindInvalid, "bad_config", "BULKHEAD_BROKER_SASL is %q; use plain, scram-sha-256 or scram-sha-512.", s.SASL)
	}
	return opts, err
}
