// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
)

type doctorCommand struct{}

// Run prints the report.
func (doctorCommand) Run(ctx context.Context, e *Env) error {
	return errors.New("not there yet")
}
