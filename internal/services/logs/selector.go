// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// selector is a pattern for messages that are JSON objects: { $.a.b[0] = "x" && ($.n > 3 || $.e NOT EXISTS) }.
type selector struct{ root condition }

func (s selector) match(message string) bool {
	trimmed := strings.TrimSpace(message)
	if !strings.HasPrefix(trimmed, "{") {
		return false
	}
	d := json.NewDecoder(strings.NewReader(trimmed))
	d.UseNumber()
	var v any
	return d.Decode(&v) == nil && int(d.InputOffset()) == len(trimmed) && s.root.holds(v)
}

// condition holds for a decoded message or does not.
type condition interface{ holds(v any) bool }

type (
	both   struct{ a, b condition }
	either struct{ a, b condition }
)

func (c both) holds(v any) bool   { return c.a.holds(v) && c.b.holds(v) }
func (c either) holds(v any) bool { return c.a.holds(v) || c.b.holds(v) }

// comparison is one field and what is asked of it. A field that is not there fulfils NOT EXISTS only.
type comparison struct {
	path     []string // names of members and numbers of elements
	operator string
	operand  string
	number   float64 // of an unquoted operand that is one, if numeric
	numeric  bool
	re       *regexp.Regexp // instead of operand
}

func (c *comparison) holds(v any) bool {
	for _, step := range c.path {
		switch t := v.(type) {
		case map[string]any:
			next, ok := t[step]
			if !ok {
				return c.operator == opNotExists
			}
			v = next
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(t) {
				return c.operator == opNotExists
			}
			v = t[i]
		default:
			return c.operator == opNotExists
		}
	}
	return c.compare(v)
}

const (
	opNotExists = "NOT EXISTS"
	opExists    = "EXISTS"
	opNull      = "IS NULL"
	opTrue      = "IS TRUE"
	opFalse     = "IS FALSE"
)

func (c *comparison) compare(v any) bool {
	switch c.operator {
	case opNotExists:
		return false
	case opExists:
		return true
	case opNull:
		return v == nil
	case opTrue:
		return v == true
	case opFalse:
		return v == false
	case "=":
		return c.equal(v)
	case "!=":
		return !c.equal(v)
	}
	n, ok := v.(json.Number)
	if !ok {
		return false
	}
	f, err := n.Float64()
	if err != nil {
		return false
	}
	switch c.operator {
	case "<":
		return f < c.number
	case "<=":
		return f <= c.number
	case ">":
		return f > c.number
	}
	return f >= c.number
}

func (c *comparison) equal(v any) bool {
	var s string
	switch t := v.(type) {
	case string:
		s = t
	case json.Number:
		if f, err := t.Float64(); err == nil && c.numeric {
			return f == c.number
		}
		s = t.String()
	case bool:
		s = strconv.FormatBool(t)
	default:
		return false
	}
	if c.re != nil {
		return c.re.MatchString(s)
	}
	return wildcard(c.operand, s)
}

// wildcard compares s with a pattern in which * stands for any text.
func wildcard(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, parts[0])
	if !ok {
		return false
	}
	last := parts[len(parts)-1]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(s, p)
		if i < 0 {
			return false
		}
		s = s[i+len(p):]
	}
	return strings.HasSuffix(s, last)
}
