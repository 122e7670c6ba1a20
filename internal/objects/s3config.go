package objects

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"
)

// S3Config says which bucket keeps the objects and how it is reached.
type S3Config struct {
	Bucket    string        // required; it must exist
	Prefix    string        // stands before every key with a slash. Default: none
	Endpoint  string        // http or https URL without a path. Default https://s3.amazonaws.com
	Region    string        // Default: AWS_REGION, else the server is asked
	AccessKey string        // Default: AWS_ACCESS_KEY_ID and so on, ~/.aws/credentials, then the machine's role
	SecretKey string        // goes with AccessKey
	Stall     time.Duration // silence after which a connection counts as dead. Default 30 s
	// Unconditional is for servers without If-None-Match: Put looks first and then
	// writes, so that of several writers of one key more than one may succeed.
	Unconditional bool
}

// ParseS3 reads the form
//
//	s3://[key:secret@]bucket[/prefix][?endpoint=URL&region=NAME&conditional=off]
//
// Its errors do not repeat the address.
func ParseS3(address string) (S3Config, error) {
	u, err := parse(address)
	if err != nil {
		return S3Config{}, err
	}
	if u.Scheme != "s3" || u.Host == "" {
		return S3Config{}, errors.New("objects: an S3 address is s3://bucket/prefix?endpoint=…&region=…")
	}
	cfg := S3Config{Bucket: u.Host, Prefix: strings.Trim(u.Path, "/"), AccessKey: u.User.Username()}
	cfg.SecretKey, _ = u.User.Password()
	for name, values := range u.Query() {
		switch value := values[len(values)-1]; name {
		case "endpoint":
			cfg.Endpoint = value
		case "region":
			cfg.Region = value
		case "conditional":
			if value != "on" && value != "off" {
				return S3Config{}, fmt.Errorf("objects: conditional=%q is neither on nor off", value)
			}
			cfg.Unconditional = value == "off"
		default:
			return S3Config{}, fmt.Errorf("objects: an S3 address has no parameter %q", name)
		}
	}
	return cfg, nil
}

// check fills in the defaults and returns the endpoint taken apart.
func (cfg *S3Config) check() (*url.URL, error) {
	cfg.Region = cmp.Or(cfg.Region, os.Getenv("AWS_REGION"))
	cfg.Stall = cmp.Or(cfg.Stall, 30*time.Second)
	endpoint, err := parse(cmp.Or(cfg.Endpoint, "https://s3.amazonaws.com"))
	switch {
	case err != nil:
		return nil, err
	case endpoint.Scheme != "http" && endpoint.Scheme != "https", endpoint.Host == "", strings.Trim(endpoint.Path, "/") != "":
		return nil, errors.New("objects: the S3 endpoint must be an http or https URL without a path")
	case cfg.Prefix != "" && CheckKey(cfg.Prefix) != nil:
		return nil, CheckKey(cfg.Prefix)
	case (cfg.AccessKey == "") != (cfg.SecretKey == ""):
		return nil, errors.New("objects: an S3 access key and its secret go together")
	}
	return endpoint, nil
}
