// SPDX-License-Identifier: Apache-2.0

// Command gust is the server and its tools; internal/app is the program.
package main

import (
	"os"

	"github.com/gustcloud/gust/internal/app"
)

// version is set by -ldflags "-X main.version=v1.2.3"; otherwise the Go toolchain's build information is shown.
var version string

func main() { os.Exit(app.Main(version)) }
