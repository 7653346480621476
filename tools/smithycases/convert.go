// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
)

// converter turns the shapes that one operation reaches into C2J, the form of botocore's models and suites. It says two
// things that C2J has no word for, since requests are checked against them: "bits" for integers shorter than 32 bits,
// "uniqueItems" and "default".
type converter struct {
	m        *model
	protocol string // Smithy's name
	names    map[string]string
	shapes   map[string]any
}

func newConverter(m *model, protocol string) *converter {
	return &converter{m: m, protocol: protocol, names: map[string]string{}, shapes: map[string]any{}}
}

// simple are the types that need no statement, by their name in the prelude.
var simple = map[string]map[string]any{
	"blob": {"type": "blob"}, "boolean": {"type": "boolean"}, "string": {"type": "string"}, "document": {"type": "structure", "document": true},
	"byte": {"type": "integer", "bits": 8}, "short": {"type": "integer", "bits": 16}, "integer": {"type": "integer"},
	"long": {"type": "long"}, "float": {"type": "float"}, "double": {"type": "double"}, "timestamp": {"type": "timestamp"},
	"enum": {"type": "string"}, "intEnum": {"type": "integer"},
}

var timestampFormats = map[string]string{"date-time": "iso8601", "epoch-seconds": "unixTimestamp", "http-date": "rfc822"}

// name returns the C2J name of the shape id, converting it on its first use.
func (c *converter) name(id string) (string, error) {
	if n, ok := c.names[id]; ok {
		return n, nil
	}
	n := id[strings.IndexByte(id, '#')+1:]
	if strings.HasPrefix(id, prelude) {
		c.names[id] = n
		s, ok := simple[strings.TrimPrefix(strings.ToLower(n), "primitive")]
		switch {
		case n == "Unit":
			s = map[string]any{"type": "structure", "members": map[string]any{}}
		case !ok:
			return "", fmt.Errorf("no shape %s", id)
		}
		c.shapes[n] = s
		return n, nil
	}
	s := c.m.shapes[id]
	if s == nil {
		return "", fmt.Errorf("no shape %s", id)
	}
	for other, taken := range c.names { // shapes of two namespaces may have one name
		if taken == n && other != id {
			n = strings.ReplaceAll(id[:strings.IndexByte(id, '#')], ".", "_") + "_" + n
		}
	}
	c.names[id] = n
	out, err := c.shape(s)
	if err != nil {
		return "", fmt.Errorf("%s: %w", id, err)
	}
	c.shapes[n] = out
	return n, nil
}

func (c *converter) shape(s *shape) (map[string]any, error) {
	out := map[string]any{}
	for k, v := range simple[s.kind] {
		out[k] = v
	}
	c.constraints(out, s.traits)
	c.shared(out, s.traits)
	if name, ok := s.traits["xmlName"]; ok && c.xml() {
		out["locationName"] = name
	}
	if _, ok := s.traits["sparse"]; ok {
		out["sparse"] = true
	}
	if _, ok := s.traits["streaming"]; ok {
		if s.kind == "union" {
			out["eventstream"] = true
		} else {
			out["streaming"] = true
		}
	}
	if _, ok := s.traits["requiresLength"]; ok {
		out["requiresLength"] = true
	}
	switch s.kind {
	case "structure", "union":
		return out, c.structure(out, s)
	case "list", "set":
		out["type"] = "list"
		if s.kind == "set" {
			out["uniqueItems"] = true
		}
		return out, c.collection(out, s)
	case "map":
		out["type"] = "map"
		return out, c.collection(out, s)
	case "enum":
		var values []any
		for _, m := range s.members {
			if v, ok := m.traits["enumValue"]; ok {
				values = append(values, v)
			} else {
				values = append(values, m.name)
			}
		}
		out["enum"] = values
		return out, nil
	}
	if out["type"] == nil {
		return nil, fmt.Errorf("no form for a %s", s.kind)
	}
	return out, nil
}

func (c *converter) xml() bool {
	return slices.Contains([]string{"restXml", "awsQuery", "ec2Query"}, c.protocol)
}

// shared converts the traits that shapes and members have alike.
func (c *converter) shared(out, traits map[string]any) {
	if f, ok := traits["timestampFormat"].(string); ok {
		out["timestampFormat"] = timestampFormats[f]
	}
	if ns, ok := traits["xmlNamespace"].(map[string]any); ok && c.xml() {
		n := map[string]any{"uri": ns["uri"]}
		if p, ok := ns["prefix"]; ok {
			n["prefix"] = p
		}
		out["xmlNamespace"] = n
	}
	if _, ok := traits["sensitive"]; ok {
		out["sensitive"] = true
	}
	if media, ok := traits["mediaType"]; ok {
		out["mediaType"] = media
		if media == "application/json" {
			out["jsonvalue"] = true
		}
	}
}

func (c *converter) constraints(out, traits map[string]any) {
	for _, name := range []string{"length", "range"} {
		if r, ok := traits[name].(map[string]any); ok {
			for _, bound := range []string{"min", "max"} {
				if v, ok := r[bound]; ok {
					out[bound] = v
				}
			}
		}
	}
	if p, ok := traits["pattern"]; ok {
		out["pattern"] = p
	}
	if _, ok := traits["uniqueItems"]; ok {
		out["uniqueItems"] = true
	}
	if list, ok := traits["enum"].([]any); ok {
		var values []any
		for _, e := range list {
			if d, ok := e.(map[string]any); ok {
				values = append(values, d["value"])
			}
		}
		out["enum"] = values
	}
}

func (c *converter) collection(out map[string]any, s *shape) error {
	for _, m := range s.members {
		ref, err := c.ref(m)
		if err != nil {
			return err
		}
		out[m.name] = ref // member, key, value
	}
	return nil
}

// ref converts a member without its HTTP binding. Constraints at a member are those of a shape of its own in C2J.
func (c *converter) ref(m *member) (map[string]any, error) {
	target, err := c.name(m.target)
	if err != nil {
		return nil, err
	}
	own := map[string]any{}
	c.constraints(own, m.traits)
	if len(own) > 0 {
		base, _ := c.shapes[target].(map[string]any)
		for k, v := range base {
			if _, set := own[k]; !set && k != "min" && k != "max" {
				own[k] = v
			}
		}
		if _, changed := own["min"]; !changed && own["max"] == nil { // the member says nothing about bounds
			for _, k := range []string{"min", "max"} {
				if v, ok := base[k]; ok {
					own[k] = v
				}
			}
		}
		target = fmt.Sprintf("%sOf%d", target, len(c.shapes))
		c.shapes[target] = own
	}
	ref := map[string]any{"shape": target}
	c.shared(ref, m.traits)
	if t := c.m.shapes[m.target]; t != nil {
		if media, ok := t.traits["mediaType"]; ok && media == "application/json" && t.kind == "string" {
			ref["jsonvalue"] = true
		}
	}
	delete(ref, "mediaType")
	switch {
	case c.xml() && m.traits["xmlName"] != nil:
		ref["locationName"] = m.traits["xmlName"]
	case c.protocol == "restJson1" && m.traits["jsonName"] != nil:
		ref["locationName"] = m.traits["jsonName"]
	}
	if q, ok := m.traits["ec2QueryName"]; ok && c.protocol == "ec2Query" {
		ref["queryName"] = q
	}
	for trait, word := range map[string]string{
		"xmlFlattened": "flattened", "xmlAttribute": "xmlAttribute", "hostLabel": "hostLabel",
		"idempotencyToken": "idempotencyToken", "eventPayload": "eventpayload", "eventHeader": "eventheader",
	} {
		if _, ok := m.traits[trait]; ok {
			ref[word] = true
		}
	}
	if d, ok := m.traits["default"]; ok && d != nil {
		ref["default"] = d
	}
	return ref, nil
}

func (c *converter) structure(out map[string]any, s *shape) error {
	out["type"] = "structure"
	if s.kind == "union" {
		out["union"] = true
	}
	members := map[string]any{}
	out["members"] = members
	var required []any
	for _, m := range s.members {
		ref, err := c.ref(m)
		if err != nil {
			return err
		}
		if strings.HasPrefix(c.protocol, "rest") {
			c.bind(out, ref, m)
		}
		if _, ok := m.traits["required"]; ok {
			required = append(required, m.name)
		}
		members[m.name] = ref
	}
	if required != nil {
		out["required"] = required
	}
	if fault, ok := s.traits["error"]; ok {
		out["exception"] = true
		e := map[string]any{}
		if fault == "server" {
			out["fault"] = true
		} else {
			e["senderFault"] = true
		}
		if code, ok := s.traits["httpError"]; ok {
			e["httpStatusCode"] = code
		}
		if q, ok := s.traits["awsQueryError"].(map[string]any); ok {
			e["code"] = q["code"]
			e["httpStatusCode"] = q["httpResponseCode"]
			out["error"] = e
		} else if e["httpStatusCode"] != nil {
			out["error"] = e
		}
	}
	return nil
}

// bind converts a member's HTTP binding.
func (c *converter) bind(out, ref map[string]any, m *member) {
	for trait, location := range map[string]string{
		"httpLabel": "uri", "httpQuery": "querystring", "httpQueryParams": "querystring", "httpHeader": "header",
		"httpPrefixHeaders": "headers", "httpResponseCode": "statusCode",
	} {
		value, ok := m.traits[trait]
		if !ok {
			continue
		}
		ref["location"] = location
		delete(ref, "locationName")
		if text, ok := value.(string); ok {
			ref["locationName"] = text
		} else if trait == "httpLabel" || trait == "httpQueryParams" {
			ref["locationName"] = m.name
		}
	}
	if _, ok := m.traits["httpPayload"]; ok {
		out["payload"] = m.name
	}
}
