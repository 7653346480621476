// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
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
		NoErrorWrapping                                               bool
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
		UnwrappedOutput    bool      `json:"s3UnwrappedXmlOutput"`
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
var bodyForms = map[ProtocolID]bodyForm{
	ProtocolCBOR: {base64.StdEncoding.DecodeString, cborTree},
}

// account is how the cases of all suites came out. Each case counts once.
type account struct {
	compared, passed int      // cases with something to compare
	clientOnly       int      // by the suites' own marks: not run
	nothing          int      // run, but the suite says nothing that could differ
	disputed         []string // see disputes
}

func (a *account) String() string {
	return fmt.Sprintf("conformance: %d of %d cases pass, %d client-only, %d with nothing to compare",
		a.passed, a.compared, a.clientOnly, a.nothing)
}

func TestConformance(t *testing.T) {
	marks := appliesTo(t)
	var all account
	seen := map[string]bool{}
	for _, direction := range []string{"input", "output"} {
		files, err := filepath.Glob("testdata/conformance/" + direction + "-*.json")
		if err != nil || len(files) == 0 {
			t.Fatal("no suites: ", err)
		}
		for _, file := range files {
			var suites []suite
			readJSON(t, file, &suites)
			name := strings.TrimSuffix(filepath.Base(file), ".json")
			t.Run(name, func(t *testing.T) {
				for _, s := range suites {
					for _, c := range s.Cases {
						if key := direction + "/" + c.ID; seen[key] {
							t.Errorf("%s stands twice", c.ID)
						} else {
							seen[key] = true
						}
						if marks[direction][c.ID] == "client" {
							all.clientOnly++
							continue
						}
						all.run(t, s, c, direction == "output")
					}
				}
			})
		}
	}
	all.runEvents(t, marks["events"], seen)
	for direction, ids := range marks {
		for id := range ids {
			if !seen[direction+"/"+id] {
				t.Errorf("%s is in no %s suite", id, direction)
			}
		}
	}
	t.Log(all.String())
	for _, d := range all.disputed {
		t.Log("conformance: beside these, decided against the suite: " + d)
	}
	for id := range disputes {
		if !slices.ContainsFunc(all.disputed, func(d string) bool { return strings.HasPrefix(d, id+":") }) {
			t.Errorf("disputes names %s, which does not exist", id)
		}
	}
}

// disputes are the answers that no server can meet, by id. They are counted apart.
var disputes = map[string]dispute{
	"AwsJson11IntEnums": {
		header: "X-Amz-Target",
		reason: "its answer has X-Amz-Target, a header of requests: no other case and no service has it in an answer",
	},
	"RestJsonIgnoreQueryParamsInResponseNoPayload": {
		reason: "botocore's own variant for clients: RestJsonIgnoreQueryParamsInResponse demands {} for the same output",
	},
	"RestJsonDeserializesDenseSetMapAndSkipsNull": {
		reason: "its answer has a null that its output does not have; Smithy has dropped the case",
	},
	"RpcV2CborDeserializesDenseSetMapAndSkipsNull": {
		reason: "its answer has a null that its output does not have; Smithy has dropped the case",
	},
	"InvalidGreetingError": {
		element: "<AnotherSetting>setting</AnotherSetting>",
		reason:  "its answer has AnotherSetting, of which its error has no member: clients must ignore it",
	},
	"S3OperationNoErrorWrappingResponse": {
		element: "<Type>Sender</Type>",
		reason: "its answer has Type, which S3's errors do not: " +
			"https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, REST error responses",
	},
	"RpcV2CborPayloadWithUnsetUnion": {
		reason: "botocore's own: its answer is no CBOR document and has no protocol header",
	},
}

// dispute is a case's demand that contradicts the other upstream or what AWS's services do.
type dispute struct {
	reason string
	// All but this header or this element of the answer is compared; nothing when both are "".
	header, element string
}

func (a *account) run(t *testing.T, s suite, c suiteCase, output bool) {
	t.Helper()
	if d, ok := disputes[c.ID]; ok && output {
		a.disputed = append(a.disputed, c.ID+": "+d.reason)
		if d.header != "" || d.element != "" {
			c.Response.Headers = maps.Clone(c.Response.Headers)
			delete(c.Response.Headers, d.header)
			if d.element != "" {
				before, after, found := strings.Cut(*c.Response.Body, d.element)
				if !found {
					t.Errorf("%s has no %s", c.ID, d.element)
				}
				c.Response.Body = new(before + after)
			}
			t.Run(c.ID, func(t *testing.T) { runCase(t, s, c, output) })
		}
		return
	}
	passed := t.Run(c.ID, func(t *testing.T) { runCase(t, s, c, output) })
	if c.nothing(s, output) {
		a.nothing++
		return
	}
	a.compared++
	if passed {
		a.passed++
	}
}

// nothing tells that no result of the codec could differ from what the case says: a request whose input has no members,
// an answer of which the suite gives the status only.
func (c *suiteCase) nothing(s suite, output bool) bool {
	if output {
		return len(c.Response.Headers) == 0 && c.Response.Body == nil
	}
	return c.Given.Input == nil || len(s.Shapes[c.Given.Input.Shape].Members) == 0
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
		UnwrappedOutput: c.Given.UnwrappedOutput,
	}
	empty := b.add(Type{Name: "Empty", Kind: KindStruct, Go: StructOf[struct{}]{}})
	op.Input, op.Output = empty, empty
	var err error
	if in := c.Given.Input; in != nil {
		op.InputName, op.InputNamespace = in.LocationName, in.XMLNamespace.namespace()
		if op.Input, err = b.ref(in.Shape); err != nil {
			return nil, err
		}
		op.InputMediaType = b.payloadType(in.Shape)
	}
	if out := c.Given.Output; out != nil {
		op.ResultWrapper = out.ResultWrapper
		if op.Output, err = b.ref(out.Shape); err != nil {
			return nil, err
		}
		op.OutputMediaType = b.payloadType(out.Shape)
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
		BareErrors: m.NoErrorWrapping,
		Types:      b.types, Operations: []Operation{op},
	}, nil
}

func runInput(t *testing.T, schema *Schema, c suiteCase) {
	t.Helper()
	op := &schema.Operations[0]
	request, err := suiteRequest(t, schema, c)
	if err != nil {
		t.Fatal(err)
	}
	if h := request.HTTP.Header; c.omitsContentType(schema) {
		h.Set("Content-Type", "application/json")
	}
	in, err := schema.Protocol(schema.Protocols[0]).Decode(op, request)
	if err != nil {
		t.Fatal(err)
	}
	typ := schema.prepared().types[op.Input]
	p, _ := typ.st.unbox(in)
	want, ok := normal(t, typ, c.Params).(map[string]any)
	if !ok {
		t.Fatal("the parameters are no structure")
	}
	switch id := schema.Protocols[0]; id {
	case ProtocolQuery, ProtocolEC2:
		dropUnsaid(want, string(request.Body))
	case ProtocolRESTXML:
		completeQueryMap(typ, want, request.HTTP.URL)
	default:
	}
	for i := range typ.fields {
		if f := &typ.fields[i]; f.Loc == InQuery && isEmptyCollection(want[f.Name]) && !c.mentions(f.wire) { // a query string cannot say it
			delete(want, f.Name)
		}
	}
	sameTree(t, tree(t, typ, p), want)
}

// omitsContentType tells that the case's request lacks what any client sends with a REST-JSON document: the suite states only
// the headers that it is about.
func (c *suiteCase) omitsContentType(schema *Schema) bool {
	in := schema.prepared().types[schema.Operations[0].Input]
	_, has := c.Serialized.Headers["Content-Type"]
	return schema.Protocols[0] == ProtocolRESTJSON && !has && in.payload == nil &&
		(c.Serialized.Body != nil && *c.Serialized.Body != "" || c.Given.RequestCompression != nil)
}

func isEmptyCollection(v any) bool {
	switch x := v.(type) {
	case []any:
		return len(x) == 0
	case map[string]any:
		return len(x) == 0
	}
	return false
}

// mentions tells whether the request's URI has the name of a member.
func (c *suiteCase) mentions(name string) bool { return strings.Contains(c.Serialized.URI, name) }

// suiteRequest builds the case's request as the front door hands it to a codec.
func suiteRequest(t *testing.T, schema *Schema, c suiteCase) (Request, error) {
	t.Helper()
	op := &schema.Operations[0]
	u, err := url.Parse(c.Serialized.URI)
	if err != nil {
		return Request{}, err
	}
	var sent []byte
	if c.Serialized.Body != nil {
		if sent, err = bodyBytes(schema.Protocols[0], *c.Serialized.Body); err != nil {
			return Request{}, err
		}
	}
	if c.Given.RequestCompression != nil && sent == nil { // the suites leave compressed bodies out
		sent = compressedBody(t, schema, c)
	}
	r := httptest.NewRequestWithContext(t.Context(), cmp.Or(c.Serialized.Method, http.MethodPost), "/", bytes.NewReader(sent))
	r.URL, r.Host = u, cmp.Or(c.Serialized.Host, r.Host)
	for name, value := range c.Serialized.Headers {
		r.Header.Set(name, value)
	}
	request := Request{HTTP: r}
	if id := schema.Protocols[0]; id == ProtocolRESTJSON || id == ProtocolRESTXML { // others have no labels
		path := u.EscapedPath()
		if bucket, _, ok := strings.Cut(r.Host, ".s3"); ok { // what the front door does with a virtual host
			path = strings.TrimSuffix("/"+bucket+path, "/")
		}
		if request.Labels, err = matchLabels(op.URI, path); err != nil {
			return Request{}, err
		}
	}
	if schema.Streams(op) {
		request.Stream = r.Body
		return request, nil
	}
	request.Body, err = ReadBody(r, op, DefaultMaxBody)
	return request, err
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
	f := schema.faultOf(typ, p)
	if f.Message == "" {
		f.Message = unmodelledMessage(c)
	}
	schema.Protocol(schema.Protocols[0]).Error(w, r, f, cmp.Or(c.Response.Headers["X-Amzn-Requestid"], "foo-id"))
	compareAnswer(t, schema.Protocols[0], w, c)
}
