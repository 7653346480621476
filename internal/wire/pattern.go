// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"regexp"
	"unicode/utf8"
)

// Pattern matches whole strings with a pattern of the models, which is in Java's syntax. patternjava.go translates the
// syntax; what RE2 can express runs as a regexp, look-arounds as automata (patternlook.go). The time is linear in the
// text's length whatever the pattern. It is safe for concurrent use.
type Pattern struct {
	re       *regexp.Regexp
	low, top int // bounds of the number of code points, where the pattern is one repeated character; top 0: none
	look     *lookaround
}

// CompilePattern compiles a pattern of the models. It fails for what neither Go's regexp nor the look-arounds express.
func CompilePattern(java string) (*Pattern, error) {
	source := java
	if s, ok := withoutBackReferences[java]; ok {
		source = s
	}
	t := patternTranslator{in: source, looks: new([]lookSource)}
	out, err := t.translate()
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", java, err)
	}
	p := &Pattern{low: t.low, top: t.top}
	if len(*t.looks) > 0 {
		p.look, err = newLookaround(out, *t.looks)
	} else {
		p.re, err = regexp.Compile(`\A(?:` + out + `)\z`)
	}
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", java, err)
	}
	return p, nil
}

// MatchString tells whether all of s matches.
func (p *Pattern) MatchString(s string) bool {
	if p.top > 0 {
		if n := utf8.RuneCountInString(s); n < p.low || n > p.top {
			return false
		}
	}
	if p.look != nil {
		return p.look.match(s)
	}
	return p.re.MatchString(s)
}

// compiled returns the pattern of c, or nil when there is none. A test holds that each pattern of each model compiles.
func (r *rules) compiled(c *Constraints) *Pattern {
	if c.Pattern == "" {
		return nil
	}
	r.once.Do(func() { r.pattern, _ = CompilePattern(c.Pattern) })
	return r.pattern
}

// withoutBackReferences are the patterns with back references, written without: what their groups can hold is
// enumerated. SSM's StringDateTime: \3 is the dash between year and month or nothing, \17 the colon between hours and
// minutes, nothing, or a group that took no part, which no back reference matches.
var withoutBackReferences = map[string]string{
	`^([\-]?\d{4}(?!\d{2}\b))((-?)((0[1-9]|1[0-2])(\3([12]\d|0[1-9]|3[01]))?|W([0-4]\d|5[0-2])(-?[1-7])?|` +
		`(00[1-9]|0[1-9]\d|[12]\d{2}|3([0-5]\d|6[1-6])))([T\s]((([01]\d|2[0-3])((:?)[0-5]\d)?|24\:?00)` +
		`([\.,]\d(?!:))?)?(\17[0-5]\d([\.,]\d)?)?([zZ]|([\-])([01]\d|2[0-3]):?([0-5]\d)?)?)?)?$`: //
	`^-?\d{4}(?!\d{2}\b)(?:(?:` + isoDate + `)(?:[T\s](?:` + isoTime + `)?(?:[zZ]|-` + isoHour + `:?(?:[0-5]\d)?)?)?)?$`,
}

const (
	isoMonth = `(?:0[1-9]|1[0-2])`
	isoDay   = `(?:[12]\d|0[1-9]|3[01])`
	isoDate  = `-` + isoMonth + `(?:-` + isoDay + `)?|` + isoMonth + `(?:` + isoDay + `)?|-?W(?:[0-4]\d|5[0-2])(?:-?[1-7])?|` +
		`-?(?:00[1-9]|0[1-9]\d|[12]\d{2}|3(?:[0-5]\d|6[1-6]))`
	isoHour  = `(?:[01]\d|2[0-3])`
	isoTenth = `(?:[.,]\d(?!:))?`
	isoTime  = isoHour + `:[0-5]\d` + isoTenth + `(?::[0-5]\d(?:[.,]\d)?)?|` + isoHour + `[0-5]\d` + isoTenth +
		`(?:[0-5]\d(?:[.,]\d)?)?|` + isoHour + isoTenth + `|24:?00` + isoTenth
)
