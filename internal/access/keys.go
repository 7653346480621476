// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"time"
)

// Key is a long-term access key as requests are checked with it.
type Key struct {
	Principal Principal
	Secret    string
	Active    bool
}

// Keys finds the long-term access keys of all accounts. It is safe for concurrent use and fast: it is asked with every
// request. What it finds is never older than the last change that its own process has acknowledged, and at most seconds
// older than what another process has changed.
type Keys interface {
	// Key finds an access key by its id.
	Key(ctx context.Context, accessKeyID string) (Key, bool, error)
	// Used notes that a request signed with the key was verified. It does no I/O.
	Used(accessKeyID, region, service string, now time.Time)
}
