// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
)

type runtimeCommand struct {
	List runtimeListCommand `cmd:"" help:"List the managed runtimes, with the interpreter that this host has for each."`
}

type runtimeListCommand struct {
	JSON bool `help:"Print JSON instead of a table." name:"json"`
}

// Run prints the table.
func (c runtimeListCommand) Run(ctx context.Context, e *Env) error {
	return errors.New("not there yet")
}
