// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// lookaround matches patterns with look-aheads and look-behinds, which RE2 does not have, in linear time. Whether a
// look-around holds depends on the position only. So one run of an automaton over the text finds all positions where a
// look-around holds (a look-ahead's body is reversed and run from the end), those inside of others first; in the
// automaton of the pattern itself a look-around is then a condition on the position, like a word boundary. The method is
// that of Barrière and Pit-Claudel, "Linear Matching of JavaScript Regular Expressions", 2024.
type lookaround struct {
	main  *syntax.Prog
	looks []look
	cost  int // states of all automata
}

type look struct {
	prog             *syntax.Prog
	behind, negative bool
}

// maxLookSteps bounds states times bytes of one match, about half a second. Real values take thousands; a text beyond the
// bound, which only a pattern without a length constraint beside it can meet, counts as not matching.
const maxLookSteps = 1 << 26

func newLookaround(pattern string, sources []lookSource) (*lookaround, error) {
	main, err := automaton(pattern, false)
	if err != nil {
		return nil, err
	}
	l := &lookaround{main: main, cost: len(main.Inst)}
	for _, s := range sources {
		prog, err := automaton(s.body, !s.behind)
		if err != nil {
			return nil, err
		}
		l.looks = append(l.looks, look{prog, s.behind, s.negative})
		l.cost += len(prog.Inst)
	}
	return l, nil
}

func automaton(pattern string, reversed bool) (*syntax.Prog, error) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	if reversed {
		reverse(re)
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return nil, fmt.Errorf("compile: %w", err)
	}
	return prog, nil
}

// reverse turns re into what matches the reversed texts. Anchors stay: a run judges them by their place in the text.
func reverse(re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpConcat:
		slices.Reverse(re.Sub)
	case syntax.OpLiteral:
		slices.Reverse(re.Rune)
	default:
	}
	for _, sub := range re.Sub {
		reverse(sub)
	}
}

func (l *lookaround) match(text string) bool {
	if (len(text)+1)*l.cost > maxLookSteps {
		return false
	}
	r := lookRun{text: text}
	for _, k := range l.looks {
		at := r.run(k.prog, !k.behind, true)
		if k.negative {
			for i := range at {
				at[i] = !at[i]
			}
		}
		r.holds = append(r.holds, at)
	}
	return r.run(l.main, false, false)[len(text)]
}

// lookRun is the matching of one text.
type lookRun struct {
	text  string
	holds [][]bool // for each look-around the positions, in bytes, where it holds

	queue []uint32 // the states of the current position
	stamp []int    // by state: the position that it was queued at, plus 1
}

// run returns the positions at which prog has matched. It starts at the first position only, or at each; backward runs
// from the text's end.
func (r *lookRun) run(prog *syntax.Prog, backward, everywhere bool) []bool {
	matched := make([]bool, len(r.text)+1)
	r.stamp = make([]int, len(prog.Inst))
	r.queue = r.queue[:0]
	var next []uint32
	at := 0
	if backward {
		at = len(r.text)
	}
	for first := true; ; first = false {
		if first || everywhere {
			r.add(prog, uint32(prog.Start), at)
		}
		c, to := r.step(at, backward)
		next = next[:0]
		for i := 0; i < len(r.queue); i++ { // add makes the queue longer
			inst := &prog.Inst[r.queue[i]]
			switch inst.Op {
			case syntax.InstMatch:
				matched[at] = true
			case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
				if k := lookOf(inst); k >= 0 {
					if r.holds[k][at] {
						r.add(prog, inst.Out, at)
					}
				} else if to >= 0 && inst.MatchRune(c) {
					next = append(next, inst.Out)
				}
			default:
			}
		}
		if to < 0 {
			return matched
		}
		at = to
		r.queue = r.queue[:0]
		for _, pc := range next {
			r.add(prog, pc, at)
		}
	}
}

// step returns the next character and the position behind it, -1 at the end.
func (r *lookRun) step(at int, backward bool) (c rune, to int) {
	switch {
	case backward && at > 0:
		c, n := utf8.DecodeLastRuneInString(r.text[:at])
		return c, at - n
	case !backward && at < len(r.text):
		c, n := utf8.DecodeRuneInString(r.text[at:])
		return c, at + n
	}
	return 0, -1
}

// lookOf returns the number of the look-around that inst stands for, or -1.
func lookOf(inst *syntax.Inst) int {
	if len(inst.Rune) == 1 && inst.Rune[0] >= firstLook && inst.Rune[0] < firstLook+maxLooks {
		return int(inst.Rune[0] - firstLook)
	}
	return -1
}

// add queues state pc and all that follow from it without a character.
func (r *lookRun) add(prog *syntax.Prog, pc uint32, at int) {
	if r.stamp[pc] == at+1 {
		return
	}
	r.stamp[pc] = at + 1
	switch inst := &prog.Inst[pc]; inst.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		r.add(prog, inst.Out, at)
		r.add(prog, inst.Arg, at)
	case syntax.InstCapture, syntax.InstNop:
		r.add(prog, inst.Out, at)
	case syntax.InstEmptyWidth:
		if r.empty(syntax.EmptyOp(inst.Arg), at) {
			r.add(prog, inst.Out, at)
		}
	case syntax.InstFail:
	default:
		r.queue = append(r.queue, pc)
	}
}

// empty tells whether the conditions hold. Java's dollar stands before a line terminator at the text's end, too.
func (r *lookRun) empty(op syntax.EmptyOp, at int) bool {
	if op&(syntax.EmptyBeginText|syntax.EmptyBeginLine) != 0 && at != 0 {
		return false
	}
	if op&(syntax.EmptyEndText|syntax.EmptyEndLine) != 0 {
		switch r.text[at:] {
		case "\n":
			if at > 0 && r.text[at-1] == '\r' {
				return false // never between these two
			}
		case "", "\r\n", "\r", "\u0085", "\u2028", "\u2029":
		default:
			return false
		}
	}
	boundary := r.word(at-1) != r.word(at)
	return (op&syntax.EmptyWordBoundary == 0 || boundary) && (op&syntax.EmptyNoWordBoundary == 0 || !boundary)
}

func (r *lookRun) word(i int) bool {
	return i >= 0 && i < len(r.text) && syntax.IsWordChar(rune(r.text[i]))
}
