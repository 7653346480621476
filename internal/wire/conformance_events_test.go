// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"testing"
	"time"
	"unsafe"

	"github.com/gustcloud/gust/internal/wire/eventstream"
)

// The event stream cases of Smithy's REST-JSON suite, run inverted: requests are decoded, answers encoded. The service of
// the suite is written out here as tools/apigen would generate it.

type (
	suiteEvent struct {
		Headers                   *headersEvent
		BlobPayload               *blobPayloadEvent
		StringPayload             *stringPayloadEvent
		StructurePayload          *structurePayloadEvent
		UnionPayload              *unionPayloadEvent
		HeadersAndExplicitPayload *explicitEvent
		HeadersAndImplicitPayload *implicitEvent
		Strict                    *strictEvent // ours, no case has it
	}
	headersEvent struct {
		BooleanHeader                    *bool
		ByteHeader, ShortHeader, IntHead *int32
		LongHeader                       *int64
		BlobHeader                       []byte
		StringHeader                     *string
		TimestampHeader                  time.Time
	}
	blobPayloadEvent      struct{ Payload []byte }
	stringPayloadEvent    struct{ Payload *string }
	structurePayloadEvent struct{ Payload *payloadStructure }
	unionPayloadEvent     struct{ Payload *payloadUnion }
	payloadStructure      struct{ StructureMember *string }
	payloadUnion          struct{ UnionMember *string }
	explicitEvent         struct {
		Header  *string
		Payload *payloadStructure
	}
	implicitEvent struct{ Header, Payload *string }
	strictEvent   struct{ Header, Body string }
	eventError    struct{ Message string }
	suiteStream   struct{ Stream iter.Seq2[suiteEvent, error] }
	suiteInitial  struct {
		InitialRequestMember string
		Stream               iter.Seq2[suiteEvent, error]
	}
	suiteAnswer struct {
		InitialResponseMember string
		Stream                iter.Seq2[suiteEvent, error]
	}
)

func (e *eventError) Error() string            { return "ErrorEvent: " + e.Message }
func (e *eventError) WireType() (*Schema, Ref) { return &eventSuite, eEventError }

const (
	eString Ref = iota + 1
	eBool
	eInt
	eLong
	eBlob
	eTime
	eHeaders
	eBlobPayload
	eStringPayload
	eStructure
	eStructurePayload
	eUnion
	eUnionPayload
	eExplicit
	eImplicit
	eEventError
	eStream
	eStreamIO
	eInitialIn
	eInitialOut
	eRPCOut
	eStrict
)

var eventSuite = Schema{
	ID: "events", ServiceID: "Events", TargetPrefix: "Events", JSONVersion: "1.1", ErrorPrefix: "com.amazonaws.events#",
	Protocols:      []ProtocolID{ProtocolRESTJSON, ProtocolRESTXML, ProtocolJSON, ProtocolCBOR},
	ValidationCode: "ValidationException",
	Types: []Type{
		{},
		eString: {Name: "String", Kind: KindString},
		eBool:   {Name: "Boolean", Kind: KindBool},
		eInt:    {Name: "Integer", Kind: KindInt32},
		eLong:   {Name: "Long", Kind: KindInt64},
		eBlob:   {Name: "Blob", Kind: KindBlob},
		eTime:   {Name: "DateTime", Kind: KindTime, Time: TimeISO8601},
		eHeaders: {Name: "HeadersEvent", Kind: KindStruct, Go: StructOf[headersEvent]{}, Fields: []Field{
			{Name: "booleanHeader", Off: unsafe.Offsetof(headersEvent{}.BooleanHeader), Type: eBool, Flags: Pointer | EventHeader, Loc: InEvent},
			{Name: "byteHeader", Off: unsafe.Offsetof(headersEvent{}.ByteHeader), Type: eInt, Flags: Pointer | EventHeader | EventByte, Loc: InEvent},
			{Name: "shortHeader", Off: unsafe.Offsetof(headersEvent{}.ShortHeader), Type: eInt, Flags: Pointer | EventHeader | EventShort, Loc: InEvent},
			{Name: "intHeader", Off: unsafe.Offsetof(headersEvent{}.IntHead), Type: eInt, Flags: Pointer | EventHeader, Loc: InEvent},
			{Name: "longHeader", Off: unsafe.Offsetof(headersEvent{}.LongHeader), Type: eLong, Flags: Pointer | EventHeader, Loc: InEvent},
			{Name: "blobHeader", Off: unsafe.Offsetof(headersEvent{}.BlobHeader), Type: eBlob, Flags: EventHeader, Loc: InEvent},
			{Name: "stringHeader", Off: unsafe.Offsetof(headersEvent{}.StringHeader), Type: eString, Flags: Pointer | EventHeader, Loc: InEvent},
			{Name: "timestampHeader", Off: unsafe.Offsetof(headersEvent{}.TimestampHeader), Type: eTime, Flags: EventHeader, Loc: InEvent},
		}},
		eBlobPayload: {Name: "BlobPayloadEvent", Kind: KindStruct, Go: StructOf[blobPayloadEvent]{}, Fields: []Field{
			{Name: "payload", Type: eBlob, Flags: EventPayload, Loc: InEvent},
		}},
		eStringPayload: {Name: "StringPayloadEvent", Kind: KindStruct, Go: StructOf[stringPayloadEvent]{}, Fields: []Field{
			{Name: "payload", Type: eString, Flags: Pointer | EventPayload, Loc: InEvent},
		}},
		eStructure: {Name: "PayloadStructure", Kind: KindStruct, Go: StructOf[payloadStructure]{}, Fields: []Field{
			{Name: "structureMember", Type: eString, Flags: Pointer},
		}},
		eStructurePayload: {Name: "StructurePayloadEvent", Kind: KindStruct, Go: StructOf[structurePayloadEvent]{}, Fields: []Field{
			{Name: "payload", Type: eStructure, Flags: EventPayload, Loc: InEvent},
		}},
		eUnion: {Name: "PayloadUnion", Kind: KindUnion, Go: StructOf[payloadUnion]{}, Fields: []Field{
			{Name: "unionMember", Type: eString, Flags: Pointer},
		}},
		eUnionPayload: {Name: "UnionPayloadEvent", Kind: KindStruct, Go: StructOf[unionPayloadEvent]{}, Fields: []Field{
			{Name: "payload", Type: eUnion, Flags: EventPayload, Loc: InEvent},
		}},
		eExplicit: {Name: "HeadersAndExplicitPayloadEvent", Kind: KindStruct, Go: StructOf[explicitEvent]{}, Fields: []Field{
			{Name: "header", Type: eString, Flags: Pointer | EventHeader, Loc: InEvent},
			{Name: "payload", Off: unsafe.Offsetof(explicitEvent{}.Payload), Type: eStructure, Flags: EventPayload, Loc: InEvent},
		}},
		eImplicit: {Name: "HeadersAndImplicitPayloadEvent", Kind: KindStruct, Go: StructOf[implicitEvent]{}, Fields: []Field{
			{Name: "header", Type: eString, Flags: Pointer | EventHeader, Loc: InEvent},
			{Name: "payload", Off: unsafe.Offsetof(implicitEvent{}.Payload), Type: eString, Flags: Pointer},
		}},
		eEventError: {
			Name: "ErrorEvent", Kind: KindStruct, Go: StructOf[eventError]{}, Fields: []Field{{Name: "message", Type: eString}},
			Error: &ErrorInfo{Code: "ErrorEvent", Status: 400, Sender: true, Message: "message"},
		},
		eStream: {Name: "EventStream", Kind: KindEvents, Go: EventsOf[suiteEvent]{}, Fields: []Field{
			{Name: "headers", Off: unsafe.Offsetof(suiteEvent{}.Headers), Type: eHeaders},
			{Name: "blobPayload", Off: unsafe.Offsetof(suiteEvent{}.BlobPayload), Type: eBlobPayload},
			{Name: "stringPayload", Off: unsafe.Offsetof(suiteEvent{}.StringPayload), Type: eStringPayload},
			{Name: "structurePayload", Off: unsafe.Offsetof(suiteEvent{}.StructurePayload), Type: eStructurePayload},
			{Name: "unionPayload", Off: unsafe.Offsetof(suiteEvent{}.UnionPayload), Type: eUnionPayload},
			{Name: "headersAndExplicitPayload", Off: unsafe.Offsetof(suiteEvent{}.HeadersAndExplicitPayload), Type: eExplicit},
			{Name: "headersAndImplicitPayload", Off: unsafe.Offsetof(suiteEvent{}.HeadersAndImplicitPayload), Type: eImplicit},
			{Name: "error", Type: eEventError},
			{Name: "strict", Off: unsafe.Offsetof(suiteEvent{}.Strict), Type: eStrict},
		}},
		eStreamIO: {Name: "StreamIO", Kind: KindStruct, Go: StructOf[suiteStream]{}, Fields: []Field{
			{Name: "stream", Type: eStream, Loc: InPayload},
		}},
		eInitialIn: {Name: "InitialRequest", Kind: KindStruct, Go: StructOf[suiteInitial]{}, Fields: []Field{
			{Name: "initialRequestMember", Wire: "initial-request-member", Type: eString, Flags: Required, Loc: InHeader},
			{Name: "stream", Off: unsafe.Offsetof(suiteInitial{}.Stream), Type: eStream, Loc: InPayload},
		}},
		eInitialOut: {Name: "InitialResponse", Kind: KindStruct, Go: StructOf[suiteAnswer]{}, Fields: []Field{
			{Name: "initialResponseMember", Wire: "initial-response-member", Type: eString, Flags: Required, Loc: InHeader},
			{Name: "stream", Off: unsafe.Offsetof(suiteAnswer{}.Stream), Type: eStream, Loc: InPayload},
		}},
		eStrict: {Name: "StrictEvent", Kind: KindStruct, Go: StructOf[strictEvent]{}, Fields: []Field{
			{Name: "header", Type: eString, Flags: Required | EventHeader, Loc: InEvent},
			{Name: "body", Off: unsafe.Offsetof(strictEvent{}.Body), Type: eString, Flags: Required},
		}},
		eRPCOut: {Name: "RPCResponse", Kind: KindStruct, Go: StructOf[suiteAnswer]{}, Fields: []Field{
			{Name: "initialResponseMember", Type: eString, Flags: Required},
			{Name: "stream", Off: unsafe.Offsetof(suiteAnswer{}.Stream), Type: eStream},
		}},
	},
	Operations: []Operation{
		{Name: "InputStream", Method: "POST", URI: "/InputStream", Input: eStreamIO, Output: eStreamIO},
		{Name: "OutputStream", Method: "POST", URI: "/OutputStream", Input: eStreamIO, Output: eStreamIO},
		{Name: "DuplexStream", Method: "POST", URI: "/DuplexStream", Input: eStreamIO, Output: eStreamIO},
		{Name: "InputStreamWithInitialRequest", Method: "POST", URI: "/InputStreamWithInitialRequest", Input: eInitialIn, Output: eStreamIO},
		{Name: "OutputStreamWithInitialResponse", Method: "POST", URI: "/OutputStreamWithInitialResponse", Input: eStreamIO, Output: eInitialOut},
		{Name: "DuplexStreamWithInitialMessages", Method: "POST", URI: "/DuplexStreamWithInitialMessages", Input: eInitialIn, Output: eInitialOut},
		{Name: "RPCStream", Method: "POST", URI: "/", Input: eStreamIO, Output: eRPCOut}, // ours, no case has it
	},
}

type eventCase struct {
	ID, Operation string
	Events        []struct {
		Type    string // request or response
		Params  map[string]any
		Headers map[string]map[string]any // type to value
		Body    string
		Bytes   []byte
	}
	Expectation struct {
		Failure *struct{ ErrorID string }
	}
	InitialRequestParams, InitialResponseParams map[string]string
	InitialRequest                              *struct{ Headers map[string]string }
	InitialResponse                             *struct {
		Code    int
		Headers map[string]string
	}
}

// runEvents runs the cases of event streams, whose ids it adds to seen.
func (a *account) runEvents(t *testing.T, marks map[string]string, seen map[string]bool) {
	t.Helper()
	var cases []eventCase
	readJSON(t, "testdata/eventstream/rest-json.json", &cases)
	t.Run("events-rest-json", func(t *testing.T) {
		for _, c := range cases {
			seen["events/"+c.ID] = true
			if marks[c.ID] == "client" {
				a.clientOnly++
				continue
			}
			a.compared++
			if t.Run(c.ID, func(t *testing.T) { runEventCase(t, c) }) {
				a.passed++
			}
		}
	})
}

func runEventCase(t *testing.T, c eventCase) {
	t.Helper()
	request := c.InitialRequestParams != nil
	var stream []byte
	for _, e := range c.Events {
		request = request || e.Type == "request"
		stream = append(stream, e.Bytes...)
		checkFrame(t, e.Bytes, e.Headers, e.Body)
	}
	if request {
		runEventRequest(t, c, stream)
		return
	}
	runEventResponse(t, c, stream)
}

// checkFrame compares what the package makes of the bytes with the case's own description of them.
func checkFrame(t *testing.T, frame []byte, headers map[string]map[string]any, body string) {
	t.Helper()
	m, err := eventstream.NewReader(bytes.NewReader(frame)).Next()
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Headers) != len(headers) || string(m.Payload) != body {
		t.Errorf("read %+v %q", m.Headers, m.Payload)
	}
	for name, value := range headers {
		h, _ := m.Get(name)
		var got map[string]any
		switch h.Type {
		case eventstream.True, eventstream.False:
			got = map[string]any{"boolean": h.Type == eventstream.True}
		case eventstream.Byte, eventstream.Short, eventstream.Integer, eventstream.Long:
			got = map[string]any{[]string{"byte", "short", "integer", "long"}[h.Type-eventstream.Byte]: json.Number(strconv.FormatInt(h.Num, 10))}
		case eventstream.Bytes:
			got = map[string]any{"blob": base64.StdEncoding.EncodeToString(h.Data)}
		case eventstream.String:
			got = map[string]any{"string": h.Text}
		case eventstream.Timestamp:
			got = map[string]any{"timestamp": time.UnixMilli(h.Num).UTC().Format(time.RFC3339)}
		case eventstream.UUID:
		}
		if !reflect.DeepEqual(got, value) {
			t.Errorf("%s is %v, want %v", name, got, value)
		}
	}
}

func runEventRequest(t *testing.T, c eventCase, stream []byte) {
	t.Helper()
	op := &eventSuite.Operations[eventSuite.Operation(c.Operation)]
	r := httptest.NewRequest(http.MethodPost, op.URI, nil)
	if c.InitialRequest != nil {
		for k, v := range c.InitialRequest.Headers {
			r.Header.Set(k, v)
		}
	}
	in, err := eventSuite.Protocol(ProtocolRESTJSON).Decode(op, Request{HTTP: r, Stream: bytes.NewReader(stream)})
	var events []suiteEvent
	if err == nil {
		seq := reflect.ValueOf(in).Elem().FieldByName("Stream").Interface().(iter.Seq2[suiteEvent, error])
		events, err = collect(seq)
	}
	if f := c.Expectation.Failure; f != nil {
		exception := (*eventError)(nil)
		if err == nil || f.ErrorID == "ErrorEvent" && (!errors.As(err, &exception) || exception.Message != "foo") {
			t.Errorf("got %v, want failure %q", err, f.ErrorID)
		}
		return
	}
	if err != nil || len(events) != len(c.Events) {
		t.Fatalf("got %d events, %v", len(events), err)
	}
	for i, e := range c.Events {
		if want := eventOf(t, e.Params); !reflect.DeepEqual(events[i], want) {
			t.Errorf("got %+v, want %+v", events[i], want)
		}
	}
	if initial, ok := in.(*suiteInitial); ok && initial.InitialRequestMember != c.InitialRequestParams["initialRequestMember"] {
		t.Errorf("initial member %q", initial.InitialRequestMember)
	}
}

func collect(seq iter.Seq2[suiteEvent, error]) (events []suiteEvent, err error) {
	for e, err := range seq {
		if err != nil {
			return events, err
		}
		events = append(events, e)
	}
	return events, nil
}

// eventOf fills the union from a case's parameters.
func eventOf(t *testing.T, params map[string]any) (e suiteEvent) {
	t.Helper()
	typ := eventSuite.prepared().types[eStream]
	for name, value := range params {
		if at, ok := value.(map[string]any)["timestampHeader"]; ok {
			when, err := time.Parse(time.RFC3339, at.(string))
			if err != nil {
				t.Fatal(err)
			}
			value = map[string]any{"timestampHeader": json.Number(strconv.FormatInt(when.Unix(), 10))}
		}
		f := &typ.fields[typ.field(name, 0)]
		fill(t, f.typ, f.enter(unsafe.Pointer(&e)), value)
	}
	return e
}

func runEventResponse(t *testing.T, c eventCase, stream []byte) {
	t.Helper()
	op := &eventSuite.Operations[eventSuite.Operation(c.Operation)]
	seq := func(yield func(suiteEvent, error) bool) {
		for _, e := range c.Events {
			if m, ok := e.Params["error"].(map[string]any); ok {
				yield(suiteEvent{}, &eventError{Message: m["message"].(string)})
				return
			}
			if !yield(eventOf(t, e.Params), nil) {
				return
			}
		}
	}
	var out any = &suiteStream{Stream: seq}
	if op.Output == eInitialOut {
		out = &suiteAnswer{InitialResponseMember: c.InitialResponseParams["initialResponseMember"], Stream: seq}
	}
	// An error before the first event is an answer of its own: let one event stand before it, and leave it out again.
	first := 0
	if c.Events != nil && c.Events[0].Params["error"] != nil {
		before := suiteEvent{StringPayload: &stringPayloadEvent{Payload: new("x")}}
		out = &suiteStream{Stream: func(yield func(suiteEvent, error) bool) {
			if yield(before, nil) {
				seq(yield)
			}
		}}
		first = 1
	}
	w := httptest.NewRecorder()
	err := eventSuite.Protocol(ProtocolRESTJSON).Encode(w, op, out, "id")
	if err != nil && (first == 0 || !errors.Is(err, ErrStreamEnded)) {
		t.Fatal(err)
	}
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != typeEventStream {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if c.InitialResponse != nil {
		for k, v := range c.InitialResponse.Headers {
			if got := w.Header().Get(k); got != v {
				t.Errorf("%s: %q, want %q", k, got, v)
			}
		}
	}
	got, want := messages(t, w.Body), messages(t, bytes.NewReader(stream))
	if !reflect.DeepEqual(got[first:], want) {
		t.Errorf("got  %v\nwant %v", got[first:], want)
	}
}

// message is one with its headers by name: their order means nothing.
type message struct {
	headers map[string]eventstream.Header
	payload string
}

func messages(t *testing.T, r io.Reader) []message {
	t.Helper()
	all := []message{}
	for in := eventstream.NewReader(r); ; {
		m, err := in.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		one := message{headers: map[string]eventstream.Header{}, payload: string(m.Payload)}
		for _, h := range m.Headers {
			one.headers[h.Name] = h
		}
		all = append(all, one)
	}
}
