// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"net/url"
	"strings"
	"unsafe"
)

// This file holds the HTTP bindings that the rest protocols share; headers and status are in restheader.go.

// binding is where the members of an operation's input stand in its request.
type binding struct {
	labels   []*fieldPlan // by the position of the label in the URI
	query    []*fieldPlan
	queryMap *fieldPlan
	headers  []*fieldPlan
	prefixed []*fieldPlan
	fixed    map[string]struct{} // query keys that are part of the URI
	body     bool                // some member stands in the body document
}

func newBinding(op *Operation, in *typePlan) *binding {
	b := &binding{fixed: map[string]struct{}{}}
	byLabel := map[string]*fieldPlan{}
	for i := range in.fields {
		f := &in.fields[i]
		switch f.Loc {
		case InURI:
			byLabel[f.wire] = f
		case InQuery:
			if f.typ.Kind == KindMap {
				b.queryMap = f
			} else {
				b.query = append(b.query, f)
			}
		case InHeader:
			b.headers = append(b.headers, f)
		case InHeaders:
			b.prefixed = append(b.prefixed, f)
		case InBody:
			b.body = true
		case InStatus, InPayload, InEvent:
		}
	}
	path, query, _ := strings.Cut(op.URI, "?")
	for path != "" {
		_, rest, found := strings.Cut(path, "{")
		if !found {
			break
		}
		label, after, _ := strings.Cut(rest, "}")
		b.labels = append(b.labels, byLabel[strings.TrimSuffix(label, "+")])
		path = after
	}
	for _, pair := range strings.Split(query, "&") {
		if key, _, _ := strings.Cut(pair, "="); key != "" {
			b.fixed[key] = struct{}{}
		}
	}
	return b
}

// inAnswerBody tells whether f stands in the document of an answer: an answer has no URI, so its members in a label or the
// query do too.
func (f *fieldPlan) inAnswerBody() bool { return f.Loc == InBody || f.Loc == InURI || f.Loc == InQuery }

func (t *typePlan) inAnswerBody() bool {
	for i := range t.fields {
		if t.fields[i].inAnswerBody() {
			return true
		}
	}
	return false
}

// decode reads labels, query and headers into the input structure at p and returns the tracked members that it met.
func (b *binding) decode(r Request, p unsafe.Pointer) (seen uint64, err error) {
	for i, f := range b.labels {
		if f == nil || i >= len(r.Labels) {
			continue
		}
		text, err := url.PathUnescape(r.Labels[i])
		if err != nil {
			return 0, serialization("The label %q of the path is not percent-encoded properly", f.wire) // unverified
		}
		if err := f.setText(p, text, TimeISO8601); err != nil {
			return 0, err
		}
		seen |= f.track
	}
	if len(b.query) > 0 || b.queryMap != nil {
		more, err := b.decodeQuery(r.HTTP.URL.RawQuery, p)
		if err != nil {
			return 0, err
		}
		seen |= more
	}
	more, err := b.decodeHeaders(r.HTTP.Header, p)
	return seen | more, err
}

func (f *fieldPlan) setText(p unsafe.Pointer, text string, tf TimeFormat) error {
	return setText(f.typ, f.enter(p), text, f.timeFormat(tf))
}

func (b *binding) decodeQuery(raw string, p unsafe.Pointer) (seen uint64, err error) {
	if raw == "" {
		return 0, nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return 0, serialization("The query string is not properly encoded") // unverified
	}
	for _, f := range b.query {
		given, ok := values[f.wire]
		if !ok {
			continue
		}
		if f.typ.Kind == KindList {
			err = setTexts(f.typ, unsafe.Add(p, f.Off), given, TimeISO8601)
		} else {
			err = f.setText(p, given[0], TimeISO8601)
		}
		if err != nil {
			return 0, err
		}
		seen |= f.track
	}
	if f := b.queryMap; f != nil {
		for key := range b.fixed {
			delete(values, key)
		}
		return seen, setQueryMap(f.typ, unsafe.Add(p, f.Off), values)
	}
	return seen, nil
}

// setTexts fills the list at v.
func setTexts(t *typePlan, v unsafe.Pointer, texts []string, tf TimeFormat) error {
	t.sl.empty(v)
	if t.elem.Time != TimeDefault {
		tf = t.elem.Time
	}
	for _, text := range texts {
		if err := setText(t.elem, t.sl.extend(v), text, tf); err != nil {
			return err
		}
	}
	return nil
}

// setQueryMap fills the map at v: of strings (the first value counts) or of lists.
func setQueryMap(t *typePlan, v unsafe.Pointer, values url.Values) error {
	if len(values) == 0 {
		return nil
	}
	t.mp.empty(v)
	room := t.mp.scratch()
	for key, given := range values {
		var err error
		if t.elem.Kind == KindList {
			err = setTexts(t.elem, room, given, TimeISO8601)
		} else {
			err = setText(t.elem, room, given[0], TimeISO8601)
		}
		if err != nil {
			return err
		}
		t.mp.store(v, key, room)
	}
	return nil
}
