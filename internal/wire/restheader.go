// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/base64"
	"net/http"
	"strings"
	"unsafe"
)

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
			err = b.setTexts(f.typ, unsafe.Add(p, f.Off), texts, TimeRFC822)
		case f.Flags&JSONValue != 0:
			text, bad := base64.StdEncoding.DecodeString(given[0])
			if bad != nil {
				return 0, serialization("The header %s is not base64", f.wire) // unverified
			}
			err = b.setText(f, p, string(text), TimeRFC822)
		default:
			text := given[0]
			if !b.streams && strings.EqualFold(f.wire, "Content-Encoding") {
				if text = withoutGzip(given); text == "" {
					continue
				}
			}
			err = b.setText(f, p, text, TimeRFC822)
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
			// Of several the values are joined, as RFC 9110, section 5.3 has it and S3 does with its metadata.
			if err := setText(f.typ.elem, f.typ.room(room), strings.Join(given, ","), TimeRFC822); err != nil {
				return 0, err
			}
			f.typ.mp.store(v, strings.ToLower(name[len(prefix):]), room)
		}
	}
	return seen, nil
}

// withoutGzip returns the codings of a body that ReadBody has decompressed.
func withoutGzip(given []string) string {
	all := splitHeader(strings.Join(given, ","), false)
	if n := len(all); n > 0 && strings.EqualFold(all[n-1], "gzip") {
		all = all[:n-1]
	}
	return strings.Join(all, ", ")
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
	if !t.bound {
		return 0
	}
	for i := range t.fields {
		f := &t.fields[i]
		if f.Loc != InStatus && f.Loc != InHeader {
			continue
		}
		v, ok := f.shown(p, inError)
		switch {
		case !ok:
		case f.Loc == InStatus:
			status = int(*(*int32)(v))
		default:
			h[http.CanonicalHeaderKey(f.wire)] = []string{f.headerText(v)}
		}
	}
	for i := range t.fields {
		if f := &t.fields[i]; f.Loc == InHeaders {
			if v, ok := f.shown(p, inError); ok {
				f.writeMap(h, v)
			}
		}
	}
	return status
}

// writeMap writes a header for each entry of the map at v; a header that is there already stays. The keys keep their
// letters: clients show them to their users (S3's metadata).
func (f *fieldPlan) writeMap(h http.Header, v unsafe.Pointer) {
	room := f.typ.mp.scratch()
	for _, key := range f.typ.mp.keys(v) {
		name := f.wire + key
		if _, taken := h[http.CanonicalHeaderKey(name)]; taken {
			continue
		}
		f.typ.mp.load(v, key, room)
		if value, ok := f.typ.held(room); ok {
			h[name] = []string{string(appendScalar(nil, f.typ.elem, value, TimeRFC822))}
		}
	}
}

// headerText renders the value at v.
func (f *fieldPlan) headerText(v unsafe.Pointer) string {
	tf := f.timeFormat(TimeRFC822)
	if f.typ.Kind == KindList {
		var b []byte
		for i := range f.typ.sl.length(v) {
			e, ok := f.typ.held(f.typ.sl.at(v, i))
			if !ok {
				continue
			}
			if len(b) > 0 {
				b = append(b, ", "...)
			}
			if elemFormat := f.typ.elem.Time; elemFormat != TimeDefault {
				tf = elemFormat
			}
			b = appendHeaderElement(b, string(appendScalar(nil, f.typ.elem, e, tf)), f.typ.elem.Kind)
		}
		return string(b)
	}
	if f.Flags&JSONValue != 0 {
		return base64.StdEncoding.EncodeToString([]byte(*(*string)(v)))
	}
	if f.typ.Kind == KindString {
		return *(*string)(v)
	}
	return string(appendScalar(nil, f.typ, v, tf))
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
