// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"os/exec"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"

	"github.com/gustcloud/gust/internal/base/hosttest"
)

// notInPython are the forms that Python's re reads otherwise than Java, or not at all.
var notInPython = regexp.MustCompile(`\\[pP]\{|\\u[dD][89a-fA-F]|\\u10[0-9A-Fa-f]{3}|\\u1000`)

// javaDot are the line terminators that Java's dot leaves out and Python's takes.
const javaDot = "\r\u0085\u2028\u2029"

// TestPatternsAgreeWithPython makes texts for each pattern of the models, most of them near its edge, and compares with a
// backtracking matcher: Python's re with fullmatch is Java's matches() for what both have.
func TestPatternsAgreeWithPython(t *testing.T) {
	python := hosttest.Tool(t, "python3")
	type question struct {
		Pattern string   `json:"p"`
		Texts   []string `json:"t"`
	}
	var ask []question
	rng := rand.New(rand.NewPCG(1, 2))
	for _, p := range slices.Sorted(maps.Keys(mustModelPatterns(t))) {
		if notInPython.MatchString(p) {
			continue
		}
		q := question{Pattern: p}
		for _, s := range sampleTexts(t, rng, p) {
			if !strings.ContainsAny(s, javaDot) && len(s) <= 80 {
				q.Texts = append(q.Texts, s)
			}
		}
		ask = append(ask, q)
	}
	in, err := json.Marshal(ask)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", `
import json, re, sys, warnings
warnings.simplefilter("ignore")
def answer(q):
    try:
        p = re.compile(q["p"], re.A)
    except re.error:
        return None
    return [bool(p.fullmatch(s)) for s in q["t"] or []]
print(json.dumps([answer(q) for q in json.load(sys.stdin)]))`)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var answers [][]bool
	if err := json.Unmarshal(out, &answers); err != nil || len(answers) != len(ask) {
		t.Fatal(len(answers), err)
	}
	texts, matching, foreign := 0, 0, 0
	for i, q := range ask {
		if answers[i] == nil {
			foreign++
			t.Logf("Python cannot compile %s", q.Pattern)
			continue
		}
		re, err := CompilePattern(q.Pattern)
		if err != nil {
			t.Fatal(err)
		}
		for j, s := range q.Texts {
			texts++
			if answers[i][j] {
				matching++
			}
			if got := re.MatchString(s); got != answers[i][j] {
				t.Errorf("%s on %q: %t, Python says %t", q.Pattern, s, got, answers[i][j])
			}
		}
	}
	t.Logf("%d patterns, %d texts, %d of them match", len(ask), texts, matching)
	if matching < texts/10 || matching > texts*9/10 || foreign > len(ask)/20 {
		t.Errorf("the texts lie on one side, or Python knows too little: %d patterns", foreign)
	}
}

// sampleTexts returns texts that the pattern matches apart from its look-arounds, and the same with a change.
func sampleTexts(tb testing.TB, rng *rand.Rand, java string) []string {
	tb.Helper()
	source := java
	if s, ok := withoutBackReferences[java]; ok {
		source = s
	}
	tr := patternTranslator{in: source, looks: new([]lookSource)}
	out, err := tr.translate()
	if err != nil {
		tb.Fatal(err)
	}
	trees := []*syntax.Regexp{}
	for _, s := range append([]string{out}, bodies(*tr.looks)...) {
		re, err := syntax.Parse(s, syntax.Perl)
		if err != nil {
			tb.Fatal(err)
		}
		trees = append(trees, re)
	}
	texts := []string{"", "a", "1", " ", "\n"}
	for range 40 {
		s := string(sample(nil, rng, trees[0]))
		texts = append(texts, s)
		if len(trees) > 1 { // what a look-around looks for, before, behind and alone
			look := string(sample(nil, rng, trees[1+rng.IntN(len(trees)-1)]))
			texts = append(texts, look, look+s, s+look)
		}
		if runes := []rune(s); len(runes) > 0 {
			i, strange := rng.IntN(len(runes)), []rune(" -.:/aA0_$é\n~")[rng.IntN(13)]
			texts = append(texts, string(runes[:i])+string(runes[i+1:]), string(runes[:i])+string(strange)+string(runes[i:]),
				string(runes[:i])+string(strange)+string(runes[i+1:]), s+s, s+"\n", string(runes[i:])+string(runes[:i]))
		}
	}
	return texts
}

func bodies(looks []lookSource) []string {
	var list []string
	for _, l := range looks {
		list = append(list, l.body)
	}
	return list
}

// sample appends a text that re matches, as far as empty conditions allow.
func sample(b []byte, rng *rand.Rand, re *syntax.Regexp) []byte {
	times := func(low, high int) {
		if high < 0 || high > low+3 {
			high = low + 3
		}
		for range low + rng.IntN(high-low+1) {
			b = sample(b, rng, re.Sub[0])
		}
	}
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			if r < firstLook || r >= firstLook+maxLooks {
				b = append(b, string(r)...)
			}
		}
	case syntax.OpCharClass:
		i := 2 * rng.IntN(len(re.Rune)/2)
		low, high := re.Rune[i], min(re.Rune[i+1], re.Rune[i]+200)
		b = append(b, string(low+rng.Int32N(high-low+1))...)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b = append(b, "a .é/"[rng.IntN(3)])
	case syntax.OpCapture, syntax.OpConcat:
		for _, sub := range re.Sub {
			b = sample(b, rng, sub)
		}
	case syntax.OpAlternate:
		b = sample(b, rng, re.Sub[rng.IntN(len(re.Sub))])
	case syntax.OpStar:
		times(0, -1)
	case syntax.OpPlus:
		times(1, -1)
	case syntax.OpQuest:
		times(0, 1)
	case syntax.OpRepeat:
		times(re.Min, re.Max)
	default:
	}
	return b
}
