// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package host

import "runtime"

// Collect has nothing to look at where no sandbox can be made.
func Collect(Options) Facts { return Facts{OS: runtime.GOOS, CPUs: runtime.NumCPU()} }
