// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

type versionCommand struct{}

// Run prints one line: version, commit, Go version and platform.
func (versionCommand) Run(e *Env) error {
	_, err := fmt.Fprintf(e.Stdout, "gust %s (%s %s/%s)\n",
		Version(e.Version), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// Version is the version that a build shows: override when it is set (by -ldflags), else what the Go toolchain recorded
// of the module and its commit.
func Version(override string) string {
	if override != "" {
		return override
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return describe(info)
}

// describe turns build information into "v1.2.3" or "devel 0123456789ab", "modified" when the tree had changes.
func describe(info *debug.BuildInfo) string {
	v := info.Main.Version
	var revision, modified string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = " modified"
		}
	}
	if v == "" || v == "(devel)" {
		v = "devel"
		if revision != "" {
			v += " " + revision[:min(12, len(revision))] + modified
		}
	}
	return v
}
