// SPDX-License-Identifier: Apache-2.0

// Package c2j reads and writes service models in botocore's JSON form ("C2J"). It keeps the order of members and
// nothing that a server does not need (no documentation, no client settings). It does not fetch and does not generate:
// see apiimport and apigen. Read Model first.
package c2j

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
)

// Model is one service.
type Model struct {
	Metadata   Metadata              `json:"metadata"`
	Operations map[string]*Operation `json:"operations"`
	Shapes     map[string]*Shape     `json:"shapes"`
}

// Metadata is what the protocols need to know of a service.
type Metadata struct {
	APIVersion     string   `json:"apiVersion"`
	EndpointPrefix string   `json:"endpointPrefix"`
	JSONVersion    string   `json:"jsonVersion,omitempty"`
	Protocol       string   `json:"protocol"`
	Protocols      []string `json:"protocols,omitempty"` // in the order of preference; absent: Protocol
	ServiceID      string   `json:"serviceId"`
	SigningName    string   `json:"signingName,omitempty"` // absent: EndpointPrefix
	TargetPrefix   string   `json:"targetPrefix,omitempty"`
	XMLNamespace   string   `json:"xmlNamespace,omitempty"`
	// QueryCompatible is there for services that also show the error codes of their former query protocol.
	QueryCompatible *struct{} `json:"awsQueryCompatible,omitempty"`
}

// Operation is one operation. A trimmed model keeps only HTTP (and AuthType) of operations that are not implemented.
type Operation struct {
	HTTP            HTTP      `json:"http"`
	Input           *Ref      `json:"input,omitempty"`
	Output          *Ref      `json:"output,omitempty"`
	Errors          []Ref     `json:"errors,omitempty"`
	AuthType        string    `json:"authtype,omitempty"` // "none": unsigned
	Endpoint        *Prefix   `json:"endpoint,omitempty"`
	UnsignedPayload bool      `json:"unsignedPayload,omitempty"`
	Checksum        *Checksum `json:"httpChecksum,omitempty"`
}

// Checksum says which members of an operation steer the checksums of its bodies.
type Checksum struct {
	RequestAlgorithmMember      string   `json:"requestAlgorithmMember,omitempty"`
	RequestChecksumRequired     bool     `json:"requestChecksumRequired,omitempty"`
	RequestValidationModeMember string   `json:"requestValidationModeMember,omitempty"`
	ResponseAlgorithms          []string `json:"responseAlgorithms,omitempty"`
}

// Prefix is the host prefix that clients glue onto the endpoint.
type Prefix struct {
	HostPrefix string `json:"hostPrefix"`
}

// HTTP is the binding of an operation.
type HTTP struct {
	Method       string `json:"method"`
	RequestURI   string `json:"requestUri"`
	ResponseCode int    `json:"responseCode,omitempty"`
}

// Ref is a use of a shape: a member, an element, an input.
type Ref struct {
	Shape           string       `json:"shape"`
	Location        string       `json:"location,omitempty"` // uri, querystring, header, headers, statusCode
	LocationName    string       `json:"locationName,omitempty"`
	QueryName       string       `json:"queryName,omitempty"`
	ResultWrapper   string       `json:"resultWrapper,omitempty"`
	TimestampFormat string       `json:"timestampFormat,omitempty"`
	XMLNamespace    *XMLNamespec `json:"xmlNamespace,omitempty"`
	XMLAttribute    bool         `json:"xmlAttribute,omitempty"`
	Flattened       bool         `json:"flattened,omitempty"`
	Streaming       bool         `json:"streaming,omitempty"`
	JSONValue       bool         `json:"jsonvalue,omitempty"`
	HostLabel       bool         `json:"hostLabel,omitempty"`
	Idempotency     bool         `json:"idempotencyToken,omitempty"`
	EventPayload    bool         `json:"eventpayload,omitempty"`
	EventHeader     bool         `json:"eventheader,omitempty"`
}

// XMLNamespec is an XML namespace of a member.
type XMLNamespec struct {
	URI    string `json:"uri"`
	Prefix string `json:"prefix,omitempty"`
}

// Shape is one type.
type Shape struct {
	Type            string       `json:"type"`
	Required        []string     `json:"required,omitempty"`
	Members         Members      `json:"members,omitempty"`
	Payload         string       `json:"payload,omitempty"`
	Member          *Ref         `json:"member,omitempty"` // of lists
	Key             *Ref         `json:"key,omitempty"`    // of maps
	Value           *Ref         `json:"value,omitempty"`
	Flattened       bool         `json:"flattened,omitempty"`
	Sparse          bool         `json:"sparse,omitempty"`
	LocationName    string       `json:"locationName,omitempty"`
	Enum            []string     `json:"enum,omitempty"`
	Min             *json.Number `json:"min,omitempty"`
	Max             *json.Number `json:"max,omitempty"`
	Pattern         string       `json:"pattern,omitempty"`
	TimestampFormat string       `json:"timestampFormat,omitempty"`
	XMLNamespace    *XMLNamespec `json:"xmlNamespace,omitempty"`
	Exception       bool         `json:"exception,omitempty"`
	Error           *Error       `json:"error,omitempty"`
	Fault           bool         `json:"fault,omitempty"`
	Streaming       bool         `json:"streaming,omitempty"`
	Sensitive       bool         `json:"sensitive,omitempty"`
	Document        bool         `json:"document,omitempty"`
	Union           bool         `json:"union,omitempty"`
	Event           bool         `json:"event,omitempty"`
	EventStream     bool         `json:"eventstream,omitempty"`
}

// Error is the wire form of a modelled error.
type Error struct {
	Code           string `json:"code,omitempty"` // absent: the shape's name
	HTTPStatusCode int    `json:"httpStatusCode,omitempty"`
	SenderFault    bool   `json:"senderFault,omitempty"`
}

// Member is one member of a structure.
type Member struct {
	Name string
	Ref
}

// Members keeps the model's order: clients send members in it, and people read it.
type Members []Member

// Get returns the member of that name, or nil.
func (m Members) Get(name string) *Member {
	for i := range m {
		if m[i].Name == name {
			return &m[i]
		}
	}
	return nil
}

// UnmarshalJSON reads an object in its order.
func (m *Members) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("members: not an object (%v, %w)", t, err)
	}
	*m = Members{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return fmt.Errorf("members: %w", err)
		}
		name, ok := t.(string)
		if !ok {
			return fmt.Errorf("members: name is %v", t)
		}
		x := Member{Name: name}
		if err := d.Decode(&x.Ref); err != nil {
			return fmt.Errorf("member %s: %w", name, err)
		}
		*m = append(*m, x)
	}
	return nil
}

// MarshalJSON writes the members in their order.
func (m Members) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, x := range m {
		if i > 0 {
			b = append(b, ',')
		}
		v, err := compact(x.Ref)
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, quote(x.Name)...), ':'), v...)
	}
	return append(b, '}'), nil
}

// Parse reads a model, whole or trimmed.
func Parse(b []byte) (*Model, error) {
	m := &Model{}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	if len(m.Operations) == 0 {
		return nil, fmt.Errorf("read model: no operations")
	}
	return m, nil
}

// Format writes a model: sorted, one line for each operation and shape, so that differences read well.
func (m *Model) Format() ([]byte, error) {
	var b bytes.Buffer
	meta, err := compact(m.Metadata)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&b, "{\n\"metadata\": %s,\n\"operations\": {", meta)
	if err := lines(&b, m.Operations); err != nil {
		return nil, err
	}
	b.WriteString("},\n\"shapes\": {")
	if err := lines(&b, m.Shapes); err != nil {
		return nil, err
	}
	b.WriteString("}\n}\n")
	return b.Bytes(), nil
}

// OperationNames returns the names of all operations, sorted.
func (m *Model) OperationNames() []string { return Keys(m.Operations) }

// Keys returns the sorted keys of a map.
func Keys[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

func lines[V any](b *bytes.Buffer, m map[string]V) error {
	for i, n := range Keys(m) {
		v, err := compact(m[n])
		if err != nil {
			return fmt.Errorf("%s: %w", n, err)
		}
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(b, "\n%s: %s", quote(n), v)
	}
	b.WriteByte('\n')
	return nil
}

// compact is json.Marshal without HTML escapes: patterns stay readable.
func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

func quote(s string) []byte {
	b, err := compact(s)
	if err != nil {
		panic(err) // a string always encodes
	}
	return b
}
