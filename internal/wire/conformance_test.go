// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The protocol suites of AWS's SDKs, run inverted: their requests are decoded, their answers encoded. Source and licence:
// testdata/conformance/README.md.
//
// To add a suite, put its file into testdata/conformance as input-NAME.json (requests) or output-NAME.json (answers and
// errors): every such file is run. It is a list of {metadata, shapes, cases} in C2J form, as botocore writes it; the
// protocol is metadata.protocol. A protocol that is new here also needs its codec in Schema.Protocol, and, where its bodies
// are neither JSON, XML, a form nor plain bytes, a line in bodyForms. Shapes of any form work, those that contain
// themselves too (conformance_carrier_test.go).
//
// Cases that only a client can run are told by the suites' own marks; nothing else may be left out.

type suite struct {
	Metadata struct {
		Protocol, APIVersion, JSONVersion, TargetPrefix, XMLNamespace string
		AWSQueryCompatible                                            *struct{} `json:"awsQueryCompatible"`
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
		Input, Output      *c2jRef
		Errors             []c2jRef
		Endpoint           struct{ HostPrefix string }
		RequestCompression *struct{} `json:"requestcompression"`
	}
	Params     any
	Serialized struct {
		Method, URI string
		Body        *string
		Headers     map[string]string
		Host        string
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

// bodyForm is how a suite's file holds the bodies of a protocol, where that is not as text.
type bodyForm struct {
	bytes func(text string) ([]byte, error)   // what the text in the file stands for
	tree  func(t *testing.T, body []byte) any // a form in which equal bodies are DeepEqual
}

// bodyForms holds the protocols whose bodies are not text; compareBody knows JSON and XML.
var bodyForms = map[ProtocolID]bodyForm{}

func TestConformance(t *testing.T) {
	var skip map[string]string
	readJSON(t, "testdata/conformance/skip.json", &skip)
	unused := map[string]bool{}
	for id := range skip {
		unused[id] = true
	}
	for _, direction := range []string{"input", "output"} {
		files, err := filepath.Glob("testdata/conformance/" + direction + "-*.json")
		if err != nil || len(files) == 0 {
			t.Fatal("no suites: ", err)
		}
		for _, file := range files {
			var suites []suite
			readJSON(t, file, &suites)
			t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
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

func runCase(t *testing.T, s suite, c suiteCase, output bool) {
	t.Helper()
	schema, err := caseSchema(s, c, output)
	if err != nil {
		t.Fatal(err)
	}
	if schema.Protocol(schema.Protocols[0]) == nil {
		t.Fatalf("no codec for %s", schema.Protocols[0])
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
	m := s.Metadata
	b := newSuiteBuilder(s.Shapes, output, m.AWSQueryCompatible != nil)
	op := Operation{
		Name: c.Given.Name, Method: c.Given.HTTP.Method, URI: c.Given.HTTP.RequestURI, Status: c.Given.HTTP.ResponseCode,
		HostPrefix: c.Given.Endpoint.HostPrefix, NoInput: c.Given.Input == nil, NoOutput: c.Given.Output == nil,
	}
	empty := b.add(Type{Name: "Empty", Kind: KindStruct, Go: StructOf[struct{}]{}})
	op.Input, op.Output = empty, empty
	var err error
	if in := c.Given.Input; in != nil {
		op.InputName, op.InputNamespace = in.LocationName, in.XMLNamespace.namespace()
		if op.Input, err = b.ref(in.Shape); err != nil {
			return nil, err
		}
	}
	if out := c.Given.Output; out != nil {
		op.ResultWrapper = out.ResultWrapper
		if op.Output, err = b.ref(out.Shape); err != nil {
			return nil, err
		}
	}
	for _, e := range c.Given.Errors {
		ref, err := b.ref(e.Shape)
		if err != nil {
			return nil, err
		}
		op.Errors = append(op.Errors, ref)
	}
	return &Schema{
		ID: "suite", APIVersion: m.APIVersion, JSONVersion: m.JSONVersion, TargetPrefix: m.TargetPrefix,
		XMLNamespace: m.XMLNamespace, Protocols: []ProtocolID{ProtocolID(m.Protocol)}, QueryCompat: b.queryCompat,
		Types: b.types, Operations: []Operation{op},
	}, nil
}

func runInput(t *testing.T, schema *Schema, c suiteCase) {
	t.Helper()
	op := &schema.Operations[0]
	u, err := url.Parse(c.Serialized.URI)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), cmp.Or(c.Serialized.Method, http.MethodPost), "/", nil)
	r.URL = u
	for name, value := range c.Serialized.Headers {
		r.Header.Set(name, value)
	}
	labels, err := matchLabels(op.URI, u.EscapedPath())
	if err != nil {
		t.Fatal(err)
	}
	request := Request{HTTP: r, Labels: labels}
	switch {
	case c.Serialized.Body == nil:
	case schema.Streams(op):
		request.Stream = strings.NewReader(*c.Serialized.Body)
	default:
		if request.Body, err = bodyBytes(schema.Protocols[0], *c.Serialized.Body); err != nil {
			t.Fatal(err)
		}
	}
	in, err := schema.Protocol(schema.Protocols[0]).Decode(op, request)
	if err != nil {
		t.Fatal(err)
	}
	typ := schema.prepared().types[op.Input]
	p, _ := typ.st.unbox(in)
	sameTree(t, tree(t, typ, p), normal(t, typ, c.Params))
}

func bodyBytes(id ProtocolID, text string) ([]byte, error) {
	if form, ok := bodyForms[id]; ok {
		return form.bytes(text)
	}
	return []byte(text), nil
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
	compareAnswer(t, schema.Protocols[0], w, c)
}

func runError(t *testing.T, schema *Schema, c suiteCase) {
	t.Helper()
	typ := schema.prepared().types[schema.Operations[0].Errors[0]]
	p := typ.st.alloc()
	fill(t, typ, p, c.Error)
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
	if schema.QueryCompat {
		r.Header.Set("X-Amzn-Query-Mode", "true")
	}
	schema.Protocol(schema.Protocols[0]).Error(w, r, schema.faultOf(typ, p), cmp.Or(c.Response.Headers["X-Amzn-Requestid"], "foo-id"))
	compareAnswer(t, schema.Protocols[0], w, c)
}
