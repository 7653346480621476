// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"regexp"
	"strconv"
	"strings"
)

// compiled returns the pattern of c for matching whole strings, or nil when there is none or Go cannot express it (look
// arounds, back references: such a pattern is not checked unless the overlay gives an equivalent).
func (r *rules) compiled(c *Constraints) *regexp.Regexp {
	if c.Pattern == "" {
		return nil
	}
	r.once.Do(func() {
		switch c.RE2 {
		case "-":
		case "":
			r.pattern, _ = CompilePattern(c.Pattern)
		default:
			r.pattern, _ = regexp.Compile(wholeString(c.RE2))
		}
	})
	return r.pattern
}

func wholeString(pattern string) string { return `\A(?:` + pattern + `)\z` }

// CompilePattern translates a pattern of the models (Java's syntax and its matching of whole strings) to Go. It fails for
// what RE2 does not have.
func CompilePattern(java string) (*regexp.Regexp, error) {
	return regexp.Compile(wholeString(translatePattern(java)))
}

// maxRepeat is RE2's limit of a counted repetition. Larger ones are relaxed: the length constraint beside them holds.
const maxRepeat = 1000

// translatePattern rewrites the escapes that Java has and Go writes otherwise: \uXXXX (with surrogate pairs), POSIX
// classes without \p{Is...}, escaped punctuation, and large repetitions.
func translatePattern(java string) string {
	var b strings.Builder
	inClass := false
	for i := 0; i < len(java); {
		c := java[i]
		switch {
		case c == '\\' && i+1 < len(java):
			text, n := translateEscape(java[i:], inClass)
			b.WriteString(text)
			i += n
			continue
		case c == '[' && !inClass:
			inClass = true
		case c == ']' && inClass:
			inClass = false
		case c == '{' && !inClass:
			if text, n := relaxRepeat(java[i:]); n > 0 {
				b.WriteString(text)
				i += n
				continue
			}
		}
		b.WriteByte(c)
		i++
	}
	return b.String()
}

// translateEscape translates the escape at the start of s and returns its length in s.
func translateEscape(s string, inClass bool) (text string, n int) {
	switch c := s[1]; c {
	case 'u':
		r, ok := hex4([]byte(s), 2)
		if !ok {
			return s[:2], 2
		}
		if r >= 0xd800 && r < 0xdc00 && strings.HasPrefix(s[6:], `\u`) {
			if low, ok := hex4([]byte(s), 8); ok && low >= 0xdc00 && low < 0xe000 {
				return codePoint((r-0xd800)<<10 | (low - 0xdc00) + 0x10000), 12
			}
		}
		return codePoint(r), 6
	case 'p', 'P':
		end := strings.IndexByte(s, '}')
		if end < 0 || s[2] != '{' {
			return s[:2], 2
		}
		class, ok := posixClasses[s[3:end]]
		if !ok {
			name := strings.TrimPrefix(s[3:end], "Is")
			return s[:3] + name + "}", end + 1
		}
		if c == 'P' {
			class = strings.Replace(class, "[:", "[:^", 1)
		}
		if !inClass {
			class = "[" + class + "]"
		}
		return class, end + 1
	case '_', '<', '>':
		return s[1:2], 2
	default:
		return s[:2], 2
	}
}

func codePoint(r rune) string { return `\x{` + strconv.FormatInt(int64(r), 16) + `}` }

// posixClasses are Java's names for US-ASCII classes.
var posixClasses = map[string]string{
	"Lower": "[:lower:]", "Upper": "[:upper:]", "ASCII": "[:ascii:]", "Alpha": "[:alpha:]", "Digit": "[:digit:]",
	"Alnum": "[:alnum:]", "Punct": "[:punct:]", "Graph": "[:graph:]", "Print": "[:print:]", "Blank": "[:blank:]",
	"Cntrl": "[:cntrl:]", "XDigit": "[:xdigit:]", "Space": "[:space:]",
}

// relaxRepeat rewrites {m,n} at the start of s where a bound is above RE2's limit; n is 0 when there is nothing to do.
func relaxRepeat(s string) (text string, n int) {
	end := strings.IndexByte(s, '}')
	if end < 0 {
		return "", 0
	}
	low, high, ranged := strings.Cut(s[1:end], ",")
	m, err := strconv.Atoi(low)
	if err != nil {
		return "", 0
	}
	h, err := strconv.Atoi(high)
	if m <= maxRepeat && (!ranged || err != nil || h <= maxRepeat) {
		return "", 0
	}
	return "{" + strconv.Itoa(min(m, maxRepeat)) + ",}", end + 1
}
