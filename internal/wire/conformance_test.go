// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"cmp"
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
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"
)

// The protocol suites of AWS's SDKs, run inverted: their requests are decoded, their answers encoded. See
// testdata/conformance/README.md for source, licence and what is skipped.

type suite struct {
	Metadata struct {
		Protocol, APIVersion, JSONVersion, TargetPrefix, XMLNamespace string
	}
	Shapes map[string]c2jShape
	Cases  []suiteCase
}

type suiteCase struct {
	ID    string
	Given struct {
		Name string
		HTTP struct {
			Method, RequestURI string
			ResponseCode       int
		}
		Input, Output *c2jRef
		Errors        []c2jRef
	}
	Params     any
	Serialized struct {
		Method, URI, Body string
		Headers           map[string]string
	}
	Result    any
	Error     any
	ErrorCode string
	Response  struct {
		StatusCode int `json:"status_code"`
		Headers    map[string]string
		Body       *string
	}
}

func TestConformance(t *testing.T) {
	var skip map[string]string
	readJSON(t, "testdata/conformance/skip.json", &skip)
	unused := map[string]bool{}
	for id := range skip {
		unused[id] = true
	}
	for _, name := range []string{"json", "json_1_0", "query", "rest-json"} {
		for _, direction := range []string{"input", "output"} {
			var suites []suite
			readJSON(t, "testdata/conformance/"+direction+"-"+name+".json", &suites)
			t.Run(direction+"/"+name, func(t *testing.T) {
				passed := 0
				for _, s := range suites {
					for _, c := range s.Cases {
						if skip[c.ID] != "" {
							delete(unused, c.ID)
							continue
						}
						if t.Run(c.ID, func(t *testing.T) { runCase(t, s, c, direction == "output") }) {
							passed++
						}
					}
				}
				if t.Logf("%d cases passed", passed); passed == 0 {
					t.Error("no case ran")
				}
			})
		}
	}
	for id := range unused {
		t.Errorf("skip.json names %s, which does not exist", id)
	}
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(path, err)
	}
}

func runCase(t *testing.T, s suite, c suiteCase, output bool) {
	t.Helper()
	schema, err := caseSchema(s, c, output)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case !output:
		runInput(t, schema, c)
	case c.ErrorCode != "":
		runError(t, schema, c)
	default:
		runOutput(t, schema, c)
	}
}

func caseSchema(s suite, c suiteCase, output bool) (*Schema, error) {
	b := newSuiteBuilder(s.Shapes, output)
	op := Operation{Name: c.Given.Name, Method: c.Given.HTTP.Method, URI: c.Given.HTTP.RequestURI, Status: c.Given.HTTP.ResponseCode}
	b.types = append(b.types, Type{Name: "Empty", Kind: KindStruct, Go: StructOf[struct{}]{}})
	op.Input, op.Output = 1, 1
	var err error
	if c.Given.Input != nil {
		if op.Input, _, err = b.ref(c.Given.Input.Shape); err != nil {
			return nil, err
		}
	}
	if op.NoOutput = c.Given.Output == nil; !op.NoOutput {
		op.ResultWrapper = c.Given.Output.ResultWrapper
		if op.Output, _, err = b.ref(c.Given.Output.Shape); err != nil {
			return nil, err
		}
	}
	for _, e := range c.Given.Errors {
		ref, _, err := b.ref(e.Shape)
		if err != nil {
			return nil, err
		}
		op.Errors = append(op.Errors, ref)
	}
	m := s.Metadata
	return &Schema{
		ID: "suite", APIVersion: m.APIVersion, JSONVersion: m.JSONVersion, TargetPrefix: m.TargetPrefix,
		XMLNamespace: m.XMLNamespace, Protocols: []ProtocolID{ProtocolID(m.Protocol)}, Types: b.types, Operations: []Operation{op},
	}, nil
}

func runInput(t *testing.T, schema *Schema, c suiteCase) {
	t.Helper()
	op := &schema.Operations[0]
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
	u, err := url.Parse(c.Serialized.URI)
	if err != nil {
		t.Fatal(err)
	}
	r.URL = u
	for name, value := range c.Serialized.Headers {
		r.Header.Set(name, value)
	}
	labels, err := matchLabels(op.URI, u.EscapedPath())
	if err != nil {
		t.Fatal(err)
	}
	in, err := schema.Protocol(schema.Protocols[0]).Decode(op, Request{HTTP: r, Body: []byte(c.Serialized.Body), Labels: labels})
	if err != nil {
		t.Fatal(err)
	}
	typ := schema.prepared().types[op.Input]
	p, _ := typ.st.unbox(in)
	got, want := tree(t, typ, p), normal(t, typ, c.Params)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v\nfrom %s %s", got, want, c.Serialized.URI, c.Serialized.Body)
	}
}

// matchLabels does what the front door's trie does.
func matchLabels(template, path string) ([]string, error) {
	template, _, _ = strings.Cut(template, "?")
	pattern := regexp.MustCompile(`\\\{\w+(\\\+)?\\\}`).ReplaceAllStringFunc(regexp.QuoteMeta(template), func(label string) string {
		if strings.Contains(label, "+") {
			return "(.*)"
		}
		return "([^/]*)"
	})
	m := regexp.MustCompile("^" + pattern + "$").FindStringSubmatch(path)
	if m == nil {
		return nil, fmt.Errorf("%s does not match %s", path, template)
	}
	return m[1:], nil
}

func runOutput(t *testing.T, schema *Schema, c suiteCase) {
	t.Helper()
	op := &schema.Operations[0]
	typ := schema.prepared().types[op.Output]
	p := typ.st.alloc()
	fill(t, typ, p, c.Result)
	w := httptest.NewRecorder()
	id := cmp.Or(c.Response.Headers["X-Amzn-Requestid"], "id")
	if err := schema.Protocol(schema.Protocols[0]).Encode(w, op, typ.st.box(p), id); err != nil {
		t.Fatal(err)
	}
	compareAnswer(t, w, c)
}

func runError(t *testing.T, schema *Schema, c suiteCase) {
	t.Helper()
	typ := schema.prepared().types[schema.Operations[0].Errors[0]]
	p := typ.st.alloc()
	fill(t, typ, p, c.Error)
	f := &Fault{Code: typ.Name, Status: c.Response.StatusCode, Sender: true, typ: typ, value: p}
	if typ.Error == nil {
		typ.Error = &ErrorInfo{Message: "Message"}
	}
	if m, ok := c.Error.(map[string]any); ok {
		f.Message, _ = m["Message"].(string)
	}
	f.Code = cmp.Or(typ.Error.Code, typ.Name)
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
	schema.Protocol(schema.Protocols[0]).Error(w, r, f, "foo-id")
	compareAnswer(t, w, c)
}

func compareAnswer(t *testing.T, w *httptest.ResponseRecorder, c suiteCase) {
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
	if c.Response.Body == nil {
		return
	}
	got, want := any(w.Body.String()), any(*c.Response.Body)
	switch {
	case strings.HasPrefix(strings.TrimSpace(*c.Response.Body), "<"):
		got, want = canonicalXML(t, w.Body.String()), canonicalXML(t, *c.Response.Body)
	case json.Valid([]byte(*c.Response.Body)) && json.Valid(w.Body.Bytes()):
		got, want = parseJSON(t, w.Body.Bytes()), parseJSON(t, []byte(*c.Response.Body))
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
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
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if m, ok := v.(map[string]any); ok { // servers may write either form
		if s, ok := m["__type"].(string); ok {
			_, m["__type"], _ = strings.Cut("#"+s[strings.IndexByte(s, '#')+1:], "#")
		}
	}
	return v
}

// canonicalXML renders text with sorted children and trimmed text, without declaration, request id and xmlns of the root.
func canonicalXML(t *testing.T, text string) string {
	t.Helper()
	type element struct {
		name     string
		attrs    []string
		children []string
		text     string
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
			e := element{name: x.Name.Space + ":" + x.Name.Local}
			for _, a := range x.Attr {
				if len(stack) > 1 || a.Name.Local != "xmlns" {
					e.attrs = append(e.attrs, fmt.Sprintf("%s:%s=%q", a.Name.Space, a.Name.Local, a.Value))
				}
			}
			slices.Sort(e.attrs)
			stack = append(stack, e)
		case xml.EndElement:
			e := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			slices.Sort(e.children)
			if e.name == ":ResponseMetadata" || e.name == ":RequestId" {
				continue
			}
			if len(e.children) > 0 {
				e.text = strings.TrimSpace(e.text)
			}
			parent := &stack[len(stack)-1]
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
			l = append(l, tree(t, typ.elem, typ.sl.at(p, i)))
		}
		return l
	case KindMap:
		m := map[string]any{}
		for _, k := range typ.mp.keys(p) {
			v := typ.mp.scratch()
			typ.mp.load(p, k, v)
			m[k] = tree(t, typ.elem, v)
		}
		return m
	case KindString:
		return *(*string)(p)
	case KindBlob:
		return string(*(*[]byte)(p))
	case KindBool:
		return *(*bool)(p)
	case KindTime:
		return float64((*(*time.Time)(p)).UnixMilli()) / 1000
	case KindDocument:
		return parseJSON(t, *(*[]byte)(p))
	case KindInt32:
		return float64(*(*int32)(p))
	case KindInt64:
		return float64(*(*int64)(p))
	default:
		if f := typ.float(p); !math.IsNaN(f) && !math.IsInf(f, 0) {
			if typ.Kind == KindFloat32 {
				f, _ = strconv.ParseFloat(strconv.FormatFloat(f, 'g', -1, 32), 64)
			}
			return f
		}
		return string(appendPlainFloat(nil, typ.float(p), 64))
	}
}

// normal turns a suite's parameters into the form of tree.
func normal(t *testing.T, typ *typePlan, v any) any {
	t.Helper()
	p := typ.st.alloc()
	fill(t, typ, p, v)
	return tree(t, typ, p)
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
				*(*io.ReadCloser)(unsafe.Add(p, f.Off)) = io.NopCloser(strings.NewReader(text))
			default:
				fill(t, f.typ, f.enter(p), value)
			}
		}
	case KindList:
		typ.sl.empty(p)
		for _, e := range v.([]any) {
			fill(t, typ.elem, typ.sl.extend(p), e)
		}
	case KindMap:
		typ.mp.empty(p)
		for k, e := range v.(map[string]any) {
			if e == nil && !typ.Sparse {
				continue
			}
			room := typ.mp.scratch()
			fill(t, typ.elem, room, e)
			typ.mp.store(p, k, room)
		}
	case KindBlob:
		*(*[]byte)(p) = []byte(v.(string))
	case KindTime:
		*(*time.Time)(p) = time.UnixMilli(int64(math.Round(v.(float64) * 1000))).UTC()
	case KindDocument:
		*(*[]byte)(p), _ = json.Marshal(v)
	default:
		text := fmt.Sprint(v)
		if f, ok := v.(float64); ok {
			text = strconv.FormatFloat(f, 'f', -1, 64)
		}
		if err := setText(typ, p, text, TimeDefault); err != nil {
			t.Fatal(err)
		}
	}
}
