// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// patternTranslator rewrites Java's pattern syntax to Go's, keeping the meaning: \uXXXX with surrogate pairs, classes by
// name, the dot (Java's leaves out every line terminator), \s (with the vertical tab), repetitions above RE2's limit, and
// look-arounds, which it cuts out.
type patternTranslator struct {
	in     string
	i      int
	out    []byte
	atom   int   // where in out the atom begins that a repetition would repeat
	single bool  // the atom is one character
	groups []int // where in out the open groups begin
	dotAll bool  // after (?s)
	fold   bool  // after (?i)
	inner  bool  // the body of a look-around
	looks  *[]lookSource

	low, top int // see Pattern
}

const lineTerminators = `\n\r\x{85}\x{2028}\x{2029}`

func (t *patternTranslator) translate() (string, error) {
	for t.i < len(t.in) {
		var err error
		switch c := t.in[t.i]; c {
		case '\\':
			err = t.escape()
		case '[':
			err = t.class()
		case '(':
			err = t.open()
		case ')':
			if len(t.groups) == 0 {
				return "", errors.New("a group ends that did not begin")
			}
			t.atom, t.single = t.groups[len(t.groups)-1], false
			t.groups = t.groups[:len(t.groups)-1]
			t.copy(1)
		case '{':
			err = t.repeat()
		case '*', '+', '?', '|', '^', '$':
			t.copy(1)
		case '.':
			t.begin()
			if t.i++; t.dotAll {
				t.emit("(?s:.)")
			} else {
				t.emit("[^" + lineTerminators + "]")
			}
		default:
			t.begin()
			_, n := utf8.DecodeRuneInString(t.in[t.i:])
			t.copy(n)
		}
		if err != nil {
			return "", err
		}
	}
	return string(t.out), nil
}

// begin starts an atom of one character.
func (t *patternTranslator) begin() { t.atom, t.single = len(t.out), true }

func (t *patternTranslator) emit(text string) { t.out = append(t.out, text...) }

// copy takes n bytes as they are.
func (t *patternTranslator) copy(n int) {
	t.emit(t.in[t.i : t.i+n])
	t.i += n
}

// open begins a group, or takes a look-around as a whole.
func (t *patternTranslator) open() error {
	rest := t.in[t.i:]
	for _, form := range lookForms {
		if strings.HasPrefix(rest, form.text) {
			return t.cut(form)
		}
	}
	n := 1
	if strings.HasPrefix(rest, "(?") {
		if n = strings.IndexAny(rest, ":)") + 1; n == 0 || strings.Trim(rest[2:n-1], "ims") != "" {
			return fmt.Errorf("unknown group %.5s", rest)
		}
		t.dotAll = t.dotAll || strings.Contains(rest[:n], "s")
		t.fold = t.fold || strings.Contains(rest[:n], "i")
	}
	if rest[n-1] != ')' {
		t.groups = append(t.groups, len(t.out))
	}
	t.copy(n)
	return nil
}

// lookForm is the beginning of a look-around.
type lookForm struct {
	text             string
	behind, negative bool
}

var lookForms = []lookForm{{"(?=", false, false}, {"(?!", false, true}, {"(?<=", true, false}, {"(?<!", true, true}}

// lookSource is a look-around that was cut out; body is translated.
type lookSource struct {
	lookForm
	body string
}

// firstLook is the private-use character that stands in the place of the first look-around; the next ones follow it. It is
// in a group, so that the parser does not join it with what stands beside it.
const (
	firstLook = 0x10ff00
	maxLooks  = 0xfd
)

// cut replaces a look-around by its character. The looks are in order: those inside of another one before it.
func (t *patternTranslator) cut(form lookForm) error {
	end, err := groupEnd(t.in, t.i)
	if err != nil {
		return err
	}
	body := patternTranslator{
		in: t.in[t.i+len(form.text) : end], dotAll: t.dotAll, fold: t.fold, inner: true, looks: t.looks,
	}
	out, err := body.translate()
	if err != nil {
		return err
	}
	if t.fold {
		out = "(?i)" + out
	}
	if len(*t.looks) == maxLooks {
		return errors.New("too many look-arounds")
	}
	t.begin()
	t.single = false
	t.emit("(" + codePoint(rune(firstLook+len(*t.looks))) + ")")
	*t.looks = append(*t.looks, lookSource{form, out})
	t.i = end + 1
	return nil
}

// groupEnd finds the parenthesis that closes the group at i.
func groupEnd(s string, i int) (int, error) {
	depth, inClass := 0, false
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case inClass:
			inClass = c != ']'
		case c == '[':
			inClass = true
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth == 0 {
				return i, nil
			}
		}
	}
	return 0, errors.New("a group does not end")
}

// class copies a character class; Java's nested classes and intersections, which no model has, are refused.
func (t *patternTranslator) class() error {
	t.begin()
	t.copy(1)
	for t.i < len(t.in) {
		switch c := t.in[t.i]; {
		case c == '\\':
			if err := t.classEscape(); err != nil {
				return err
			}
		case c == ']':
			t.copy(1)
			return nil
		case c == '[' || strings.HasPrefix(t.in[t.i:], "&&"):
			return errors.New("a class in a class")
		default:
			t.copy(1)
		}
	}
	return errors.New("a class does not end")
}

// repeat takes {m,n}. RE2 counts to 1,000 only: larger ones become several in a row, and where the whole pattern is one
// repeated character, a bound of the text's length.
func (t *patternTranslator) repeat() error {
	end := strings.IndexByte(t.in[t.i:], '}')
	if end < 0 {
		return errors.New("a repetition does not end")
	}
	low, high, ranged := strings.Cut(t.in[t.i+1:t.i+end], ",")
	m, err := strconv.Atoi(low)
	n, open := m, ranged && high == ""
	if err == nil && ranged && !open {
		n, err = strconv.Atoi(high)
	}
	if err != nil || n < m {
		return fmt.Errorf("repetition %.20s", t.in[t.i:])
	}
	if n <= maxRepeat {
		t.copy(end + 1)
		return nil
	}
	before, atom, after := string(t.out[:t.atom]), string(t.out[t.atom:]), t.in[t.i+end+1:]
	t.i += end + 1
	if t.single && !t.inner && !open && (before == "" || before == "^") && (after == "" || after == "$") && len(*t.looks) == 0 {
		t.low, t.top = m, n
		t.emit("*")
		return nil
	}
	const states = 4096 // of the automaton, for one repeated character
	if n > states {
		return fmt.Errorf("repetition %d is too large inside a pattern", n)
	}
	t.out = t.out[:t.atom]
	for ; m > 0; m -= maxRepeat {
		t.emit(atom + "{" + strconv.Itoa(min(m, maxRepeat)) + "}")
		n -= min(m, maxRepeat)
	}
	for ; n > 0 && !open; n -= maxRepeat {
		t.emit(atom + "{0," + strconv.Itoa(min(n, maxRepeat)) + "}")
	}
	if open {
		t.emit(atom + "*")
	}
	return nil
}

const maxRepeat = 1000

// escape translates an escape outside of classes.
func (t *patternTranslator) escape() error {
	t.begin()
	if t.i+1 == len(t.in) {
		return errors.New("it ends in an escape")
	}
	switch c := t.in[t.i+1]; c {
	case 's', 'S':
		t.i += 2
		t.emit(map[byte]string{'s': `[\t-\r ]`, 'S': `[^\t-\r ]`}[c])
		return nil
	case 'b', 'B':
		t.copy(2)
		return nil
	case 'p', 'P':
		text, n, err := classByName(t.in[t.i:])
		if err != nil {
			return err
		}
		if t.i += n; strings.HasPrefix(text, "[") {
			text = "[" + text + "]"
		}
		t.emit(text)
		return nil
	}
	return t.character()
}

// classEscape translates an escape inside a class.
func (t *patternTranslator) classEscape() error {
	if t.i+1 == len(t.in) {
		return errors.New("it ends in an escape")
	}
	switch t.in[t.i+1] {
	case 's':
		t.i += 2
		t.emit(`\t-\r `)
		return nil
	case 'S':
		t.i += 2
		t.emit(`\x{0}-\x{8}\x{e}-\x{1f}\x{21}-\x{10ffff}`)
		return nil
	case 'p', 'P':
		text, n, err := classByName(t.in[t.i:])
		t.i += n
		t.emit(text)
		return err
	}
	return t.character()
}

// character translates an escape that means the same inside and outside of classes.
func (t *patternTranslator) character() error {
	s := t.in[t.i:]
	switch c := s[1]; {
	case c == 'u':
		r, n := unicodeEscape(s)
		if n == 0 {
			return fmt.Errorf("escape %.6s", s)
		}
		t.emit(codePoint(r))
		t.i += n
	case strings.IndexByte("dDwWtnrfax", c) >= 0:
		t.copy(2)
	case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		return fmt.Errorf("escape %.2s", s)
	case c == '_' || c == ' ' || c == '<' || c == '>' || c >= 0x80:
		t.i++ // Go refuses to escape what needs no escape
		t.copy(1)
	default:
		t.copy(2)
	}
	return nil
}

// unicodeEscape reads \uXXXX, a surrogate pair of two, or \u10000 and \u10XXXX: models write these for one character
// beyond 16 bits, where Java itself would read two.
func unicodeEscape(s string) (r rune, n int) {
	r, ok := hex4([]byte(s), 2)
	if !ok {
		return 0, 0
	}
	if r == 0x1000 && strings.HasPrefix(s[6:], "0") {
		return 0x10000, 7
	}
	if r>>8 == 0x10 && len(s) >= 8 {
		if wide, err := strconv.ParseUint(s[2:8], 16, 32); err == nil {
			return rune(wide), 8
		}
	}
	if r >= 0xd800 && r < 0xdc00 && strings.HasPrefix(s[6:], `\u`) {
		if low, ok := hex4([]byte(s), 8); ok && low >= 0xdc00 && low < 0xe000 {
			return (r-0xd800)<<10 | (low - 0xdc00) + 0x10000, 12
		}
	}
	return r, 6
}

func codePoint(r rune) string { return `\x{` + strconv.FormatInt(int64(r), 16) + `}` }

// classByName translates \p{Name} and \P{Name} at the start of s, to stand in a class.
func classByName(s string) (text string, n int, err error) {
	end := strings.IndexByte(s, '}')
	if end < 0 || s[2] != '{' {
		return "", 0, fmt.Errorf("escape %.3s", s)
	}
	class, ok := posixClasses[s[3:end]]
	switch {
	case !ok:
		class = s[:3] + strings.TrimPrefix(s[3:end], "Is") + "}"
	case s[1] == 'P':
		class = strings.Replace(class, "[:", "[:^", 1)
	}
	return class, end + 1, nil
}

// posixClasses are Java's names for US-ASCII classes.
var posixClasses = map[string]string{
	"Lower": "[:lower:]", "Upper": "[:upper:]", "ASCII": "[:ascii:]", "Alpha": "[:alpha:]", "Digit": "[:digit:]",
	"Alnum": "[:alnum:]", "Punct": "[:punct:]", "Graph": "[:graph:]", "Print": "[:print:]", "Blank": "[:blank:]",
	"Cntrl": "[:cntrl:]", "XDigit": "[:xdigit:]", "Space": "[:space:]",
}
