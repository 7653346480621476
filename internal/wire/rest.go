// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"unsafe"
)

// This file holds the HTTP bindings that the rest protocols share: labels, query, headers, status.

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
		case InStatus, InPayload:
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

func (b *binding) decodeHeaders(h http.Header, p unsafe.Pointer) (seen uint64, err error) {
	for _, f := range b.headers {
		given := h.Values(f.wire)
		if len(given) == 0 {
			continue
		}
		switch {
		case f.typ.Kind == KindList:
			var texts []string
			for _, line := range given {
				texts = append(texts, splitHeader(line, f.typ.elem.Kind == KindTime)...)
			}
			err = setTexts(f.typ, unsafe.Add(p, f.Off), texts, TimeRFC822)
		case f.Flags&JSONValue != 0:
			text, bad := base64.StdEncoding.DecodeString(given[0])
			if bad != nil {
				return 0, serialization("The header %s is not base64", f.wire) // unverified
			}
			err = f.setText(p, string(text), TimeRFC822)
		default:
			err = f.setText(p, given[0], TimeRFC822)
		}
		if err != nil {
			return 0, err
		}
		seen |= f.track
	}
	for _, f := range b.prefixed {
		prefix := http.CanonicalHeaderKey(f.wire)
		if f.wire == "" {
			prefix = ""
		}
		v := unsafe.Add(p, f.Off)
		room := f.typ.mp.scratch()
		for name, given := range h {
			if !strings.HasPrefix(name, prefix) || len(given) == 0 {
				continue
			}
			if f.typ.mp.absent(v) {
				f.typ.mp.empty(v)
			}
			if err := setText(f.typ.elem, room, given[0], TimeRFC822); err != nil {
				return 0, err
			}
			f.typ.mp.store(v, strings.ToLower(name[len(prefix):]), room)
		}
	}
	return seen, nil
}

// splitHeader splits a list: at commas, outside of quotes; dates hold a comma of their own after the day's name.
func splitHeader(line string, dates bool) []string {
	var out []string
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		if line[0] == '"' {
			text, rest := unquote(line)
			out = append(out, text)
			_, line, _ = strings.Cut(rest, ",")
			continue
		}
		end := strings.IndexByte(line, ',')
		if dates && end >= 0 {
			if next := strings.IndexByte(line[end+1:], ','); next >= 0 {
				end += 1 + next
			} else {
				end = -1
			}
		}
		if end < 0 {
			return append(out, line)
		}
		out = append(out, strings.TrimSpace(line[:end]))
		line = line[end+1:]
	}
	return out
}

// unquote reads the quoted string that line starts with and returns what follows it.
func unquote(line string) (text, rest string) {
	var b strings.Builder
	for i := 1; i < len(line); i++ {
		switch line[i] {
		case '"':
			return b.String(), line[i+1:]
		case '\\':
			if i++; i == len(line) {
				return b.String(), ""
			}
		}
		b.WriteByte(line[i])
	}
	return b.String(), ""
}

// writeHeaders puts the header members of the structure at p into h and returns the status that a member gives, or 0.
func writeHeaders(h http.Header, t *typePlan, p unsafe.Pointer, inError bool) (status int) {
	for i := range t.fields {
		f := &t.fields[i]
		if f.Loc == InBody || f.Loc == InPayload {
			continue
		}
		v, ok := f.member(p, inError)
		if !ok {
			continue
		}
		switch f.Loc {
		case InStatus:
			status = int(*(*int32)(v))
		case InHeader:
			if text, ok := f.headerText(v); ok {
				h[http.CanonicalHeaderKey(f.wire)] = []string{text}
			}
		case InHeaders:
			room := f.typ.mp.scratch()
			for _, key := range f.typ.mp.keys(v) {
				f.typ.mp.load(v, key, room)
				h.Set(f.wire+key, string(appendScalar(nil, f.typ.elem, room, TimeRFC822)))
			}
		default:
		}
	}
	return status
}

// headerText renders the value at v; ok is false for an empty list, which no header can say.
func (f *fieldPlan) headerText(v unsafe.Pointer) (text string, ok bool) {
	tf := f.timeFormat(TimeRFC822)
	if f.typ.Kind == KindList {
		var b []byte
		n := f.typ.sl.length(v)
		for i := range n {
			if i > 0 {
				b = append(b, ", "...)
			}
			e := f.typ.sl.at(v, i)
			if elemFormat := f.typ.elem.Time; elemFormat != TimeDefault {
				tf = elemFormat
			}
			b = appendHeaderElement(b, string(appendScalar(nil, f.typ.elem, e, tf)), f.typ.elem.Kind)
		}
		return string(b), n > 0
	}
	if f.Flags&JSONValue != 0 {
		return base64.StdEncoding.EncodeToString([]byte(*(*string)(v))), true
	}
	return string(appendScalar(nil, f.typ, v, tf)), true
}

// appendHeaderElement quotes strings that a reader of the list would split otherwise.
func appendHeaderElement(b []byte, text string, k Kind) []byte {
	if k != KindString || text != "" && !strings.ContainsAny(text, `",`) && strings.TrimSpace(text) == text {
		return append(b, text...)
	}
	b = append(b, '"')
	for i := range len(text) {
		if text[i] == '"' || text[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, text[i])
	}
	return append(b, '"')
}
