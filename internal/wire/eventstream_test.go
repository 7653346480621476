// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gustcloud/gust/internal/wire/eventstream"
)

func eventOperation(name string) *Operation {
	return &eventSuite.Operations[eventSuite.Operation(name)]
}

// said is an event with text; its payload is a document of the protocol.
func said(text string) suiteEvent {
	return suiteEvent{HeadersAndImplicitPayload: &implicitEvent{Payload: &text}}
}

// sequence yields the events, then err unless it is nil.
func sequence(err error, events ...suiteEvent) iter.Seq2[suiteEvent, error] {
	return func(yield func(suiteEvent, error) bool) {
		for _, e := range events {
			if !yield(e, nil) {
				return
			}
		}
		if err != nil {
			yield(suiteEvent{}, err)
		}
	}
}

func TestEventStreamsOfEachProtocol(t *testing.T) {
	codec := func(id ProtocolID) Protocol { return eventSuite.Protocol(id) }
	tests := []struct {
		name                  string
		codec                 Protocol
		media, event, initial string // what documents are
	}{
		{"rest-json", codec(ProtocolRESTJSON), "application/json", `{"payload":"hi"}`, ""},
		{"rest-xml", codec(ProtocolRESTXML), "text/xml", "", ""},
		{"json", codec(ProtocolJSON), "application/json", `{"payload":"hi"}`, `{"initialResponseMember":"first"}`},
		{"cbor", codec(ProtocolCBOR), "application/cbor", "\xbf\x67payload\x62hi\xff", "\xbf\x75initialResponseMember\x65first\xff"},
		{"older cbor", amzCBOR{awsJSON{&eventSuite}}, "application/cbor", "\xbf\x67payload\x62hi\xff", "\xbf\x75initialResponseMember\x65first\xff"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			op := eventOperation("OutputStreamWithInitialResponse")
			if tt.initial != "" {
				op = eventOperation("RPCStream")
			}
			out := &suiteAnswer{InitialResponseMember: "first", Stream: sequence(&eventError{Message: "bad"}, said("hi"))}
			err := tt.codec.Encode(w, op, out, "id-1")
			if !errors.Is(err, ErrStreamEnded) || w.Code != 200 || w.Header().Get("Content-Type") != typeEventStream || !w.Flushed {
				t.Fatalf("%d %v %v", w.Code, w.Header(), err)
			}
			if id := headerFold(w.Header(), "x-amzn-requestid"); len(id) != 1 || id[0] != "id-1" {
				t.Errorf("request id %q", id)
			}
			got := messages(t, w.Body)
			if tt.initial != "" {
				first := got[0]
				got = got[1:]
				if first.headers[eventType].Text != "initial-response" || first.headers[contentType].Text != tt.media || first.payload != tt.initial {
					t.Errorf("initial response %v", first)
				}
			}
			if len(got) != 2 {
				t.Fatalf("messages: %v", got)
			}
			if h := got[0].headers; h[eventType].Text != "headersAndImplicitPayload" || h[contentType].Text != tt.media ||
				tt.event != "" && got[0].payload != tt.event || !strings.Contains(got[0].payload, "hi") {
				t.Errorf("event %v", got[0])
			}
			if h := got[1].headers; h[messageType].Text != "exception" || h[exceptionType].Text != "error" || !strings.Contains(got[1].payload, "bad") {
				t.Errorf("exception %v", got[1])
			}
		})
	}
}

func TestEventStreamFailures(t *testing.T) {
	secret := errors.New("the disk is on fire")
	tooLarge := suiteEvent{BlobPayload: &blobPayloadEvent{Payload: make([]byte, eventstream.MaxPayload+1)}}
	tests := []struct {
		name      string
		seq       iter.Seq2[suiteEvent, error]
		want      error  // nothing is written
		code, say string // of the last message
	}{
		{"first", sequence(secret), secret, "", ""},
		{"first is modelled", sequence(&eventError{Message: "bad"}), &eventError{Message: "bad"}, "", ""},
		{"first is nothing", sequence(nil, suiteEvent{}), errors.New("encode OutputStream: an event of EventStream has no member"), "", ""},
		{
			"first is two",
			sequence(nil, suiteEvent{StringPayload: &stringPayloadEvent{}, BlobPayload: &blobPayloadEvent{}}),
			errors.New("encode OutputStream: an event of EventStream has two members"), "", "",
		},
		{"first is too large", sequence(nil, tooLarge), errors.New("encode events OutputStream: eventstream: message too large"), "", ""},
		{"later", sequence(secret, said("a")), nil, "InternalFailure", "unknown error"},
		{"later of the framework", sequence(&FrameworkError{Code: "SlowDown", Message: "slower", Status: 503}, said("a")), nil, "SlowDown", "slower"},
		{"later is nothing", sequence(nil, said("a"), suiteEvent{}), nil, "InternalFailure", "unknown error"},
		{"later is too large", sequence(nil, said("a"), tooLarge), nil, "InternalFailure", "unknown error"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			err := eventSuite.Protocol(ProtocolRESTJSON).Encode(w, eventOperation("OutputStream"), &suiteStream{Stream: tt.seq}, "id")
			if tt.want != nil {
				if err == nil || err.Error() != tt.want.Error() || w.Body.Len() > 0 || w.Flushed {
					t.Errorf("got %v, want %v; wrote %q", err, tt.want, w.Body)
				}
				return
			}
			if !errors.Is(err, ErrStreamEnded) {
				t.Fatal(err)
			}
			got := messages(t, w.Body)
			h := got[len(got)-1].headers
			if len(got) != 2 || h[messageType].Text != "error" || h[errorCode].Text != tt.code || !strings.Contains(h[errorMessage].Text, tt.say) ||
				strings.Contains(h[errorMessage].Text, "fire") {
				t.Errorf("messages: %v", got)
			}
		})
	}
}

func TestEventStreamWithoutEvents(t *testing.T) {
	for _, seq := range []iter.Seq2[suiteEvent, error]{nil, sequence(nil)} {
		w := httptest.NewRecorder()
		if err := eventSuite.Protocol(ProtocolJSON).Encode(w, eventOperation("OutputStream"), &suiteStream{Stream: seq}, "id"); err != nil {
			t.Fatal(err)
		}
		if got := messages(t, w.Body); len(got) != 1 || got[0].headers[eventType].Text != initialResponse || got[0].payload != "{}" {
			t.Errorf("messages: %v", got)
		}
	}
}

// gone is a client that goes away after some writes.
type gone struct {
	*httptest.ResponseRecorder
	left int
}

var errGone = errors.New("connection reset")

func (g *gone) Write(b []byte) (int, error) {
	if g.left--; g.left < 0 {
		return 0, errGone
	}
	return g.ResponseRecorder.Write(b)
}

func TestEventStreamStopsWhenTheClientIsGone(t *testing.T) {
	asked, released := 0, false
	seq := func(yield func(suiteEvent, error) bool) {
		defer func() { released = true }()
		for asked < 100 && yield(said("again"), nil) {
			asked++
		}
	}
	w := &gone{httptest.NewRecorder(), 3}
	err := eventSuite.Protocol(ProtocolRESTJSON).Encode(w, eventOperation("OutputStream"), &suiteStream{Stream: seq}, "id")
	if !errors.Is(err, ErrAborted) || !errors.Is(err, errGone) || asked != 3 || !released {
		t.Errorf("%v after %d events, released %v", err, asked, released)
	}
}

func TestEventStreamsAreSentAsTheyCome(t *testing.T) {
	next := make(chan string)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seq := func(yield func(suiteEvent, error) bool) {
			for {
				select {
				case text, ok := <-next:
					if !ok || !yield(said(text), nil) {
						return
					}
				case <-r.Context().Done():
					return
				}
			}
		}
		_ = eventSuite.Protocol(ProtocolRESTJSON).Encode(w, eventOperation("OutputStream"), &suiteStream{Stream: seq}, "id")
	}))
	defer srv.Close()
	go func() { next <- "one" }()
	client := srv.Client()
	client.Timeout = 10 * time.Second // what is held back would never come
	resp, err := client.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	in := eventstream.NewReader(resp.Body)
	for _, following := range []string{"two", "three", ""} { // each is produced only after the one before was read
		if _, err := in.Next(); err != nil {
			t.Fatal(err)
		}
		if following != "" {
			next <- following
		}
	}
	close(next) // ends the sequence
	if _, err := in.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

// frames renders messages as a request holds them.
func frames(t testing.TB, all ...eventstream.Message) (b []byte) {
	t.Helper()
	for i := range all {
		var err error
		if b, err = eventstream.Append(b, &all[i]); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func anEvent(name, payload string, more ...eventstream.Header) eventstream.Message {
	return eventstream.Message{Payload: []byte(payload), Headers: append([]eventstream.Header{
		eventstream.StringHeader(messageType, isEvent), eventstream.StringHeader(eventType, name),
	}, more...)}
}

func readSuite(t *testing.T, id ProtocolID, body []byte) ([]suiteEvent, error) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/InputStream", nil)
	r.Header.Set("Content-Type", typeEventStream)
	in, err := eventSuite.Protocol(id).Decode(eventOperation("InputStream"), Request{HTTP: r, Stream: bytes.NewReader(body)})
	if err != nil {
		return nil, err
	}
	return collect(in.(*suiteStream).Stream)
}

func TestEventStreamInputRefusesWhatIsWrong(t *testing.T) {
	good := anEvent("stringPayload", "x")
	whole := frames(t, good)
	damaged := bytes.Clone(whole)
	damaged[len(damaged)-6] ^= 1
	number := eventstream.Header{Name: "intHeader", Type: eventstream.Long, Num: 1 << 40}
	tests := []struct {
		name, want string
		body       []byte
	}{
		{"cut", "The event stream ended inside of a message.", whole[:len(whole)-1]},
		{"damaged", "eventstream: wrong checksum", damaged},
		{"unknown event", "A message of the event stream has no valid :event-type.", frames(t, anEvent("fly", ""))},
		{"exception as an event", "A message of the event stream has no valid :event-type.", frames(t, anEvent("error", "{}"))},
		{"signed envelope", "A message of the event stream has no valid :message-type.", frames(t, eventstream.Message{
			Payload: whole, Headers: []eventstream.Header{{Name: ":date", Type: eventstream.Timestamp}, {Name: ":chunk-signature", Type: eventstream.Bytes}},
		})},
		{"document is broken", "", frames(t, anEvent("structurePayload", "{"))},
		{"header is too large", "The header intHeader of an event has the wrong type.", frames(t, anEvent("headers", "", number))},
		{"header has another type", "The header stringHeader of an event has the wrong type.", frames(t, anEvent("headers", "", eventstream.Header{Name: "stringHeader"}))},
		{"time is out of range", "9223372036854775807 is not a valid timestamp", frames(t, anEvent("headers", "", eventstream.Header{Name: "timestampHeader", Type: eventstream.Timestamp, Num: 1<<63 - 1}))},
		{"unknown exception", "A message of the event stream has no valid :exception-type.", frames(t, eventstream.Message{
			Headers: []eventstream.Header{eventstream.StringHeader(messageType, isException), eventstream.StringHeader(exceptionType, "headers")},
		})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			events, err := readSuite(t, ProtocolRESTJSON, append(frames(t, good), tt.body...))
			var f *FrameworkError
			if !errors.As(err, &f) || f.Code != "SerializationException" || f.Message != tt.want || len(events) != 1 {
				t.Errorf("got %d events and %v, want %s", len(events), err, tt.want)
			}
		})
	}
}

func TestEventStreamInputIsValidated(t *testing.T) {
	whole := anEvent("strict", `{"body":""}`, eventstream.StringHeader("header", ""))
	events, err := readSuite(t, ProtocolRESTJSON, frames(t, whole, anEvent("strict", `{}`)))
	const want = "2 validation errors detected: Value null at 'header' failed to satisfy constraint: Member must not be null; " +
		"Value null at 'body' failed to satisfy constraint: Member must not be null"
	if len(events) != 1 || *events[0].Strict != (strictEvent{}) || err == nil || err.Error() != want {
		t.Errorf("got %v and %v", events, err)
	}
}

func TestEventStreamInputOfRPCProtocolsBeginsWithTheRequest(t *testing.T) {
	event := anEvent("stringPayload", "x")
	tests := []struct {
		name string
		id   ProtocolID
		body []byte
		want string
	}{
		{"json", ProtocolJSON, frames(t, anEvent(initialRequest, "{}"), event), ""},
		{"cbor", ProtocolCBOR, frames(t, anEvent(initialRequest, "\xa0"), event), ""},
		{"nothing", ProtocolJSON, nil, "SerializationException: The event stream has no initial-request."},
		{"an event", ProtocolCBOR, frames(t, event), "SerializationException: The event stream does not begin with initial-request."},
		{"document is broken", ProtocolJSON, frames(t, anEvent(initialRequest, "[]"), event), "SerializationException: " + msgList},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			events, err := readSuite(t, tt.id, tt.body)
			switch {
			case tt.want != "" && (err == nil || err.Error() != tt.want):
				t.Errorf("got %v, want %s", err, tt.want)
			case tt.want == "" && (err != nil || len(events) != 1):
				t.Errorf("got %v, %v", events, err)
			}
		})
	}
}

// TestEventStreamsRoundTrip: the events that one side sends are those that the other reads, in every protocol.
func TestEventStreamsRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var sent []suiteEvent
		for range rapid.IntRange(0, 4).Draw(rt, "events") {
			sent = append(sent, drawEvent(rt))
		}
		for _, format := range []eventFormat{jsonEvents{}, cborEvents{}, cborEvents{millis: true}, xmlEvents{}} {
			w := httptest.NewRecorder()
			typ := eventSuite.prepared().types[eStreamIO]
			e := eventWriter{schema: &eventSuite, format: format, w: w, op: eventOperation("OutputStream"), status: 200}
			out := &suiteStream{Stream: sequence(nil, sent...)}
			p, _ := typ.st.unbox(out)
			if err := e.sendEvents(typ, p); err != nil {
				rt.Fatal(err)
			}
			in := &suiteStream{}
			p, _ = typ.st.unbox(in)
			eventSuite.readEvents(format, typ.events, p, Request{Stream: w.Body})
			if got, err := collect(in.Stream); err != nil || !reflect.DeepEqual(got, sent) {
				rt.Fatalf("%T: got %+v, %v, want %+v", format, got, err, sent)
			}
		}
	})
}

func drawEvent(rt *rapid.T) suiteEvent {
	text := rapid.StringMatching(`[ -~]{1,30}`)
	switch rapid.IntRange(0, 5).Draw(rt, "kind") {
	case 0:
		return suiteEvent{Headers: &headersEvent{
			BooleanHeader: new(rapid.Bool().Draw(rt, "bool")), ByteHeader: new(int32(rapid.Int8().Draw(rt, "byte"))),
			ShortHeader: new(int32(rapid.Int16().Draw(rt, "short"))), IntHead: new(rapid.Int32().Draw(rt, "int")),
			LongHeader: new(rapid.Int64().Draw(rt, "long")), BlobHeader: []byte(text.Draw(rt, "blob")), StringHeader: new(rapid.String().Draw(rt, "string")),
			TimestampHeader: time.UnixMilli(rapid.Int64Range(-1<<45, 1<<45).Draw(rt, "time")).UTC(),
		}}
	case 1:
		return suiteEvent{BlobPayload: &blobPayloadEvent{Payload: []byte(text.Draw(rt, "payload"))}}
	case 2:
		return suiteEvent{StringPayload: &stringPayloadEvent{Payload: new(rapid.String().Draw(rt, "payload"))}}
	case 3:
		return suiteEvent{UnionPayload: &unionPayloadEvent{Payload: &payloadUnion{UnionMember: new(text.Draw(rt, "payload"))}}}
	case 4:
		return suiteEvent{HeadersAndExplicitPayload: &explicitEvent{Header: new(text.Draw(rt, "header")), Payload: &payloadStructure{StructureMember: new(text.Draw(rt, "member"))}}}
	default:
		return suiteEvent{HeadersAndImplicitPayload: &implicitEvent{Header: new(text.Draw(rt, "header")), Payload: new(text.Draw(rt, "payload"))}}
	}
}

func FuzzEventStream(f *testing.F) {
	f.Add("event", "headersAndImplicitPayload", []byte(`{"payload":"x"}`), byte(7), int64(0))
	f.Add("event", "headers", []byte{}, byte(4), int64(1<<40))
	f.Add("exception", "error", []byte(`{"message":"foo"}`), byte(1), int64(2))
	f.Add("error", "", []byte("\xa0"), byte(9), int64(-1))
	f.Fuzz(func(t *testing.T, kind, name string, payload []byte, header byte, n int64) {
		h := eventstream.Header{Name: "intHeader", Type: eventstream.Type(header % 10), Num: n, Data: make([]byte, 16)}
		if header%10 >= byte(eventstream.Byte) && header%10 <= byte(eventstream.Integer) {
			h.Num = int64(int8(n))
		}
		m := eventstream.Message{Payload: payload, Headers: []eventstream.Header{
			eventstream.StringHeader(messageType, kind), eventstream.StringHeader(eventType, name), eventstream.StringHeader(exceptionType, name), h,
		}}
		body, err := eventstream.Append(nil, &m)
		if err != nil {
			return
		}
		typ := eventSuite.prepared().types[eStreamIO]
		for _, format := range []eventFormat{jsonEvents{}, cborEvents{}, xmlEvents{}} {
			in := &suiteStream{}
			p, _ := typ.st.unbox(in)
			eventSuite.readEvents(format, typ.events, p, Request{Stream: bytes.NewReader(append(body, payload...))})
			if _, err := collect(in.Stream); err != nil && FaultOf(&eventSuite, err).Code == "InternalFailure" {
				t.Errorf("%T: %v", format, err)
			}
		}
	})
}
