// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// protocols maps Smithy's names to those of C2J. Others, rpcv2Json, are no protocol of an AWS service.
var protocols = map[string]struct{ name, jsonVersion, file string }{
	"awsJson1_0": {"json", "1.0", "json_1_0"}, "awsJson1_1": {"json", "1.1", "json"}, "awsQuery": {"query", "", "query"},
	"ec2Query": {"ec2", "", "ec2"}, "restJson1": {"rest-json", "", "rest-json"}, "restXml": {"rest-xml", "", "rest-xml"},
	"rpcv2Cbor": {"smithy-rpc-v2-cbor", "", "cbor"},
}

// testCase is one case of a test trait with what it is about.
type testCase struct {
	id, protocol, appliesTo string
	def                     map[string]any
	op                      *shape
	fault                   *shape // of a response: the error that it shows; nil for the output
	service                 *shape
}

// collect returns the cases of a trait in the order of their shapes.
func (m *model) collect(trait string) []testCase {
	var out []testCase
	for _, id := range m.ids {
		s := m.shapes[id]
		list, _ := s.traits[trait].([]any)
		for _, e := range list {
			def, _ := e.(map[string]any)
			c := testCase{def: def, id: text(def["id"]), protocol: text(def["protocol"]), appliesTo: text(def["appliesTo"])}
			c.protocol = c.protocol[strings.IndexByte(c.protocol, '#')+1:]
			if c.op = s; s.kind != "operation" {
				c.op, c.fault = m.userOf(s.id), s
			}
			c.service = m.serviceOf(c.op, c.protocol)
			out = append(out, c)
		}
	}
	return out
}

// userOf returns the first operation that has the error id.
func (m *model) userOf(id string) *shape {
	for _, other := range m.ids {
		if s := m.shapes[other]; s.kind == "operation" && slices.Contains(s.errors, id) {
			return s
		}
	}
	return nil
}

func (m *model) serviceOf(op *shape, protocol string) *shape {
	if op == nil {
		return nil
	}
	var speaks, has *shape
	for _, id := range m.ids {
		s := m.shapes[id]
		if s.kind != "service" {
			continue
		}
		if speaks == nil && s.traits[protocol] != nil {
			speaks = s
		}
		if slices.Contains(s.operations, op.id) {
			if has = s; s.traits[protocol] != nil {
				return s
			}
		}
	}
	if has == nil { // a few operations are bound to no service: any that speaks the protocol will do
		return speaks
	}
	return has
}

func text(v any) string { s, _ := v.(string); return s }

// suiteOf builds the suite of one case in the form of botocore's: metadata, shapes, and the case with what is given.
func (m *model) suiteOf(c testCase) (suite, given map[string]any, err error) {
	p, ok := protocols[c.protocol]
	if !ok {
		return nil, nil, fmt.Errorf("%s: protocol %s", c.id, c.protocol)
	}
	if c.op == nil || c.service == nil {
		return nil, nil, fmt.Errorf("%s: belongs to no operation of a service", c.id)
	}
	service := c.service.id[strings.IndexByte(c.service.id, '#')+1:]
	metadata := map[string]any{"protocol": p.name, "protocols": []any{p.name}, "apiVersion": c.service.version}
	if p.name == "json" || p.name == "smithy-rpc-v2-cbor" {
		metadata["targetPrefix"] = service
	}
	if p.jsonVersion != "" {
		metadata["jsonVersion"] = p.jsonVersion
	}
	if ns, ok := c.service.traits["xmlNamespace"].(map[string]any); ok {
		metadata["xmlNamespace"] = ns["uri"]
	}
	if r, ok := c.service.traits["restXml"].(map[string]any); ok && r["noErrorWrapping"] == true {
		metadata["noErrorWrapping"] = true
	}
	if _, ok := c.service.traits["awsQueryCompatible"]; ok {
		metadata["awsQueryCompatible"] = map[string]any{}
	}
	conv := newConverter(m, c.protocol)
	given = map[string]any{"name": c.op.id[strings.IndexByte(c.op.id, '#')+1:], "http": httpOf(c.op, c.protocol)}
	for word, id := range map[string]string{"input": c.op.input, "output": c.op.output} {
		if id == "" || id == prelude+"Unit" {
			continue
		}
		name, err := conv.name(id)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", c.id, err)
		}
		given[word] = map[string]any{"shape": name}
		if word == "output" && c.protocol == "awsQuery" {
			given[word] = map[string]any{"shape": name, "resultWrapper": text(given["name"]) + "Result"}
		}
	}
	var errs []any
	for _, id := range c.op.errors {
		if c.fault != nil && id != c.fault.id || m.shapes[id] == nil { // smithy.framework#ValidationException is elsewhere
			continue
		}
		name, err := conv.name(id)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", c.id, err)
		}
		errs = append(errs, map[string]any{"shape": name})
	}
	if errs != nil {
		given["errors"] = errs
	}
	if e, ok := c.op.traits["endpoint"].(map[string]any); ok {
		given["endpoint"] = map[string]any{"hostPrefix": e["hostPrefix"]}
	}
	if r, ok := c.op.traits["requestCompression"]; ok {
		given["requestcompression"] = r
	}
	if _, ok := c.op.traits["s3UnwrappedXmlOutput"]; ok {
		given["s3UnwrappedXmlOutput"] = true
	}
	return map[string]any{"metadata": metadata, "shapes": conv.shapes}, given, nil
}

func httpOf(op *shape, protocol string) map[string]any {
	h, ok := op.traits["http"].(map[string]any)
	if !ok || !strings.HasPrefix(protocol, "rest") {
		return map[string]any{"method": "POST", "requestUri": "/"}
	}
	out := map[string]any{"method": h["method"], "requestUri": h["uri"]}
	if code, ok := h["code"]; ok {
		out["responseCode"] = code
	}
	return out
}

// request converts an httpRequestTests case.
func (m *model) request(c testCase) (map[string]any, error) {
	suite, given, err := m.suiteOf(c)
	if err != nil {
		return nil, err
	}
	serialized := map[string]any{"method": c.def["method"], "uri": uriOf(c.def)}
	if host, ok := c.def["resolvedHost"]; ok { // the bucket stands in it
		c.def["host"] = host
	}
	for _, key := range []string{"headers", "body", "host"} {
		if v, ok := c.def[key]; ok {
			serialized[key] = v
		}
	}
	params := c.def["params"]
	if params == nil {
		params = map[string]any{}
	}
	suite["cases"] = []any{map[string]any{"id": c.id, "given": given, "params": params, "serialized": serialized}}
	return suite, nil
}

func uriOf(def map[string]any) string {
	uri := text(def["uri"])
	list, _ := def["queryParams"].([]any)
	for i, q := range list {
		separator := "&"
		if i == 0 && !strings.Contains(uri, "?") {
			separator = "?"
		}
		uri += separator + text(q)
	}
	return uri
}

// response converts an httpResponseTests case, of an output or an error.
func (m *model) response(c testCase) (map[string]any, error) {
	suite, given, err := m.suiteOf(c)
	if err != nil {
		return nil, err
	}
	response := map[string]any{"status_code": c.def["code"]}
	for _, key := range []string{"headers", "body"} {
		if v, ok := c.def[key]; ok {
			response[key] = v
		}
	}
	params := c.def["params"]
	if params == nil {
		params = map[string]any{}
	}
	out := map[string]any{"id": c.id, "given": given, "response": response}
	if c.fault == nil {
		out["result"] = params
	} else {
		out["error"], out["errorCode"] = params, c.fault.id[strings.IndexByte(c.fault.id, '#')+1:]
	}
	suite["cases"] = []any{out}
	return suite, nil
}

// expand makes the cases of a malformed-request test with parameters: one for each position of their lists, which are
// equally long. $name:L in a text is the value, $name:S the value as a JSON string, $$ a dollar sign.
func expand(c testCase) ([]testCase, error) {
	parameters, ok := c.def["testParameters"].(map[string]any)
	if !ok {
		parameters = map[string]any{}
	}
	n := -1
	for name, v := range parameters {
		list, _ := v.([]any)
		if n >= 0 && len(list) != n {
			return nil, fmt.Errorf("%s: parameter %s has %d values, others %d", c.id, name, len(list), n)
		}
		n = len(list)
	}
	var out []testCase
	for i := range max(n, 1) {
		pairs := []string{"$$", "$"}
		for _, name := range longestFirst(parameters) {
			list, _ := parameters[name].([]any)
			value := text(list[i])
			quoted, err := json.Marshal(value)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.id, err)
			}
			pairs = append(pairs, "$"+name+":L", value, "$"+name+":S", string(quoted))
		}
		one := c
		if n >= 0 {
			one.id = fmt.Sprintf("%s_case%d", c.id, i)
		}
		def, ok := substitute(c.def, strings.NewReplacer(pairs...)).(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%s: not an object", c.id)
		}
		one.def = def
		out = append(out, one)
	}
	return out, nil
}

func longestFirst(m map[string]any) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool {
		return len(names[i]) > len(names[j]) || len(names[i]) == len(names[j]) && names[i] < names[j]
	})
	return names
}

func substitute(v any, r *strings.Replacer) any {
	switch x := v.(type) {
	case string:
		return r.Replace(x)
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = substitute(e, r)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, e := range x {
			if k != "testParameters" {
				out[r.Replace(k)] = substitute(e, r)
			}
		}
		return out
	}
	return v
}

// malformed converts an expanded httpMalformedRequestTests case.
func (m *model) malformed(c testCase) (map[string]any, error) {
	suite, given, err := m.suiteOf(c)
	if err != nil {
		return nil, err
	}
	request, _ := c.def["request"].(map[string]any)
	serialized := map[string]any{"method": request["method"], "uri": uriOf(request)}
	for _, key := range []string{"headers", "body", "host"} {
		if v, ok := request[key]; ok {
			serialized[key] = v
		}
	}
	response, _ := c.def["response"].(map[string]any)
	want := map[string]any{"status_code": response["code"]}
	if h, ok := response["headers"]; ok {
		want["headers"] = h
	}
	if body, ok := response["body"].(map[string]any); ok {
		if assertion, ok := body["assertion"].(map[string]any); ok {
			for key, v := range assertion { // contents or messageRegex
				want[key] = v
			}
		}
	}
	suite["cases"] = []any{map[string]any{"id": c.id, "given": given, "serialized": serialized, "response": want}}
	return suite, nil
}
