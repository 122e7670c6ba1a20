package config

import "testing"

func TestCheckOrigins(t *testing.T) {
	for origin, good := range map[string]bool{
		"https://app.example.com": true, "http://localhost:3000": true, "http://[::1]:3000": true,
		"*": false, "null": false, "": false, "app.example.com": false, "https://": false, "https://app.example.com/": false, "https://app.example.com/x": false,
		"https://app.example.com:443": false, "http://a:80": false, "ftp://a": false, "https://me@a": false, "https://a?b": false, "https://*.example.com/": false,
	} {
		if err := CheckOrigins([]string{origin}); (err == nil) != good {
			t.Errorf("%q: %v", origin, err)
		}
	}
}
