// SPDX-License-Identifier: Apache-2.0

package main

import "strings"

// exported is the Go name of a shape or member: its model name with the first letter in upper case.
func exported(name string) string {
	if name == "" {
		return ""
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// camel turns an enum value into the rest of a Go name, as AWS's Go SDK does: python3.12 Python312,
// LATEST_PUBLISHED LatestPublished, x86_64 X8664, DryRun DryRun.
func camel(value string) string {
	shout := strings.ToUpper(value) == value
	var b strings.Builder
	start := true
	for _, r := range value {
		letter, digit := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z', r >= '0' && r <= '9'
		switch {
		case !letter && !digit:
			start = start || r != '.' // a dot does not start a word: java8.al2 is Java8al2
			continue
		case start:
			b.WriteString(strings.ToUpper(string(r)))
		case shout:
			b.WriteString(strings.ToLower(string(r)))
		default:
			b.WriteRune(r)
		}
		start = false
	}
	return b.String()
}
