package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Query asks the store of BULKHEAD_STORE by psql and returns its lines. In SQL, :'schema'
// is the schema of the cluster, in which names are looked up.
func Query(ctx context.Context, sql string) (string, error) {
	address, schema, _ := strings.Cut(os.Getenv("BULKHEAD_STORE"), "&search_path=")
	psql := exec.CommandContext(ctx, "psql", "-AtqX", "-v", "ON_ERROR_STOP=1", "-v", "schema="+schema, "-f", "-", address)
	psql.Stdin = strings.NewReader("SET search_path TO :\"schema\";\n" + sql)
	out, err := psql.Output()
	if failed, is := errors.AsType[*exec.ExitError](err); is {
		err = fmt.Errorf("psql: %w: %s", err, failed.Stderr)
	}
	return string(out), err
}
