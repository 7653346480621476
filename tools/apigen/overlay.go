// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/gustcloud/gust/tools/internal/c2j"
)

// overlay is the hand-written correction of one service's model: what AWS does and its model does not say. Unknown
// keys and corrections of what does not exist are errors, so that an overlay cannot rot. "//" keys are comments.
type overlay struct {
	Comment json.RawMessage `json:"//"`
	// XMLNamespace is that of answers in XML where the model has none.
	XMLNamespace string `json:"xmlNamespace"`
	// Protocols replaces the model's list, in the order of preference: "query" beside "json" for SQS's old clients.
	Protocols []string `json:"protocols"`
	// ValidationCode is the error code of a failed model constraint. "": constraints are not checked by the table.
	ValidationCode string `json:"validationCode"`
	// ErrorPrefix stands before the code in the "__type" of AWS JSON errors ("com.amazonaws.logs#").
	ErrorPrefix string `json:"errorPrefix"`
	// ErrorTypeMember is the member that tells User or Service in each error body (Lambda's "Type").
	ErrorTypeMember string `json:"errorTypeMember"`
	// BareErrors: errors have S3's form.
	BareErrors bool `json:"bareErrors"`
	// BodyCRC32: AWS JSON answers carry the CRC-32 of their body (DynamoDB's x-amz-crc32).
	BodyCRC32 bool `json:"bodyCRC32"`
	// MessageMember is the wire name of the message of errors whose model has none. "": "message".
	MessageMember string `json:"messageMember"`
	// UnknownOperationCode and UnimplementedCode replace the protocol's own codes.
	UnknownOperationCode string `json:"unknownOperationCode"`
	UnimplementedCode    string `json:"unimplementedCode"`
	// MaxBody caps request bodies, in bytes.
	MaxBody int64 `json:"maxBody"`
	// Errors are errors that the service answers beside the modelled ones of the operations, by Go type name; those that
	// the model has are corrected.
	Errors map[string]overlayError `json:"errors"`
	// Operations corrects operations.
	Operations map[string]overlayOperation `json:"operations"`
	// Members corrects members, by "Shape.Member".
	Members map[string]overlayMember `json:"members"`
	// Shapes corrects constraints and names.
	Shapes map[string]overlayShape `json:"shapes"`
	// Rename gives a structure or enum another Go type name.
	Rename map[string]string `json:"rename"`
	// Types gives a structure a hand-written Go type, which the codecs know: "av.Value" for DynamoDB's AttributeValue.
	Types map[string]string `json:"types"`
}

// attributeType is the Go type of DynamoDB's attribute values, wire.KindAttribute.
const attributeType = "av.Value"

type overlayOperation struct {
	Comment string `json:"//"`
	MaxBody int64  `json:"maxBody"` // bytes
	// OutputMediaType is the Content-Type of an output that is a blob payload.
	OutputMediaType string `json:"outputMediaType"`
	// UnwrappedOutput: the output's one member is the root of the XML.
	UnwrappedOutput bool `json:"unwrappedOutput"`
	// URI replaces the requestUri.
	URI string `json:"uri"`
}

type overlayError struct {
	Comment string `json:"//"`
	Code    string `json:"code"` // "": the key
	Status  int    `json:"status"`
	Fault   bool   `json:"fault"` // the server's, not the sender's
	// QueryCode is what clients of the query protocol see, where it is another code.
	QueryCode string `json:"queryCode"`
	// Prefix stands before the code in "__type" instead of ErrorPrefix.
	Prefix string `json:"prefix"`
}

type overlayMember struct {
	Comment string `json:"//"`
	// AltWire is the name in forms and XML, where the service also speaks JSON and the names differ.
	AltWire   string `json:"altWire"`
	Flattened bool   `json:"flattened"`
}

type overlayShape struct {
	Comment    string       `json:"//"`
	Min        *json.Number `json:"min"`
	Max        *json.Number `json:"max"`
	DropMin    bool         `json:"dropMin"`
	DropMax    bool         `json:"dropMax"`
	Pattern    *string      `json:"pattern"`
	RemoveEnum []string     `json:"removeEnum"`
	AddEnum    []string     `json:"addEnum"`
	Open       bool         `json:"open"`     // the enum's constants stay, its values are not checked by the table
	Optional   []string     `json:"optional"` // members that are not required, whatever the model says
	Required   []string     `json:"required"`
	ElemName   string       `json:"elemName"` // locationName of a list's member or a map's value
	KeyName    string       `json:"keyName"`  // of a map's key
	XMLName    string       `json:"xmlName"`  // what the root is called that holds the shape
}

func readOverlay(name string) (*overlay, error) {
	o := &overlay{}
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return o, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read overlay: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(o); err != nil {
		return nil, fmt.Errorf("read overlay %s: %w", name, err)
	}
	return o, nil
}

// apply changes the model's shapes.
func (o *overlay) apply(m *c2j.Model) error {
	for _, name := range c2j.Keys(o.Shapes) {
		s := m.Shapes[name]
		if s == nil {
			return fmt.Errorf("overlay corrects shape %s, which is not there", name)
		}
		if err := o.Shapes[name].apply(s); err != nil {
			return fmt.Errorf("overlay of shape %s: %w", name, err)
		}
	}
	for _, name := range c2j.Keys(o.Members) {
		shape, member, _ := strings.Cut(name, ".")
		if s := m.Shapes[shape]; s == nil || s.Members.Get(member) == nil {
			return fmt.Errorf("overlay corrects member %s, which is not there", name)
		}
		x := m.Shapes[shape].Members.Get(member)
		x.Flattened = x.Flattened || o.Members[name].Flattened
	}
	for name := range o.Rename {
		if m.Shapes[name] == nil {
			return fmt.Errorf("overlay renames shape %s, which is not there", name)
		}
	}
	for name, g := range o.Types {
		if s := m.Shapes[name]; s == nil || s.Type != "structure" || g != attributeType {
			return fmt.Errorf("overlay gives %s the type %s: %s for a structure is all that the codecs know", name, g, attributeType)
		}
		m.Shapes[name].Members = nil
	}
	for name := range o.Operations {
		if m.Operations[name] == nil {
			return fmt.Errorf("overlay corrects operation %s, which is not there", name)
		}
	}
	for _, name := range o.modelledErrors(m) {
		if err := o.Errors[name].apply(m.Shapes[name]); err != nil {
			return fmt.Errorf("overlay of error %s: %w", name, err)
		}
	}
	return nil
}

// modelledErrors returns the names of the overlay's errors that the model has, perhaps for other operations.
func (o *overlay) modelledErrors(m *c2j.Model) []string {
	var names []string
	for _, n := range c2j.Keys(o.Errors) {
		if m.Shapes[n] != nil {
			names = append(names, n)
		}
	}
	return names
}

// validationErrors returns the model's errors that have the validation code: operations seldom name them.
func (o *overlay) validationErrors(m *c2j.Model) []string {
	var names []string
	for _, n := range c2j.Keys(m.Shapes) {
		x := m.Shapes[n]
		code := n
		if x.Error != nil && x.Error.Code != "" && m.Metadata.QueryCompatible == nil {
			code = x.Error.Code
		}
		if x.Exception && code == o.ValidationCode {
			names = append(names, n)
		}
	}
	return names
}

// apply corrects the model's error.
func (e overlayError) apply(x *c2j.Shape) error {
	if !x.Exception {
		return errors.New("the model has a shape of that name that is no error")
	}
	if x.Error == nil {
		x.Error = &c2j.Error{}
	}
	if e.Code != "" {
		x.Error.Code = e.Code
	}
	if e.Status != 0 {
		x.Error.HTTPStatusCode = e.Status
	}
	if e == (overlayError{Comment: e.Comment}) {
		return errors.New("it changes nothing")
	}
	x.Fault = x.Fault || e.Fault
	return nil
}

func (x overlayShape) apply(s *c2j.Shape) error {
	if x.Min != nil {
		s.Min = x.Min
	}
	if x.Max != nil {
		s.Max = x.Max
	}
	if x.DropMin {
		s.Min = nil
	}
	if x.DropMax {
		s.Max = nil
	}
	if x.Pattern != nil {
		s.Pattern = *x.Pattern
	}
	var err error
	if s.Enum, err = without(s.Enum, x.RemoveEnum); err != nil {
		return err
	}
	s.Enum = append(s.Enum, x.AddEnum...)
	elem := s.Member
	if s.Type == "map" {
		elem = s.Value
	}
	if x.ElemName != "" {
		if elem == nil {
			return errors.New("it has no elements")
		}
		elem.LocationName = x.ElemName
	}
	if x.KeyName != "" {
		if s.Key == nil {
			return errors.New("it has no keys")
		}
		s.Key.LocationName = x.KeyName
	}
	if x.XMLName != "" {
		s.LocationName = x.XMLName
	}
	if x.Open && len(s.Enum) == 0 {
		return errors.New("it is no enum")
	}
	if s.Required, err = without(s.Required, x.Optional); err != nil {
		return err
	}
	for _, n := range x.Required {
		if s.Members.Get(n) == nil {
			return fmt.Errorf("no member %s", n)
		}
		s.Required = append(s.Required, n)
	}
	return nil
}

func without(list, remove []string) ([]string, error) {
	for _, r := range remove {
		i := slices.Index(list, r)
		if i < 0 {
			return nil, fmt.Errorf("%s is not there", r)
		}
		list = slices.Delete(slices.Clone(list), i, i+1)
	}
	return list, nil
}
