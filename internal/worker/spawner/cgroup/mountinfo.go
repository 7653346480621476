// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"path"
	"strings"
)

// mount is one cgroup hierarchy as /proc/self/mountinfo shows it.
type mount struct {
	version     int      // 1 or 2
	root        string   // directory of the hierarchy that is seen at point: not "/" in containers
	point       string   // absolute
	controllers []string // v1: of the superblock options
}

// parseMountinfo returns the cgroup mounts of a mountinfo text; lines that it does not understand are not cgroups'.
func parseMountinfo(text string) []mount {
	var out []mount
	for line := range strings.Lines(text) {
		left, right, ok := strings.Cut(strings.TrimSpace(line), " - ")
		if !ok {
			continue
		}
		l, r := strings.Fields(left), strings.Fields(right)
		if len(l) < 6 || len(r) < 3 {
			continue
		}
		m := mount{root: unescape(l[3]), point: unescape(l[4])}
		switch r[0] {
		case "cgroup":
			m.version, m.controllers = 1, strings.Split(r[2], ",")
		case "cgroup2":
			m.version = 2
		default:
			continue
		}
		if path.IsAbs(m.point) {
			out = append(out, m)
		}
	}
	return out
}

// unescape resolves the kernel's octal escapes (\040 is a space).
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && isOctal(s[i+1:i+4]) {
			b.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func isOctal(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '7' {
			return false
		}
	}
	return true
}

// position is the own place in one hierarchy: a line of /proc/self/cgroup.
type position struct {
	controllers []string // empty for v2
	path        string
}

// parsePositions reads /proc/self/cgroup: "ID:controllers:path" lines, "0::path" for v2.
func parsePositions(text string) []position {
	var out []position
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimRight(line, "\n"), ":", 3)
		if len(f) != 3 || !path.IsAbs(f[2]) {
			continue
		}
		p := position{path: f[2]}
		if f[1] != "" {
			p.controllers = strings.Split(f[1], ",")
		}
		out = append(out, p)
	}
	return out
}

// below returns where the position lies under the mount's point. A position outside the visible root (a cgroup
// namespace was entered from outside, the path then starts with "/..") counts as the mount's point itself.
func (m mount) below(position string) string {
	rel := position
	if m.root != "/" {
		switch {
		case position == m.root:
			rel = "/"
		case strings.HasPrefix(position, m.root+"/"):
			rel = position[len(m.root):]
		default:
			rel = "/"
		}
	}
	if rel == "/.." || strings.HasPrefix(rel, "/../") {
		rel = "/"
	}
	return path.Join(m.point, path.Clean(rel))
}
