// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"regexp"
	"strings"
)

// pattern decides which messages a read wants.
type pattern interface{ match(message string) bool }

// invalidPattern is the error of a pattern that AWS refuses or Gust does not know; the text is unverified.
func invalidPattern(why string) error { return invalid("Invalid filter pattern: " + why) }

// parsePattern reads a filter pattern: terms, or a JSON selector in braces.
//
// Source: "Filter pattern syntax", CloudWatch Logs User Guide, read 2026-11.
func parsePattern(text string) (pattern, error) {
	text = strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(text, "{"):
		return parseSelector(text)
	case strings.HasPrefix(text, "["):
		return nil, invalidPattern("Gust does not support patterns of space-delimited fields ([...]) yet")
	}
	return parseTerms(text)
}

// terms is a pattern for text: all required terms, none of the excluded ones, and one of the optional ones if there are any.
type terms struct{ required, optional, excluded []term }

// term is found in a message anywhere, with its case.
type term struct {
	text string
	re   *regexp.Regexp // nil: text
}

func (t term) in(message string) bool {
	if t.re != nil {
		return t.re.MatchString(message)
	}
	return strings.Contains(message, t.text)
}

func (p *terms) match(message string) bool {
	for _, t := range p.excluded {
		if t.in(message) {
			return false
		}
	}
	for _, t := range p.required {
		if !t.in(message) {
			return false
		}
	}
	for _, t := range p.optional {
		if t.in(message) {
			return true
		}
	}
	return len(p.optional) == 0
}

func parseTerms(text string) (*terms, error) {
	p := &terms{}
	for {
		text = strings.TrimLeft(text, " \t\r\n")
		if text == "" {
			return p, nil
		}
		list := &p.required
		switch text[0] {
		case '?':
			list, text = &p.optional, text[1:]
		case '-':
			list, text = &p.excluded, text[1:]
		}
		t, rest, err := cutTerm(text)
		if err != nil {
			return nil, err
		}
		*list, text = append(*list, t), rest
	}
}

// cutTerm takes a word, a "phrase" or a %regular expression% off the front of text.
func cutTerm(text string) (t term, rest string, err error) {
	switch {
	case strings.HasPrefix(text, `"`):
		t.text, rest, err = cutQuoted(text)
		return t, rest, err
	case strings.HasPrefix(text, "%"):
		expression, rest, ok := strings.Cut(text[1:], "%")
		if !ok || expression == "" {
			return t, "", invalidPattern("a regular expression without its closing %")
		}
		if t.re, err = regexp.Compile(expression); err != nil {
			return t, "", invalidPattern("the regular expression " + expression)
		}
		return t, rest, nil
	}
	end := strings.IndexAny(text, " \t\r\n")
	if end < 0 {
		end = len(text)
	}
	if end == 0 {
		return t, "", invalidPattern("a sign without a term")
	}
	if strings.ContainsAny(text[:end], `"%`) {
		return t, "", invalidPattern("the term " + text[:end])
	}
	return term{text: text[:end]}, text[end:], nil
}

// cutQuoted takes a quoted string off the front of text; a backslash keeps the sign behind it.
func cutQuoted(text string) (s, rest string, err error) {
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return b.String(), text[i+1:], nil
		case c == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\'):
			i++
			b.WriteByte(text[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", invalidPattern("a phrase without its closing quotation mark")
}
