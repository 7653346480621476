// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
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
	streams  bool                // the body is a stream, of which nothing is undone
	strict   bool                // see strictly
	// Members that hold these headers: the service itself looks at them.
	ownContentType, ownAccept bool
}

func newBinding(s *Schema, op *Operation, in *typePlan) *binding {
	b := &binding{fixed: map[string]struct{}{}, strict: slices.Contains(s.Protocols, ProtocolRESTJSON)}
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
			b.ownContentType = b.ownContentType || strings.EqualFold(f.wire, "Content-Type")
			b.ownAccept = b.ownAccept || strings.EqualFold(f.wire, "Accept")
		case InHeaders:
			b.prefixed = append(b.prefixed, f)
		case InBody:
			b.body = true
		case InPayload:
			b.streams = f.typ.Kind == KindStream
		case InStatus, InEvent:
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
		if err != nil || !utf8.ValidString(text) {
			return 0, serialization("The label %q of the path is not percent-encoded properly", f.wire) // unverified
		}
		if err := b.setText(f, p, text, TimeISO8601); err != nil {
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

func (b *binding) setText(f *fieldPlan, p unsafe.Pointer, text string, tf TimeFormat) error {
	return b.setValue(f.typ, f.enter(p), text, f.timeFormat(tf))
}

// setValue is setText by the protocol's own rules.
func (b *binding) setValue(t *typePlan, v unsafe.Pointer, text string, tf TimeFormat) error {
	if b.strict && !strictly(t, text, tf) {
		return badText(t, text)
	}
	return setText(t, v, text, tf)
}

func (b *binding) decodeQuery(raw string, p unsafe.Pointer) (seen uint64, err error) {
	if raw == "" {
		return 0, nil
	}
	if b.queryMap == nil && !strings.ContainsAny(raw, "%+;") && utf8.ValidString(raw) {
		return b.decodePlainQuery(raw, p)
	}
	values, err := url.ParseQuery(raw)
	if err != nil || !isUTF8(values) {
		return 0, serialization("The query string is not properly encoded") // unverified
	}
	for _, f := range b.query {
		given, ok := values[f.wire]
		if !ok {
			continue
		}
		if f.typ.Kind == KindList {
			err = b.setTexts(f.typ, unsafe.Add(p, f.Off), given, TimeISO8601)
		} else {
			err = b.setText(f, p, given[0], TimeISO8601)
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
		return seen, b.setQueryMap(f.typ, unsafe.Add(p, f.Off), values)
	}
	return seen, nil
}

func isUTF8(values url.Values) bool {
	for name, given := range values {
		if !utf8.ValidString(name) || slices.ContainsFunc(given, func(v string) bool { return !utf8.ValidString(v) }) {
			return false
		}
	}
	return true
}

// decodePlainQuery is decodeQuery for a query string in which nothing is encoded: it needs no map of the parameters.
func (b *binding) decodePlainQuery(raw string, p unsafe.Pointer) (seen uint64, err error) {
	for _, f := range b.query {
		var given []string
		for pair := range strings.SplitSeq(raw, "&") {
			key, value, _ := strings.Cut(pair, "=")
			if key != f.wire {
				continue
			}
			if f.typ.Kind == KindList {
				given = append(given, value)
				continue
			}
			if err := b.setText(f, p, value, TimeISO8601); err != nil {
				return 0, err
			}
			seen |= f.track
			break // the first one counts
		}
		if given != nil {
			if err := b.setTexts(f.typ, unsafe.Add(p, f.Off), given, TimeISO8601); err != nil {
				return 0, err
			}
		}
	}
	return seen, nil
}

// setTexts fills the list at v.
func (b *binding) setTexts(t *typePlan, v unsafe.Pointer, texts []string, tf TimeFormat) error {
	t.sl.empty(v)
	if t.elem.Time != TimeDefault {
		tf = t.elem.Time
	}
	for _, text := range texts {
		if err := b.setValue(t.elem, t.room(t.sl.extend(v)), text, tf); err != nil {
			return err
		}
	}
	return nil
}

// setQueryMap fills the map at v: of strings (the first value counts) or of lists.
func (b *binding) setQueryMap(t *typePlan, v unsafe.Pointer, values url.Values) error {
	if len(values) == 0 {
		return nil
	}
	t.mp.empty(v)
	room := t.mp.scratch()
	for key, given := range values {
		var err error
		if t.elem.Kind == KindList {
			err = b.setTexts(t.elem, t.room(room), given, TimeISO8601)
		} else {
			err = b.setValue(t.elem, t.room(room), given[0], TimeISO8601)
		}
		if err != nil {
			return err
		}
		t.mp.store(v, key, room)
	}
	return nil
}
