package config

import (
	"net/url"

	"bulkhead/internal/bulk"
)

// CheckOrigins returns a KindInvalid error about the first of the origins that no
// browser would send.
func CheckOrigins(origins []string) error {
	for _, origin := range origins {
		u, err := url.Parse(origin)
		port := map[string]string{"http": "80", "https": "443"}
		switch {
		case err != nil || port[u.Scheme] == "" || u.Host == "" || u.Scheme+"://"+u.Host != origin:
			return bulk.Errorf(bulk.KindInvalid, "bad_config", "BULKHEAD_ALLOWED_ORIGINS has %q; an origin is like https://app.example.com, with no path. Name each; there is no sign for all.", origin)
		case u.Port() == port[u.Scheme]:
			return bulk.Errorf(bulk.KindInvalid, "bad_config", "BULKHEAD_ALLOWED_ORIGINS has %q; browsers leave the port %s out, so do that too.", origin, u.Port())
		}
	}
	return nil
}
