// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"regexp"
	"strings"
)

// rules returns the constraints of a shape.
func (s *service) rules(name string) (attrs, error) {
	x := s.model.Shapes[name]
	a := attrs{}
	if x.Type == "structure" || x.Type == "timestamp" || x.Type == "boolean" {
		return a, nil
	}
	if x.Min != nil {
		a.text("Min", x.Min.String())
	}
	if x.Max != nil {
		a.text("Max", x.Max.String())
	}
	if x.Pattern != "" {
		a.text("Pattern", x.Pattern)
		re2, err := s.re2(name, x.Pattern)
		if err != nil {
			return nil, err
		}
		if re2 != x.Pattern {
			a.text("RE2", re2)
		}
	}
	if len(x.Enum) > 0 && !s.overlay.Shapes[name].Open {
		values := make([]string, 0, len(x.Enum))
		for _, v := range x.Enum {
			values = append(values, fmt.Sprintf("%q", v))
		}
		a.add("Enum", "[]string{"+strings.Join(values, ", ")+"}")
	}
	return a, nil
}

// re2 returns what Go's regexp takes for a pattern in Java's syntax.
func (s *service) re2(name, pattern string) (string, error) {
	re, ok := s.overlay.Patterns[name]
	if !ok {
		re = unicodeEscapes(pattern)
	}
	if re == "-" {
		return re, nil
	}
	if _, err := regexp.Compile("^(?:" + re + ")$"); err != nil {
		return "", fmt.Errorf("pattern %q needs an overlay entry: %w", pattern, err)
	}
	return re, nil
}

// The models write \uXXXX, and \u10000 for a code point beyond 16 bits where Java itself would read two characters.
var (
	wideEscape  = regexp.MustCompile(`\\u(10[0-9A-Fa-f]{4}|10000)`)
	shortEscape = regexp.MustCompile(`\\u([0-9A-Fa-f]{4})`)
	surrogates  = regexp.MustCompile(`\\u[dD]800\\u[dD][cC]00-\\u[dD][bB][fF][fF]\\u[dD][fF][fF][fF]`)
)

// unicodeEscapes rewrites Java's escapes that Go does not have.
func unicodeEscapes(p string) string {
	p = surrogates.ReplaceAllString(p, `\x{10000}-\x{10FFFF}`)
	p = wideEscape.ReplaceAllString(p, `\x{$1}`)
	return shortEscape.ReplaceAllString(p, `\x{$1}`)
}
