// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package spawner

import (
	"fmt"
	"os"
)

// Main says that there is no spawner on this system.
func Main([]string) int {
	fmt.Fprintln(os.Stderr, "the spawner needs Linux")
	return 2
}
