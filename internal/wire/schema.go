// SPDX-License-Identifier: Apache-2.0

package wire

import "sync"

// The Go mapping, which tools/apigen implements and the codecs rely on. "Value position" means an element of a list or a
// value of a map; "member" a field of a structure.
//
//	model                     member, required or in an error   member, optional        value position
//	string, enum              string                            *string                 string
//	integer (byte, short)     int32                             *int32                  int32
//	long                      int64                             *int64                  int64
//	float / double            float32 / float64                 *float32 / *float64     float32 / float64
//	boolean                   bool                              *bool                   bool
//	timestamp                 time.Time, zero = absent          the same                time.Time
//	blob                      []byte, nil = absent              the same                []byte
//	document                  json.RawMessage, nil = absent     the same                json.RawMessage
//	list                      []E, nil = absent, empty = []     the same                []E
//	map                       map[string]E, nil = absent        the same                map[string]E
//	structure                 *S, nil = absent                  the same                S (not a pointer)
//	DynamoDB's AttributeValue *av.Value, nil = absent           the same                av.Value
//	union                     *U; U is a struct whose members are all optional          U
//	element of a sparse list or map                                                     *E, nil = null
//	streaming blob, input     io.Reader                         the same                -
//	streaming blob, output    io.ReadCloser                     the same                -
//	event stream              iter.Seq2[E, error]               the same                -
//
// More rules:
//   - An enum is a plain Go string; its values are untyped string constants (RuntimePython312 = "python3.12"). Map keys are
//     plain strings even where the model has an enum.
//   - The Go name of a member is its model name with the first letter in upper case: message -> Message, QueueUrl -> QueueUrl.
//     Field.Name keeps the model's spelling.
//   - "In an error" covers string members only: a handler writes &api.QueueDoesNotExist{Message: "..."}. An empty string
//     there is absent.
//   - E of an event stream is a union of its events. Its exceptions are no members: the iterator yields them as errors. The
//     table has them among the Fields of the KindEvents type, without an offset. The iterator of an input can be used once.
//   - Each error shape E is a struct with `Error() string` (code, colon, space, message) and `WireType() (*wire.Schema, wire.Ref)`
//     on *E, so *E is a wire.APIError. Handlers return pointers.
//   - An operation without input (output) in the model gets a generated empty struct <Operation>Input (<Operation>Output) and
//     NoInput (NoOutput) is set: every method has the form M(ctx, *In) (*Out, error).
//   - Required of a model is Required here for inputs and outputs alike; only decoding a request enforces it.
//   - Types of one service refer to each other by index (Ref) in Schema.Types, so the table is static data without
//     initialisation cycles. Types[0] is the zero Type and stands for "none".
//
// A table looks like this; generated code holds its types as text (table.go).
//
//	var schema = wire.Schema{ID: "sqs", Protocols: []wire.ProtocolID{wire.ProtocolJSON, wire.ProtocolQuery}, ...
//		Types: []wire.Type{
//			{},
//			{Name: "String", Kind: wire.KindString},
//			{Name: "SendMessageRequest", Kind: wire.KindStruct, Go: wire.StructOf[SendMessageRequest]{}, Fields: []wire.Field{
//				{Name: "QueueUrl", Off: unsafe.Offsetof(SendMessageRequest{}.QueueUrl), Type: 1, Flags: wire.Required},
//				{Name: "DelaySeconds", Off: unsafe.Offsetof(SendMessageRequest{}.DelaySeconds), Type: 3, Flags: wire.Pointer},
//			}},
//			{Name: "StringList", Kind: wire.KindList, Go: wire.SliceOf[string]{}, Elem: 1},
//			{Name: "TagMap", Kind: wire.KindMap, Go: wire.MapOf[string]{}, Elem: 1},
//			{Name: "QueueDoesNotExist", Kind: wire.KindStruct, Go: wire.StructOf[QueueDoesNotExist]{}, Error: &wire.ErrorInfo{...}, Fields: ...},
//		},
//		Operations: []wire.Operation{{Name: "SendMessage", Method: "POST", URI: "/", Input: 2, Output: 9}},
//		Missing: "StartMessageMoveTask\n",
//	}

// Ref is the index of a Type in its Schema's Types. 0 is none.
type Ref uint32

// Kind says how a type is represented in Go and on the wire.
type Kind uint8

// The kinds. KindStream is a blob that is not held in memory, KindEvents an event stream, KindAttribute DynamoDB's attribute
// value as av.Value, which only the JSON protocols have.
const (
	KindNone Kind = iota
	KindStruct
	KindUnion
	KindList
	KindMap
	KindString
	KindInt32
	KindInt64
	KindFloat32
	KindFloat64
	KindBool
	KindBlob
	KindTime
	KindDocument
	KindStream
	KindEvents
	KindAttribute
)

// TimeFormat is the text form of a timestamp. TimeDefault is the protocol's own for the place: JSON and CBOR bodies epoch
// seconds, XML, form and query strings ISO 8601, headers RFC 822 (IMF-fixdate).
type TimeFormat uint8

// The timestamp formats of the models: timestampFormat unixTimestamp, iso8601, rfc822.
const (
	TimeDefault TimeFormat = iota
	TimeEpoch
	TimeISO8601
	TimeRFC822
)

// Location is where in an HTTP message a member stands (rest protocols only; others put everything into the body).
type Location uint8

// The locations: C2J "location", and "payload" of the structure for InPayload.
const (
	InBody    Location = iota // a member of the body document
	InURI                     // label of the URI, Wire is its name
	InQuery                   // query parameter Wire; a map member is all parameters
	InHeader                  // header Wire
	InHeaders                 // headers with prefix Wire into a map
	InStatus                  // HTTP status of the response
	InPayload                 // the whole body
	InEvent                   // of an event: a header or the payload of its message, as EventHeader and EventPayload tell
)

// FieldFlags are the boolean traits of a member.
type FieldFlags uint16

// The traits of members.
const (
	Required         FieldFlags = 1 << iota // in the structure's "required"
	Pointer                                 // the Go field is *T (scalars only; structures are always pointers)
	Flattened                               // "flattened" at the member
	XMLAttribute                            // "xmlAttribute"
	IdempotencyToken                        // "idempotencyToken"
	Sensitive                               // "sensitive" at its shape or at what its list or map holds: never log
	HostLabel                               // "hostLabel"
	JSONValue                               // "jsonvalue": a string that holds JSON, in base64 inside headers
	EventPayload                            // "eventpayload"
	EventHeader                             // "eventheader"
	EventByte                               // an EventHeader that is a byte in the model
	EventShort                              // an EventHeader that is a short
)

// XMLNamespace is an xmlNamespace trait.
type XMLNamespace struct {
	URI    string
	Prefix string // "" for the default namespace
}

// Field is a member of a structure or union, in the model's order.
type Field struct {
	Name      string // in the model
	Wire      string // locationName; "" means Name, and no prefix for InHeaders
	Off       uintptr
	Type      Ref
	Flags     FieldFlags
	Loc       Location
	Time      TimeFormat    // timestampFormat at the member; TimeDefault: the type's
	QueryName string        // "queryName" (ec2); "" for none
	Namespace *XMLNamespace // "xmlNamespace" at the member; nil for none
	AltWire   string        // overlay: the name in forms and XML, where Wire is the one in JSON (SQS); "" for none
	// Default stands for an absent member, in requests and in answers: JSON as a JSON protocol has it; "" for none. C2J models
	// have no defaults, services apply theirs by hand. A member with a default is not Required.
	Default string
}

// Constraints are the value rules of a type. Numbers are text as in the model: it is printed in messages.
type Constraints struct {
	Min, Max string   // length (string, blob), size (list, map) or value (numbers); "" for none
	Pattern  string   // as in the model (Java syntax, for whole strings: see CompilePattern); "" for none
	Enum     []string // in the model's order
	Unique   bool     // no two elements of the list are equal; C2J models do not say so
}

// ErrorInfo are the traits of an error shape.
type ErrorInfo struct {
	Code      string // as on the wire: "error.code" of the model, else the shape's name
	Status    int    // HTTP status; 0: 400 for the sender's fault, 500 otherwise
	Sender    bool   // the caller is to blame (Type Sender / Client)
	QueryCode string // awsQueryError code for query-compatible services; "" means Code
	Prefix    string // of __type in JSON errors, where it is not the schema's
	Message   string // model name of the member that is the message; "" when there is none
}

// Type is one shape.
type Type struct {
	Name string // in the model
	Kind Kind
	// Go is StructOf, SliceOf or MapOf for structures, unions, lists and maps, EventsOf for event streams, StructOf[av.Value]
	// for KindAttribute, nil for others.
	Go GoType

	Fields []Field // structures and unions

	Elem     Ref    // lists: element, maps: value
	Key      Ref    // maps: key (a string; its constraints apply)
	ElemName string // locationName of a list's member ("" means "member") or a map's value ("" means "value")
	KeyName  string // locationName of a map's key; "" means "key"

	Flattened     bool          // "flattened" at the list or map
	Sparse        bool          // a list or map that may hold null
	Time          TimeFormat    // "timestampFormat" of the shape
	Wire          string        // "locationName" of the shape (XML root); "" means Name
	Namespace     *XMLNamespace // "xmlNamespace" of the shape
	ElemNamespace *XMLNamespace // of a list's member or a map's value
	KeyNamespace  *XMLNamespace // of a map's key
	Bits          uint8         // of an integer that is shorter than its kind: 8 (byte) or 16 (short); 0 for none. C2J models do not say so
	Rules         *Constraints  // nil for none
	Error         *ErrorInfo    // error shapes only
}

// Route is the HTTP form of an operation: what an unimplemented one is recognised by.
type Route struct {
	Name   string
	Method string // "POST"
	URI    string // as in the model: "/2015-03-31/functions/{FunctionName}/code", "/{Bucket}/{Key+}?uploads"
	NoAuth bool   // "authtype": "none"
}

// Operation is one implemented operation. Its index in Schema.Operations is what Service.Invoke takes.
type Operation struct {
	Name            string
	Method          string
	URI             string
	Status          int // of success; 0 means 200
	Input           Ref
	Output          Ref
	NoInput         bool   // the model has no input shape: Input is a generated empty structure
	NoOutput        bool   // the same for Output
	Errors          []Ref  // modelled errors
	NoAuth          bool   // "authtype": "none"
	HostPrefix      string // "endpoint.hostPrefix"
	ResultWrapper   string // query: "resultWrapper"; "" for none
	InputName       string // rest-xml: locationName of the input; "" for none
	InputNamespace  *XMLNamespace
	UnwrappedOutput bool   // rest-xml: the one body member of the output is the root (overlay; S3's GetBucketLocation)
	OutputMediaType string // Content-Type of a payload where it is not the protocol's own (overlay); "" for the default
	InputMediaType  string // the same of a request's payload; "" for the default
	MaxBody         int64  // cap of the request body in bytes, decompressed; 0 means the schema's
	UnsignedPayload bool   // "unsignedPayload" / "authtype": "v4-unsigned-body"
}

// ProtocolID names a wire protocol as the models do.
type ProtocolID string

// The protocols.
const (
	ProtocolJSON     ProtocolID = "json"
	ProtocolRESTJSON ProtocolID = "rest-json"
	ProtocolQuery    ProtocolID = "query"
	ProtocolEC2      ProtocolID = "ec2"
	ProtocolRESTXML  ProtocolID = "rest-xml"
	ProtocolCBOR     ProtocolID = "smithy-rpc-v2-cbor"
)

// Schema is the static table of one service. Generated code declares it as a package variable and hands out its address;
// only the unexported part, Types and Operations change, once, at the first use.
type Schema struct {
	ID             string // of the service in Caller; without hyphens the folder in internal/awsapi: "sqs"
	ServiceID      string // of the SDKs: "CloudWatch Logs"
	SigningName    string // in the credential scope; equal to EndpointPrefix where the model has none
	EndpointPrefix string
	APIVersion     string // "2015-03-31"
	TargetPrefix   string // of X-Amz-Target, without the dot
	JSONVersion    string // "1.0", "1.1"
	Protocols      []ProtocolID
	QueryCompat    bool // "awsQueryCompatible"
	XMLNamespace   string
	ErrorPrefix    string // of __type in JSON errors: "com.amazonaws.sqs#"; "" for none
	// BodyCRC32: AWS JSON answers have the header x-amz-crc32, the CRC-32 (IEEE) of the body as a decimal number, which SDKs
	// check where it stands (DynamoDB).
	BodyCRC32 bool
	// ErrorTypeMember names the member of JSON error bodies that tells whose fault it is: "User" (the sender's) or
	// "Service" (Lambda's "Type"). The encoder fills it where the handler left it empty. "" for none.
	ErrorTypeMember string
	// BareErrors gives a rest-xml service S3's errors: an <Error> without <ErrorResponse> around it, MalformedXML for a body
	// that does not parse, and the request's id in x-amz-request-id and x-amz-id-2.
	BareErrors bool

	// ValidationCode is the error code for values that break a constraint: "ValidationException", "ValidationError", ...
	// "" means that the service's model constraints are not checked (SQS, S3, EC2 check by hand).
	ValidationCode string
	// UnknownOperationCode and UnimplementedCode override the protocol's own codes; "" for the default.
	UnknownOperationCode string
	UnimplementedCode    string
	// MaxBody caps request bodies in bytes; 0 means DefaultMaxBody.
	MaxBody int64

	// Types and Operations are empty before the first use when they are made of Table and Go: see table.go, and Prepare.
	Types      []Type
	Table      string
	Go         []any
	Operations []Operation
	Missing    Routes // operations of the model that are not implemented

	once sync.Once
	plan *plan
}

// DefaultMaxBody is the cap of a request body where neither the operation nor the schema has its own, in bytes.
const DefaultMaxBody = 10 << 20

// BodyLimit returns the cap of op's request body in bytes.
func (s *Schema) BodyLimit(op *Operation) int64 {
	switch {
	case op.MaxBody > 0:
		return op.MaxBody
	case s.MaxBody > 0:
		return s.MaxBody
	}
	return DefaultMaxBody
}

// Prepare does what the first use would do, and returns s with its Types.
func (s *Schema) Prepare() *Schema {
	s.prepared()
	return s
}

// Operation finds an implemented operation by name: its index in Operations, or -1.
func (s *Schema) Operation(name string) int {
	if i, ok := s.prepared().operations[name]; ok {
		return i
	}
	return -1
}

// Has tells whether the model has an operation of that name, implemented or not.
func (s *Schema) Has(name string) bool {
	return s.Operation(name) >= 0 || s.Missing.Has(name)
}
