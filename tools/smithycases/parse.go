// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

// model is the shapes of all files by their absolute ids: "aws.protocoltests.json#KitchenSink".
type model struct {
	shapes map[string]*shape
	ids    []string // in the order of the files
	apply  []applied
}

// shape is a shape statement. Names of other shapes are absolute ids once resolve has run.
type shape struct {
	id, kind      string
	traits        map[string]any // by their names without namespace; a trait without value is true
	members       []*member
	mixins        []string
	input, output string
	errors        []string
	operations    []string // of a service
	version       string   // of a service

	scope *scope
}

type member struct {
	name, target string
	traits       map[string]any
}

// applied is an apply statement.
type applied struct {
	target string // shape or shape$member
	traits map[string]any
	scope  *scope
}

// scope is what a file's names mean.
type scope struct {
	namespace string
	uses      map[string]string
	in, out   string // suffixes of inline inputs and outputs
}

// parser reads one file. It panics with parseError, which parseFile recovers: the grammar is recursive and every step
// may fail.
type parser struct {
	tokens []token
	at     int
	m      *model
	scope  *scope
}

type parseError struct{ error }

func parseFile(m *model, text string) (err error) {
	tokens, err := lex(text)
	if err != nil {
		return err
	}
	defer func() {
		if r := recover(); r != nil {
			failed, ok := r.(parseError)
			if !ok {
				panic(r)
			}
			err = failed.error
		}
	}()
	p := &parser{tokens: tokens, m: m, scope: &scope{uses: map[string]string{}, in: "Input", out: "Output"}}
	for p.peek().kind != tokenEnd {
		p.statement()
	}
	return nil
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != tokenEnd {
		p.at++
	}
	return t
}

func (p *parser) fail(t token, want string) {
	panic(parseError{fmt.Errorf("line %d: %q where %s belongs", t.line, t.text, want)})
}

func (p *parser) is(mark string) bool {
	t := p.peek()
	return t.kind == tokenMark && t.text == mark
}

func (p *parser) accept(mark string) bool {
	if !p.is(mark) {
		return false
	}
	p.at++
	return true
}

func (p *parser) expect(mark string) {
	if !p.accept(mark) {
		p.fail(p.peek(), mark)
	}
}

func (p *parser) name() string {
	t := p.next()
	if t.kind != tokenName {
		p.fail(t, "a name")
	}
	return t.text
}

func (p *parser) statement() {
	if p.accept("$") {
		key := p.name()
		p.expect(":")
		value, _ := p.node().(string)
		switch key {
		case "operationInputSuffix":
			p.scope.in = value
		case "operationOutputSuffix":
			p.scope.out = value
		}
		return
	}
	traits := p.traits()
	switch word := p.name(); word {
	case "metadata":
		p.next()
		p.expect("=")
		p.node()
	case "namespace":
		p.scope.namespace = p.name()
	case "use":
		id := p.name()
		p.scope.uses[id[strings.IndexByte(id, '#')+1:]] = id
	case "apply":
		target := p.name()
		var traits map[string]any
		if p.accept("{") {
			traits = p.traits()
			p.expect("}")
		} else {
			traits = map[string]any{}
			p.trait(traits)
		}
		p.m.apply = append(p.m.apply, applied{target, traits, p.scope})
	default:
		p.shape(word, traits)
	}
}

func (p *parser) traits() map[string]any {
	traits := map[string]any{}
	for p.is("@") {
		p.trait(traits)
	}
	return traits
}

func (p *parser) trait(into map[string]any) {
	p.expect("@")
	id := p.name()
	var value any = true
	if p.accept("(") {
		value = p.arguments()
	}
	name := id[strings.IndexByte(id, '#')+1:]
	into[name] = merge(into[name], value)
}

// merge joins lists of test cases; any other trait stands once.
func merge(old, value any) any {
	a, ok := old.([]any)
	if b, both := value.([]any); ok && both {
		return append(a, b...)
	}
	return value
}

// arguments reads a trait's value: a node, or the members of an object without braces.
func (p *parser) arguments() any {
	object := map[string]any{}
	for !p.accept(")") {
		if t, after := p.peek(), p.tokens[p.at+1]; (t.kind == tokenName || t.kind == tokenString) && after.kind == tokenMark && after.text == ":" {
			p.at += 2
			object[t.text] = p.node()
			continue
		}
		value := p.node()
		p.expect(")")
		return value
	}
	return object
}

func (p *parser) node() any {
	switch t := p.next(); t.kind {
	case tokenString:
		return t.text
	case tokenNumber:
		return json.Number(t.text)
	case tokenName:
		switch t.text {
		case "true":
			return true
		case "false":
			return false
		case "null":
			return nil
		}
		return t.text // a shape id
	case tokenMark:
		switch t.text {
		case "{":
			object := map[string]any{}
			for !p.accept("}") {
				key := p.next()
				p.expect(":")
				object[key.text] = p.node()
			}
			return object
		case "[":
			list := []any{}
			for !p.accept("]") {
				list = append(list, p.node())
			}
			return list
		}
		p.fail(t, "a value")
	default:
		p.fail(t, "a value")
	}
	return nil
}

func (p *parser) shape(kind string, traits map[string]any) {
	s := &shape{id: p.scope.namespace + "#" + p.name(), kind: kind, traits: traits, scope: p.scope}
	p.with(s)
	if p.is("{") {
		switch kind {
		case "operation", "service", "resource":
			p.properties(s)
		default:
			p.members(s)
		}
	}
	p.add(s)
}

func (p *parser) add(s *shape) {
	p.m.shapes[s.id] = s
	p.m.ids = append(p.m.ids, s.id)
}

func (p *parser) with(s *shape) {
	if t := p.peek(); t.kind != tokenName || t.text != "with" {
		return
	}
	p.next()
	p.expect("[")
	for !p.accept("]") {
		s.mixins = append(s.mixins, p.name())
	}
}

func (p *parser) members(s *shape) {
	p.expect("{")
	for !p.accept("}") {
		m := &member{traits: p.traits()}
		m.name = p.name()
		enum := s.kind == "enum" || s.kind == "intEnum"
		if !enum {
			p.expect(":")
			m.target = p.name()
		}
		if p.accept("=") {
			if enum {
				m.traits["enumValue"] = p.node()
			} else {
				m.traits["default"] = p.node()
			}
		}
		s.members = append(s.members, m)
	}
}

// properties reads the body of an operation or service.
func (p *parser) properties(s *shape) {
	p.expect("{")
	for !p.accept("}") {
		key := p.name()
		if p.accept(":=") {
			suffix := p.scope.in
			if key == "output" {
				suffix = p.scope.out
			}
			inline := &shape{id: s.id + suffix, kind: "structure", traits: p.traits(), scope: p.scope}
			p.with(inline)
			p.members(inline)
			p.add(inline)
			p.set(s, key, inline.id[strings.IndexByte(inline.id, '#')+1:])
			continue
		}
		p.expect(":")
		p.set(s, key, p.node())
	}
}

func (p *parser) set(s *shape, key string, value any) {
	text, _ := value.(string)
	var names []string
	if list, ok := value.([]any); ok {
		for _, v := range list {
			name, _ := v.(string)
			names = append(names, name)
		}
	}
	switch key {
	case "input":
		s.input = text
	case "output":
		s.output = text
	case "errors":
		s.errors = names
	case "operations":
		s.operations = names
	case "version":
		s.version = text
	}
}
