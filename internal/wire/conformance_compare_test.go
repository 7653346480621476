// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"
)

// This file compares: Go values with a suite's parameters, both as JSON trees; answers with a suite's answers.

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		t.Fatal(path, err)
	}
}

func sameTree(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		const shown = 2000
		t.Errorf("\ngot  %.*s\nwant %.*s", shown, fmt.Sprint(got), shown, fmt.Sprint(want))
	}
}

func compareAnswer(t *testing.T, id ProtocolID, w *httptest.ResponseRecorder, c suiteCase) {
	t.Helper()
	if w.Code != c.Response.StatusCode {
		t.Errorf("status %d, want %d", w.Code, c.Response.StatusCode)
	}
	for name, want := range c.Response.Headers {
		got := strings.Join(headerFold(w.Header(), name), ",")
		if got != want && !strings.EqualFold(name, "Content-Length") {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if c.Response.Body != nil {
		compareBody(t, id, w.Body.Bytes(), *c.Response.Body)
	}
}

func compareBody(t *testing.T, id ProtocolID, got []byte, text string) {
	t.Helper()
	want, err := bodyBytes(id, text)
	if err != nil {
		t.Fatal(err)
	}
	form, ok := bodyForms[id]
	switch {
	case ok:
		sameTree(t, form.tree(t, got), form.tree(t, want))
	case strings.HasPrefix(strings.TrimSpace(text), "<"):
		sameTree(t, canonicalXML(t, string(got)), canonicalXML(t, text))
	case json.Valid(want) && json.Valid(got):
		sameTree(t, parseJSON(t, got), parseJSON(t, want))
	default:
		sameTree(t, string(got), text)
	}
}

func headerFold(h http.Header, name string) []string {
	for k, v := range h {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return nil
}

func parseJSON(t *testing.T, b []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	if m, ok := v.(map[string]any); ok { // servers may write either form
		if s, ok := m["__type"].(string); ok {
			m["__type"] = s[strings.IndexByte(s, '#')+1:]
		}
	}
	return plainNumbers(v)
}

// plainNumbers makes equal numbers of a JSON tree equal values: int64 for what is whole, float64 for the rest.
func plainNumbers(v any) any {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			x[k] = plainNumbers(e)
		}
	case []any:
		for i, e := range x {
			x[i] = plainNumbers(e)
		}
	case json.Number:
		if n, err := x.Int64(); err == nil {
			return n
		}
		f, _ := x.Float64()
		return plainFloat(f)
	}
	return v
}

func plainFloat(f float64) any {
	if n := int64(f); float64(n) == f && math.Abs(f) < 1<<53 {
		return n
	}
	return f
}

// canonicalXML renders text with sorted children and trimmed text, without declaration, request id and xmlns of the root.
// Text beside elements, which no AWS document means anything by, is left out, and so is a default namespace that the
// element has anyway.
func canonicalXML(t *testing.T, text string) string {
	t.Helper()
	type element struct {
		name     string
		attrs    []string
		children []string
		text     string
		space    string // the default namespace
		parent   bool   // it has children, if only left out ones
	}
	stack := []element{{}}
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(text, err)
		}
		switch x := token.(type) {
		case xml.StartElement:
			e := element{name: x.Name.Space + ":" + x.Name.Local, space: stack[len(stack)-1].space}
			for _, a := range x.Attr {
				known := len(stack) == 1
				if a.Name.Space == "" && a.Name.Local == "xmlns" {
					known = known || e.space == a.Value
					e.space = a.Value
				}
				if a.Name.Local != "xmlns" || !known {
					e.attrs = append(e.attrs, fmt.Sprintf("%s:%s=%q", a.Name.Space, a.Name.Local, a.Value))
				}
			}
			slices.Sort(e.attrs)
			stack = append(stack, e)
		case xml.EndElement:
			e := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			slices.Sort(e.children)
			stack[len(stack)-1].parent = true
			if slices.Contains([]string{":ResponseMetadata", ":RequestId", ":RequestID", ":requestId", ":HostId"}, e.name) {
				continue
			}
			if e.parent {
				e.text = ""
			}
			if at, err := time.Parse(time.RFC3339, e.text); err == nil { // the same instant, whatever its offset
				e.text = at.UTC().Format(time.RFC3339Nano)
			}
			parent := &stack[len(stack)-1]
			parent.parent = true
			parent.children = append(parent.children, fmt.Sprintf("<%s%v>%q%v", e.name, e.attrs, e.text, e.children))
		case xml.CharData:
			stack[len(stack)-1].text += string(x)
		}
	}
	return strings.Join(stack[0].children, "")
}

// tree turns a Go value into a JSON tree, absent members left out.
func tree(t *testing.T, typ *typePlan, p unsafe.Pointer) any {
	t.Helper()
	switch typ.Kind {
	case KindStruct, KindUnion:
		m := map[string]any{}
		for i := range typ.fields {
			f := &typ.fields[i]
			if f.typ.Kind == KindStream {
				if r := *(*io.Reader)(unsafe.Add(p, f.Off)); r != nil {
					b, _ := io.ReadAll(r)
					if len(b) > 0 {
						m[f.Name] = string(b)
					}
				}
				continue
			}
			if v, ok := f.member(p, false); ok {
				m[f.Name] = tree(t, f.typ, v)
			}
		}
		return m
	case KindList:
		l := []any{}
		for i := range typ.sl.length(p) {
			l = append(l, elementTree(t, typ, typ.sl.at(p, i)))
		}
		return l
	case KindMap:
		m := map[string]any{}
		for _, k := range typ.mp.keys(p) {
			v := typ.mp.scratch()
			typ.mp.load(p, k, v)
			m[k] = elementTree(t, typ, v)
		}
		return m
	case KindString:
		return *(*string)(p)
	case KindBlob:
		return string(*(*[]byte)(p))
	case KindBool:
		return *(*bool)(p)
	case KindTime:
		return plainFloat(float64((*(*time.Time)(p)).UnixMilli()) / 1000)
	case KindDocument:
		return parseJSON(t, *(*[]byte)(p))
	case KindInt32:
		return int64(*(*int32)(p))
	case KindInt64:
		return *(*int64)(p)
	default:
		if f := typ.float(p); !math.IsNaN(f) && !math.IsInf(f, 0) {
			if typ.Kind == KindFloat32 {
				f, _ = strconv.ParseFloat(strconv.FormatFloat(f, 'g', -1, 32), 64)
			}
			return plainFloat(f)
		}
		return string(appendPlainFloat(nil, typ.float(p), 64))
	}
}

func elementTree(t *testing.T, typ *typePlan, slot unsafe.Pointer) any {
	t.Helper()
	if v, ok := typ.held(slot); ok {
		return tree(t, typ.elem, v)
	}
	return nil
}

// normal turns a suite's parameters into the form of tree.
func normal(t *testing.T, typ *typePlan, v any) any {
	t.Helper()
	p := typ.st.alloc()
	fill(t, typ, p, v)
	return tree(t, typ, p)
}

func fillElement(t *testing.T, typ *typePlan, slot unsafe.Pointer, v any) {
	t.Helper()
	if v != nil || !typ.Sparse {
		fill(t, typ.elem, typ.room(slot), v)
	}
}

// fill is the reverse of tree; null leaves the zero value.
func fill(t *testing.T, typ *typePlan, p unsafe.Pointer, v any) {
	t.Helper()
	if v == nil {
		return
	}
	switch typ.Kind {
	case KindStruct, KindUnion:
		m := v.(map[string]any)
		for i := range typ.fields {
			f := &typ.fields[i]
			value, ok := m[f.Name]
			switch {
			case !ok || value == nil && f.typ.Kind != KindDocument:
			case f.typ.Kind == KindStream:
				text, _ := value.(string)
				stream := io.NopCloser(strings.NewReader(text))
				if st, _ := typ.Go.(carrierStruct); st.t.Field(i).Type == reflect.TypeFor[io.Reader]() {
					*(*io.Reader)(unsafe.Add(p, f.Off)) = stream
				} else {
					*(*io.ReadCloser)(unsafe.Add(p, f.Off)) = stream
				}
			default:
				fill(t, f.typ, f.enter(p), value)
			}
		}
	case KindList:
		typ.sl.empty(p)
		for _, e := range v.([]any) {
			fillElement(t, typ, typ.sl.extend(p), e)
		}
	case KindMap:
		typ.mp.empty(p)
		for k, e := range v.(map[string]any) {
			if e == nil && !typ.Sparse {
				continue
			}
			room := typ.mp.scratch()
			fillElement(t, typ, room, e)
			typ.mp.store(p, k, room)
		}
	case KindBlob:
		*(*[]byte)(p) = []byte(v.(string))
	case KindTime:
		seconds, _ := v.(json.Number).Float64()
		*(*time.Time)(p) = time.UnixMilli(int64(math.Round(seconds * 1000))).UTC()
	case KindDocument:
		*(*[]byte)(p), _ = json.Marshal(v)
	default:
		if err := setText(typ, p, fmt.Sprint(v), TimeDefault); err != nil {
			t.Fatal(err)
		}
	}
}

// dropUnsaid removes from params the empty lists and maps that the form does not mention: it has no way to.
func dropUnsaid(params any, form string) {
	m, _ := params.(map[string]any)
	for name, v := range m {
		l, isList := v.([]any)
		e, isMap := v.(map[string]any)
		if (isList && len(l) == 0 || isMap && len(e) == 0) && !strings.Contains(form, "&"+name+"=") {
			delete(m, name)
		}
	}
}

// completeQueryMap adds the map of all query parameters to params where the case leaves it out: its authors had clients in
// mind. RestXmlServersPutAllQueryParamsInMap, a case for servers, says what belongs there.
func completeQueryMap(typ *typePlan, params any, u *url.URL) {
	m, _ := params.(map[string]any)
	for i := range typ.fields {
		f := &typ.fields[i]
		if _, said := m[f.Name]; said || f.Loc != InQuery || f.typ.Kind != KindMap || u.RawQuery == "" {
			continue
		}
		all := map[string]any{}
		for name, values := range u.Query() {
			all[name] = values[0]
		}
		m[f.Name] = all
	}
}

// unmodelledMessage is the message of an error whose shape has none, from the answer that the case wants.
func unmodelledMessage(c suiteCase) string {
	if c.Response.Body == nil {
		return ""
	}
	_, after, _ := strings.Cut(*c.Response.Body, "<Message>")
	message, _, _ := strings.Cut(after, "</Message>")
	return message
}

// compressedBody writes the body that a compression case leaves out: its parameters in the protocol's form, compressed.
func compressedBody(t *testing.T, schema *Schema, c suiteCase) []byte {
	t.Helper()
	params, _ := c.Params.(map[string]any)
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	op := &schema.Operations[0]
	var text strings.Builder
	sent := map[string]any{}
	form := url.Values{"Action": {op.Name}, "Version": {schema.APIVersion}}
	for _, f := range schema.prepared().types[op.Input].fields {
		value, ok := params[f.Name].(string)
		if !ok || f.Loc != InBody {
			continue
		}
		sent[f.Name] = value
		name := f.Name
		if schema.Protocols[0] == ProtocolEC2 {
			name = strings.ToUpper(name[:1]) + name[1:]
		}
		form.Set(name, value)
		text.WriteString("<" + f.Name + ">")
		_ = xml.EscapeText(&text, []byte(value))
		text.WriteString("</" + f.Name + ">")
	}
	var err error
	switch schema.Protocols[0] {
	case ProtocolQuery, ProtocolEC2:
		_, err = io.WriteString(z, form.Encode())
	case ProtocolRESTXML:
		_, err = io.WriteString(z, "<"+op.InputName+">"+text.String()+"</"+op.InputName+">")
	default:
		err = json.NewEncoder(z).Encode(sent)
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
