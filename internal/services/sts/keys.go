// SPDX-License-Identifier: Apache-2.0

package sts

import "time"

// Quotas. Source: "AssumeRole", AWS STS API reference, read 2026-11. The service stores nothing.
const (
	defaultDuration = time.Hour
	maxDuration     = 12 * time.Hour
	maxChained      = time.Hour // of a role that another role's session assumes
	// functionDuration is how long the credentials of an execution environment are valid; AWS renews an environment
	// within 14 hours at the latest (unverified), here idle eviction and updates come first.
	functionDuration = 12 * time.Hour
)
