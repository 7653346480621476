// SPDX-License-Identifier: Apache-2.0

package runtimes

import "strings"

type family int

const (
	familyCustom family = iota
	familyPython
	familyNode
)

// spec is one runtime name.
type spec struct {
	name    string
	family  family
	version string // "3.11", "20"; "" for custom runtimes
}

// order is the order in which the runtimes are shown.
// Source: "Lambda runtimes", AWS Lambda Developer Guide, read 2026-11, and older names that still work there.
var order = []spec{
	{"python3.10", familyPython, "3.10"},
	{"python3.11", familyPython, "3.11"},
	{"python3.12", familyPython, "3.12"},
	{"python3.13", familyPython, "3.13"},
	{"python3.14", familyPython, "3.14"},
	{"nodejs18.x", familyNode, "18"},
	{"nodejs20.x", familyNode, "20"},
	{"nodejs22.x", familyNode, "22"},
	{"nodejs24.x", familyNode, "24"},
	{"provided.al2", familyCustom, ""},
	{"provided.al2023", familyCustom, ""},
	{"go1.x", familyCustom, ""},
}

var specs = func() map[string]spec {
	m := make(map[string]spec, len(order))
	for _, s := range order {
		m[s.name] = s
	}
	return m
}()

// Names returns the runtimes that Gust can run when the host has their interpreter.
func Names() []string {
	out := make([]string, len(order))
	for i, s := range order {
		out[i] = s.name
	}
	return out
}

// fix is the command that gives the host what the runtime needs.
func (s spec) fix() string {
	switch s.family {
	case familyPython:
		return "install Python " + s.version + ": apt install python" + s.version + ", or pyenv install " + s.version +
			", or uv python install " + s.version
	case familyNode:
		return "install Node.js " + s.version + ": nvm install " + s.version + ", or mise install node@" + s.version
	default:
		return ""
	}
}

// executables are the file names under which an interpreter is found, the exact one first.
func (s spec) executables() []string {
	switch s.family {
	case familyPython:
		return []string{"python" + s.version, "python3"}
	case familyNode:
		return []string{"node", "nodejs", "node" + s.version}
	default:
		return nil
	}
}

// matches tells whether a version that an interpreter told ("3.11.7", "20.20.2") is this runtime's.
func (s spec) matches(version string) bool { return strings.HasPrefix(version, s.version+".") }
