// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tokenKind tells the words of the Smithy IDL apart.
type tokenKind int

const (
	tokenEnd    tokenKind = iota
	tokenName             // an identifier, or a shape id: aws.api#service, Shape$member
	tokenString           // text holds the value
	tokenNumber
	tokenMark // one of { } ( ) [ ] : = @ $ or :=
)

type token struct {
	kind tokenKind
	text string
	line int
}

// lex splits the text of a model. Commas are white space in the IDL.
func lex(text string) ([]token, error) {
	var out []token
	line := 1
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '\n':
			line++
			i++
		case c == ' ' || c == '\t' || c == '\r' || c == ',':
			i++
		case strings.HasPrefix(text[i:], "//"):
			n := strings.IndexByte(text[i:], '\n')
			if n < 0 {
				n = len(text) - i
			}
			i += n
		case c == '"':
			value, n, err := lexString(text[i:])
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", line, err)
			}
			out = append(out, token{tokenString, value, line})
			line += strings.Count(text[i:i+n], "\n")
			i += n
		case strings.HasPrefix(text[i:], ":="):
			out = append(out, token{tokenMark, ":=", line})
			i += 2
		case strings.IndexByte("{}()[]:=@$", c) >= 0:
			out = append(out, token{tokenMark, string(c), line})
			i++
		case c == '-' || '0' <= c && c <= '9':
			n := span(text[i:], func(r rune) bool { return unicode.IsDigit(r) || strings.ContainsRune("+-.eE", r) })
			out = append(out, token{tokenNumber, text[i : i+n], line})
			i += n
		default:
			n := span(text[i:], func(r rune) bool {
				return r == '_' || r == '.' || r == '#' || r == '$' || unicode.IsLetter(r) || unicode.IsDigit(r)
			})
			if n == 0 {
				return nil, fmt.Errorf("line %d: unexpected %q", line, c)
			}
			out = append(out, token{tokenName, text[i : i+n], line})
			i += n
		}
	}
	return append(out, token{tokenEnd, "", line}), nil
}

func span(text string, in func(rune) bool) int {
	if n := strings.IndexFunc(text, func(r rune) bool { return !in(r) }); n >= 0 {
		return n
	}
	return len(text)
}

// lexString reads the string or text block that text starts with and returns the bytes it takes.
func lexString(text string) (value string, n int, err error) {
	quote := `"`
	if strings.HasPrefix(text, `"""`) {
		quote = `"""`
	}
	end := len(quote)
	for !strings.HasPrefix(text[end:], quote) {
		if end >= len(text) {
			return "", 0, fmt.Errorf("unterminated string")
		}
		if text[end] == '\\' {
			end++
		}
		end++
	}
	body := strings.ReplaceAll(text[len(quote):end], "\r\n", "\n")
	if len(quote) == 3 {
		body = strip(body)
	}
	value, err = unescape(body)
	return value, end + len(quote), err
}

// strip removes what a text block has for the reader only: the line break after the opening quotes, the indentation that
// all lines share (the closing quotes' line counts), and blanks at the ends of lines.
func strip(body string) string {
	lines := strings.Split(strings.TrimPrefix(body, "\n"), "\n")
	common := -1
	for i, l := range lines {
		if strings.TrimSpace(l) == "" && i < len(lines)-1 {
			continue
		}
		if indent := len(l) - len(strings.TrimLeft(l, " ")); common < 0 || indent < common {
			common = indent
		}
	}
	for i, l := range lines {
		lines[i] = strings.TrimRight(l[min(max(common, 0), len(l)):], " ")
	}
	return strings.Join(lines, "\n")
}

func unescape(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		i++
		if i == len(s) {
			return "", fmt.Errorf("a backslash ends the string")
		}
		switch s[i] {
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 'r':
			b.WriteByte('\r')
		case 'b':
			b.WriteByte('\b')
		case 'f':
			b.WriteByte('\f')
		case '\n': // an escaped line break is none
		case 'u':
			var r rune
			if i+5 > len(s) {
				return "", fmt.Errorf("incomplete escape")
			}
			if _, err := fmt.Sscanf(s[i+1:i+5], "%04x", &r); err != nil {
				return "", fmt.Errorf("escape %q: %w", s[i:i+5], err)
			}
			b.Write(utf8.AppendRune(nil, r))
			i += 4
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), nil
}
