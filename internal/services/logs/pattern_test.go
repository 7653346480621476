// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"strings"
	"testing"
)

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, message string
		want             bool
	}{
		{"", "anything", true},
		{"ERROR", "[ERROR] x", true},
		{"ERROR", "error", false},
		{"ERROR code", "code of ERROR", true},
		{"ERROR code", "ERROR", false},
		{`"ERROR code"`, "an ERROR code", true},
		{`"ERROR code"`, "code ERROR", false},
		{`"say \"x\" \\ \n"`, `say "x" \ \n`, true},
		{"?ERROR ?WARN", "a WARN", true},
		{"?ERROR ?WARN", "a NOTE", false},
		{`?"a b" c`, "c and a b", true},
		{`?"a b" c`, "c and b a", false},
		{"ERROR -Exiting", "ERROR here", true},
		{"ERROR -Exiting", "ERROR Exiting", false},
		{`-"a b"`, "x", true},
		{`-"a b"`, "a b", false},
		{"%40[34]%", "status 404", true},
		{"%40[34]%", "status 401", false},
		{"-%^x%", "x", false},
		{`{ $.a = "x" }`, `{"a":"x"}`, true},
		{`{ $.a = "x" }`, ` {"a":"x"}` + "\n", true},
		{`{ $.a = "x" }`, `{"a":"y"}`, false},
		{`{ $.a = "x" }`, `a="x"`, false},
		{`{ $.a = "x" }`, `{"a":"x"} and more`, false},
		{`{ $.a = x }`, `{"a":"x"}`, true},
		{`{$.a=x}`, `{"a":"x"}`, true},
		{`{ $.a != "x" }`, `{"a":"y"}`, true},
		{`{ $.a != "x" }`, `{"b":"y"}`, false},
		{`{ $.a.b[1].c = 2 }`, `{"a":{"b":[0,{"c":2}]}}`, true},
		{`{ $.a.b[1].c = 2 }`, `{"a":{"b":[0]}}`, false},
		{`{ $.["a.b"]["c"] = 2 }`, `{"a.b":{"c":2}}`, true},
		{`{ $.a = 2 }`, `{"a":2.0}`, true},
		{`{ $.a = "2" }`, `{"a":"2"}`, true},
		{`{ $.a > 1e2 }`, `{"a":101}`, true},
		{`{ $.a > 1e2 }`, `{"a":100}`, false},
		{`{ $.a >= -1 }`, `{"a":-1}`, true},
		{`{ $.a < 3 }`, `{"a":3}`, false},
		{`{ $.a <= 3 }`, `{"a":3}`, true},
		{`{ $.a < 3 }`, `{"a":"2"}`, false},
		{`{ $.a = "x*z" }`, `{"a":"xyz"}`, true},
		{`{ $.a = "x*z" }`, `{"a":"xy"}`, false},
		{`{ $.a = *y* }`, `{"a":"xyz"}`, true},
		{`{ $.a = "x*x" }`, `{"a":"x"}`, false},
		{`{ $.a = %^4\d\d$% }`, `{"a":404}`, true},
		{`{ $.a = %^4\d\d$% }`, `{"a":504}`, false},
		{`{ $.a IS NULL }`, `{"a":null}`, true},
		{`{ $.a IS NULL }`, `{}`, false},
		{`{ $.a is true }`, `{"a":true}`, true},
		{`{ $.a IS FALSE }`, `{"a":true}`, false},
		{`{ $.a NOT EXISTS }`, `{"b":1}`, true},
		{`{ $.a NOT EXISTS }`, `{"a":null}`, false},
		{`{ $.a.b NOT EXISTS }`, `{"a":1}`, true},
		{`{ $.a = 1 && $.b = 2 || $.c = 3 }`, `{"c":3}`, true},
		{`{ $.a = 1 && ($.b = 2 || $.c = 3) }`, `{"c":3}`, false},
		{`{ $.a = 1 && ($.b = 2 || $.c = 3) }`, `{"a":1,"c":3}`, true},
	} {
		p, err := parsePattern(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		if got := p.match(c.message); got != c.want {
			t.Errorf("%s of %s: %v", c.pattern, c.message, got)
		}
	}
}

func TestInvalidPatterns(t *testing.T) {
	for _, c := range []string{
		`"open`, "?", "- x", "%open", "%(%", `a"b`, "[w1, w2]", "{", "{}", "{ $ = 1 }", "{ a = 1 }", "{ $.a }", "{ $.a = }", "{ $.a = 1",
		"{ $.a = 1 } x", "{ $.a > x }", `{ $.a > "1" }`, "{ ($.a = 1 }", "{ $.a[*] = 1 }", "{ $.a[x] = 1 }", `{ $.["a" = 1 }`, "{ $.a = 1 && }", "{ $. = 1 }",
	} {
		if _, err := parsePattern(c); !strings.HasPrefix(text(err), "invalid: Invalid filter pattern: ") {
			t.Errorf("%s: %v", c, err)
		}
	}
}

func FuzzPattern(f *testing.F) {
	for _, c := range []string{`?a -"b c" %d%`, `{ $.a.b[1] = "x*" && ($.c > 1 || $.d NOT EXISTS) }`, "[a]", `{$.["`} {
		f.Add(c, `{"a":{"b":[1,"xy"]},"c":2}`)
	}
	f.Fuzz(func(t *testing.T, pattern, message string) {
		p, err := parsePattern(pattern)
		switch {
		case err == nil:
			_ = p.match(message)
		case !strings.HasPrefix(text(err), "invalid: Invalid filter pattern: "):
			t.Errorf("error %v", err)
		}
	})
}
