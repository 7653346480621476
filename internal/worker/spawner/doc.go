// SPDX-License-Identifier: Apache-2.0

// Package spawner does all privileged work of the linux driver: namespaces, mounts, control groups, /tmp images, and
// listeners inside sandboxes. It is a small process of its own, the same executable started as `gust spawner`, that
// serves the typed requests of request.go over a socket pair. When the server closes the socket, by ending in any way,
// the spawner ends every sandbox and removes what it made; when the spawner dies, every sandbox dies with it.
//
// It does not run functions: the server speaks to the PID 1 of a sandbox (cmd/gust-init) by itself, over the socket that
// a prepare answers. It decides nothing about functions.
//
// Read request.go (what can be asked), then client_linux.go (the server's side) and service_linux.go, box_linux.go and
// claim_linux.go (the spawner's side).
package spawner

import (
	"embed"
	"errors"
	"io/fs"
)

// assets holds gust-init beside a README that keeps the directory in the repository.
//
//go:embed assets
var assets embed.FS

// ErrNoInit means that the program was built without its PID 1 for sandboxes.
var ErrNoInit = errors.New("built without gust-init, the PID 1 of sandboxes: run `make build`")

// EmbeddedInit returns gust-init as it was built into this program, or ErrNoInit.
func EmbeddedInit() ([]byte, error) {
	p, err := assets.ReadFile("assets/gust-init")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoInit
	}
	return p, err
}
