// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// mustModelPatterns returns every pattern of every imported model with the shapes that have it ("sts.arnType").
func mustModelPatterns(tb testing.TB) map[string][]string {
	tb.Helper()
	names, err := filepath.Glob("../awsapi/model/*.json")
	if err != nil || len(names) == 0 {
		tb.Fatal("no models", err)
	}
	patterns := map[string][]string{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		var model struct {
			Shapes map[string]struct{ Pattern string }
		}
		if err := json.Unmarshal(b, &model); err != nil {
			tb.Fatal(name, err)
		}
		for shape, x := range model.Shapes {
			if x.Pattern != "" {
				patterns[x.Pattern] = append(patterns[x.Pattern], strings.TrimSuffix(filepath.Base(name), ".json")+"."+shape)
			}
		}
	}
	return patterns
}

// special are the patterns that RE2 does not take after a change of spelling.
var special = regexp.MustCompile(`\(\?<?[=!]|\\[1-9]|\{\d{4,}[,}]|,\d{4,}\}`)

// TestEveryPatternOfEveryModelIsChecked: each compiles, and each that is not mere regexp has examples below.
func TestEveryPatternOfEveryModelIsChecked(t *testing.T) {
	patterns := mustModelPatterns(t)
	examples := map[string]bool{}
	for _, tt := range specialPatterns {
		examples[tt.pattern] = true
		if patterns[tt.pattern] == nil && !tt.gone {
			t.Errorf("no model has %s any more", tt.pattern)
		}
	}
	look, rest := 0, 0
	for p, shapes := range patterns {
		c, err := CompilePattern(p)
		if err != nil {
			t.Errorf("%v: %v", shapes, err)
			continue
		}
		if c.look != nil {
			look++
		} else {
			rest++
		}
		if special.MatchString(p) && !examples[p] {
			t.Errorf("%v: no examples for %s", shapes, p)
		}
	}
	t.Logf("%d patterns: %d as regexps, %d with look-arounds", len(patterns), rest, look)
}

func TestPatternsMatchAsInJava(t *testing.T) {
	tests := []struct{ name, pattern, match, refuse string }{
		{"whole string", `a|ab`, "ab", "abc"},
		{"newline at the end", `^[a-z]+$`, "ab", "ab\n"},
		{"code points", `[\u0020-\uD7FF\uE000-\uFFFD\r\n\t]*`, "a é\n", "\x01"},
		{"surrogate pairs", `[\u0020-\uD7FF\uD800\uDC00-\uDBFF\uDFFF]*`, "a😀", "\x01"},
		{"five and six digits", `[\uE000-\uFFFD\u10000-\u10FFFF]+`, "\U00010000\U0010FFFF", "\uffff"},
		{"posix class", `\p{Print}+`, "a b~", "é"},
		{"posix class in a class", `[\p{Alnum}_-]+`, "aZ9_-", "!"},
		{"negated posix class", `\P{ASCII}+`, "é", "e"},
		{"unicode class", `[\p{L}\p{Z}\p{N}_.:/=+\-@]+`, "é 1:", "\x01"},
		{"class with Is", `\p{IsL}+`, "é", "1"},
		{"the dot and a carriage return", `a.b`, "aéb", "a\rb"},
		{"the dot and a line separator", `a.b`, "a\tb", "a\u2028b"},
		{"the dot of a flag", `(?s).*`, "a\nb\u2028", ""},
		{"white space", `[^\s]+\s`, "a\v", "a\v\v"},
		{"no white space", `\S[\S,]`, "a,", "a\v"},
		{"anything", `[\s\S]*`, "a\n\v", ""},
		{"large repetition", `^.{1,2000}$`, strings.Repeat("é", 2000), strings.Repeat("é", 2001)},
		{"large repetition at least", `.{2,2000}`, "ab", "a"},
		{"large repetition inside", `x.{1,2000}y`, "x" + strings.Repeat("a", 2000) + "y", "x" + strings.Repeat("a", 2001) + "y"},
		{"large repetition without end", `x[a-z]{1500,}`, "x" + strings.Repeat("a", 1501), "x" + strings.Repeat("a", 1499)},
		{"large repetition of a group", `(ab){1,1200}c`, strings.Repeat("ab", 1200) + "c", strings.Repeat("ab", 1201) + "c"},
		{"escaped punctuation", `[a-z\_\-]+\/\<`, "a_-/<", "a"},
		{"a character of two bytes", `é{2}`, "éé", "é"},
		{"look ahead inside a loop", `(a(?=b)b)+`, "abab", "aba"},
		{"look ahead in a look ahead", `(?!a(?=b)).*`, "ac", "ab"},
		{"look ahead beside a character", `((?=b)|a)(b|c)`, "b", "c"},
		{"two at one position", `(?=a)(?!ab)[a-c]+`, "ac", "ab"},
		{"look behind", `.*(?<=ab)c*`, "xabcc", "xacc"},
		{"look behind with an anchor", `a?(?<!^)b`, "ab", "b"},
		{"the dollar before the last newline", `(?!a$)[a-z\n]+`, "ab\n", "a\n"},
		{"the dollar inside a line end", `(?!a\r$)[a-z\r\n]+`, "a\r\n", "a\r"},
		{"word boundary", `(?=.*\bx\b).*`, "a x", "ax"},
		{"case", `(?i)(?!AWS:).*`, "ab", "aWs:x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			re, err := CompilePattern(tt.pattern)
			if err != nil {
				t.Fatal(err)
			}
			if !re.MatchString(tt.match) {
				t.Errorf("%s does not match %.40q", tt.pattern, tt.match)
			}
			if tt.refuse != "" && re.MatchString(tt.refuse) {
				t.Errorf("%s matches %.40q", tt.pattern, tt.refuse)
			}
		})
	}
}

// TestCompilePatternRefuses: what would mean something else in Go is an error, never another meaning.
func TestCompilePatternRefuses(t *testing.T) {
	for _, p := range []string{
		`(a)\1`, `a*+`, `a++b`, `(?>a)`, `[a-z&&[^b]]`, `[[a]]`, `\h`, `[\R]`, `a\`, `[a`, `(a`, `a)`, `(?=a`, `a{`, `a{2,1}`,
		`a{x}`, `x{1,9000}y`, `\u12`, `\p{L`, `\p{Nonsense}`, `(?=a{1,3000})(?<name>a)`,
	} {
		if _, err := CompilePattern(p); err == nil {
			t.Errorf("%s compiled", p)
		}
	}
}

// TestPatternsTakeLinearTime: what makes a backtracking matcher run for ages does not here, and a text without bounds ends.
func TestPatternsTakeLinearTime(t *testing.T) {
	start := time.Now()
	for _, tt := range []struct{ pattern, text string }{
		{`(?!x)(a|a)*b`, strings.Repeat("a", 1<<16)},
		{`(?=(a*)*b)a*`, strings.Repeat("a", 1<<16)},
		{`(.*(?<=(a|aa)*b))*c`, strings.Repeat("a", 1<<16)},
		{`(a*)*b`, strings.Repeat("a", 1<<20)},
		{`(?=.{20,2048}$)a+`, strings.Repeat("a", 10<<20)},
	} {
		re, err := CompilePattern(tt.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if re.MatchString(tt.text) {
			t.Errorf("%s matches", tt.pattern)
		}
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestSpecialPatterns(t *testing.T) {
	for _, tt := range specialPatterns {
		re, err := CompilePattern(tt.pattern)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, s := range tt.accept {
			if !re.MatchString(s) {
				t.Errorf("%s refuses %.60q", tt.pattern, s)
			}
		}
		for _, s := range tt.refuse {
			if re.MatchString(s) {
				t.Errorf("%s accepts %.60q", tt.pattern, s)
			}
		}
		if len(tt.accept) == 0 || len(tt.refuse) == 0 {
			t.Errorf("%s has no examples", tt.pattern)
		}
	}
}
