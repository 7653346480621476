// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"slices"
	"strconv"
	"strings"
)

// parseSelector reads a pattern in braces.
//
//	pattern    = "{" either "}"
//	either     = both { "||" both }
//	both       = one { "&&" one }
//	one        = "(" either ")" | path operator
//	path       = "$" { "." name | "[" number "]" | [ "." ] "[" quoted "]" }
//
// Source: "Filter pattern syntax", CloudWatch Logs User Guide, read 2026-11.
func parseSelector(text string) (pattern, error) {
	p := &selectorParser{rest: text}
	if !p.take("{") {
		return nil, p.fail()
	}
	root, err := p.either()
	if err != nil {
		return nil, err
	}
	if !p.take("}") || p.skip() != "" {
		return nil, p.fail()
	}
	return selector{root}, nil
}

// selectorParser goes through the text from left to right. Its depth is bounded by the 1,024 characters of a pattern.
type selectorParser struct{ rest string }

func (p *selectorParser) fail() error {
	if p.rest == "" {
		return invalidPattern("it ends too early")
	}
	return invalidPattern("at " + p.rest)
}

// skip drops white space and returns what is left.
func (p *selectorParser) skip() string {
	p.rest = strings.TrimLeft(p.rest, " \t\r\n")
	return p.rest
}

func (p *selectorParser) take(token string) bool {
	rest, ok := strings.CutPrefix(p.skip(), token)
	if ok {
		p.rest = rest
	}
	return ok
}

// keyword takes words in any case, with white space between them.
func (p *selectorParser) keyword(words string) bool {
	rest := p.skip()
	for word := range strings.FieldsSeq(words) {
		rest = strings.TrimLeft(rest, " \t\r\n")
		if len(rest) < len(word) || !strings.EqualFold(rest[:len(word)], word) {
			return false
		}
		if rest = rest[len(word):]; rest != "" && wordByte(rest[0]) {
			return false
		}
	}
	p.rest = rest
	return true
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

func (p *selectorParser) either() (condition, error) {
	c, err := p.both()
	for err == nil && p.take("||") {
		var next condition
		next, err = p.both()
		c = either{c, next}
	}
	return c, err
}

func (p *selectorParser) both() (condition, error) {
	c, err := p.one()
	for err == nil && p.take("&&") {
		var next condition
		next, err = p.one()
		c = both{c, next}
	}
	return c, err
}

func (p *selectorParser) one() (condition, error) {
	if p.take("(") {
		c, err := p.either()
		if err == nil && !p.take(")") {
			err = p.fail()
		}
		return c, err
	}
	path, err := p.path()
	if err != nil {
		return nil, err
	}
	for _, op := range []string{opNotExists, opExists, opNull, opTrue, opFalse} {
		if p.keyword(op) {
			return &comparison{path: path, operator: op}, nil
		}
	}
	for _, op := range []string{"!=", "<=", ">=", "=", "<", ">"} { // longer ones first
		if p.take(op) {
			c := &comparison{path: path, operator: op}
			return c, p.operand(c)
		}
	}
	return nil, p.fail()
}

func (p *selectorParser) path() ([]string, error) {
	if !p.take("$") {
		return nil, p.fail()
	}
	var path []string
	for {
		switch {
		case strings.HasPrefix(p.rest, "[*]"), strings.HasPrefix(p.rest, ".*"):
			return nil, invalidPattern("Gust does not support wildcards in the path of a field yet")
		case strings.HasPrefix(p.rest, `["`), strings.HasPrefix(p.rest, `.["`):
			name, rest, err := cutQuoted(p.rest[strings.IndexByte(p.rest, '"'):])
			if err != nil {
				return nil, err
			}
			var ok bool
			if p.rest, ok = strings.CutPrefix(rest, "]"); !ok {
				return nil, p.fail()
			}
			path = append(path, name)
		case strings.HasPrefix(p.rest, "["):
			number, rest, ok := strings.Cut(p.rest[1:], "]")
			if _, err := strconv.ParseUint(number, 10, 16); err != nil || !ok {
				return nil, p.fail()
			}
			path, p.rest = append(path, number), rest
		case strings.HasPrefix(p.rest, "."):
			n := 1
			for n < len(p.rest) && (wordByte(p.rest[n]) || strings.IndexByte("-@:/", p.rest[n]) >= 0 || p.rest[n] >= 0x80) {
				n++
			}
			if n == 1 {
				return nil, p.fail()
			}
			path, p.rest = append(path, p.rest[1:n]), p.rest[n:]
		case len(path) == 0:
			return nil, p.fail()
		default:
			return path, nil
		}
	}
}

// operand reads what a field is compared with: "text", %expression%, a number or a bare word.
func (p *selectorParser) operand(c *comparison) error {
	ordered := !slices.Contains([]string{"=", "!="}, c.operator)
	switch rest := p.skip(); {
	case rest == "":
		return p.fail()
	case ordered && (rest[0] == '"' || rest[0] == '%'):
		return invalidPattern(c.operator + " compares numbers only")
	case rest[0] == '"':
		var err error
		c.operand, p.rest, err = cutQuoted(rest)
		return err
	case rest[0] == '%':
		t, rest, err := cutTerm(rest)
		c.re, p.rest = t.re, rest
		return err
	}
	n := strings.IndexAny(p.rest, " \t\r\n)}&|(\"")
	if n <= 0 {
		return p.fail()
	}
	c.operand, p.rest = p.rest[:n], p.rest[n:]
	f, err := strconv.ParseFloat(c.operand, 64)
	c.number, c.numeric = f, err == nil
	if ordered && !c.numeric {
		return invalidPattern(c.operator + " compares numbers only")
	}
	return nil
}
