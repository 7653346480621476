// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"

	"github.com/gustcloud/gust/bench/wire/contract/dynamodb"
	"github.com/gustcloud/gust/bench/wire/contract/lambda"
	"github.com/gustcloud/gust/bench/wire/contract/sqs"
	"github.com/gustcloud/gust/internal/base/av"
	"github.com/gustcloud/gust/internal/wire"
)

// Each benchmark has two sides of the same work: gust is the codec, json is encoding/json on the same structure without any
// validation. tools/benchwire.sh prints their ratio.

const requestID = "5fc7ad5c-4b8a-4b3b-9d0e-4b2b2f2c9d11"

// discard is the cheapest ResponseWriter, so that the figures are the codec's.
type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

const sendMessage = `{"QueueUrl":"http://127.0.0.1:4566/000000000000/orders","MessageBody":"{\"order\":4711,\"items\":[1,2,3]}",` +
	`"DelaySeconds":5,"MessageAttributes":{"kind":{"DataType":"String","StringValue":"order"},` +
	`"weight":{"DataType":"Number","StringValue":"12.5"}}}`

var sendMessageResult = sqs.SendMessageResult{
	MD5OfMessageBody: new("fafb00f5732ab283681e124bf8747ed1"), MD5OfMessageAttributes: new("3ae8f24a165a8cedc005670c81a27295"),
	MessageId: new("5fea7756-0ea4-451a-a703-a558b933e274"),
}

func BenchmarkSQSSendMessage(b *testing.B) {
	s := sqs.Schema().Prepare()
	p, op, w := s.Protocol(wire.ProtocolJSON), &s.Operations[0], discard{http.Header{}}
	body := []byte(sendMessage)
	b.Run("gust", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := p.Decode(op, wire.Request{Body: body}); err != nil {
				b.Fatal(err)
			}
			if err := p.Encode(w, op, &sendMessageResult, requestID); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var in sqs.SendMessageRequest
			if err := json.Unmarshal(body, &in); err != nil {
				b.Fatal(err)
			}
			marshal(b, &sendMessageResult)
		}
	})
}

func marshal(b *testing.B, v any) {
	b.Helper()
	out, err := json.Marshal(v)
	if err != nil || len(out) == 0 {
		b.Fatal(err)
	}
}

const putItem = `{"TableName":"orders","Item":{"pk":{"S":"customer#4711"},"sk":{"S":"order#2026-11-25T10:00:00Z"},"total":{"N":"129.90"},` +
	`"open":{"BOOL":true},"note":{"NULL":true},"tags":{"SS":["new","express"]},"lines":{"L":[{"M":{"sku":{"S":"A-1"},"n":{"N":"2"}}}]},` +
	`"proof":{"B":"dGhpcyBpcyBhIHRlc3Q="}},"ConditionExpression":"attribute_not_exists(pk)","ReturnValues":"NONE"}`

// plainPutItem is what encoding/json decodes: PutItemInput with the model's own structure of an attribute value.
type plainPutItem struct {
	TableName           string
	Item                map[string]plainValue
	ConditionExpression *string
	ReturnValues        *string
}

type plainValue struct {
	S    *string
	N    *string
	B    []byte
	SS   []string
	NS   []string
	BS   [][]byte
	M    map[string]plainValue
	L    []plainValue
	NULL *bool
	BOOL *bool
}

func BenchmarkDynamoDBPutItem(b *testing.B) {
	s := dynamodb.Schema().Prepare()
	p, op := s.Protocol(wire.ProtocolJSON), &s.Operations[0]
	body := []byte(putItem)
	b.Run("gust", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := p.Decode(op, wire.Request{Body: body}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var in plainPutItem
			if err := json.Unmarshal(body, &in); err != nil {
				b.Fatal(err)
			}
		}
	})
}

const (
	invokePayload = `{"order":4711,"items":[1,2,3],"customer":{"name":"Jane","city":"Bern"}}`
	// invokeJSON is the same call as one document, as encoding/json needs it.
	invokeJSON = `{"FunctionName":"process-orders","InvocationType":"RequestResponse","LogType":"Tail","Qualifier":"live",` +
		`"Payload":"eyJvcmRlciI6NDcxMSwiaXRlbXMiOlsxLDIsM10sImN1c3RvbWVyIjp7Im5hbWUiOiJKYW5lIiwiY2l0eSI6IkJlcm4ifX0="}`
)

var invocationResponse = lambda.InvocationResponse{
	StatusCode: new(int32(200)), ExecutedVersion: new("7"), LogResult: new("U1RBUlQgUmVxdWVzdElkOiA1ZmM3YWQ1Yw=="),
	Payload: []byte(`{"ok":true,"order":4711}`),
}

func invoke(tb testing.TB) wire.Request {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodPost,
		"/2015-03-31/functions/process-orders/invocations?Qualifier=live", nil)
	for name, value := range map[string]string{
		"X-Amz-Invocation-Type": "RequestResponse", "X-Amz-Log-Type": "Tail", "Content-Type": "application/json",
		"X-Amz-Date": "20261125T100000Z", "User-Agent": "aws-sdk-go-v2/1.41.0 ua/2.1 os/linux lang/go#1.26 md/GOARCH#amd64",
		"Authorization":  "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261125/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0",
		"Content-Length": "72",
	} {
		r.Header.Set(name, value)
	}
	return wire.Request{HTTP: r, Body: []byte(invokePayload), Labels: []string{"process-orders"}}
}

func BenchmarkLambdaInvoke(b *testing.B) {
	s := lambda.Schema().Prepare()
	p, op, w := s.Protocol(wire.ProtocolRESTJSON), &s.Operations[0], discard{http.Header{}}
	req := invoke(b)
	b.Run("gust", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := p.Decode(op, req); err != nil {
				b.Fatal(err)
			}
			if err := p.Encode(w, op, &invocationResponse, requestID); err != nil {
				b.Fatal(err)
			}
		}
	})
	body := []byte(invokeJSON)
	b.Run("json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var in lambda.InvocationRequest
			if err := json.Unmarshal(body, &in); err != nil {
				b.Fatal(err)
			}
			marshal(b, &invocationResponse)
		}
	})
}

// TestBothSidesDoTheSameWork: what the codec decodes is what encoding/json decodes.
func TestBothSidesDoTheSameWork(t *testing.T) {
	decode := func(s *wire.Schema, id wire.ProtocolID, r wire.Request) any {
		in, err := s.Protocol(id).Decode(&s.Operations[0], r)
		if err != nil {
			t.Fatal(err)
		}
		return in
	}
	unmarshal := func(text string, v any) any {
		if err := json.Unmarshal([]byte(text), v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	got := decode(sqs.Schema().Prepare(), wire.ProtocolJSON, wire.Request{Body: []byte(sendMessage)})
	if want := unmarshal(sendMessage, &sqs.SendMessageRequest{}); !reflect.DeepEqual(got, want) {
		t.Errorf("SendMessage: %+v, want %+v", got, want)
	}
	got = decode(lambda.Schema().Prepare(), wire.ProtocolRESTJSON, invoke(t))
	if want := unmarshal(invokeJSON, &lambda.InvocationRequest{}); !reflect.DeepEqual(got, want) {
		t.Errorf("Invoke: %+v, want %+v", got, want)
	}
	put := decode(dynamodb.Schema().Prepare(), wire.ProtocolJSON, wire.Request{Body: []byte(putItem)}).(*dynamodb.PutItemInput)
	want := unmarshal(putItem, &plainPutItem{}).(*plainPutItem)
	if put.TableName != want.TableName || *put.ConditionExpression != *want.ConditionExpression || *put.ReturnValues != *want.ReturnValues {
		t.Errorf("PutItem: %+v, want %+v", put, want)
	}
	if !av.Map(put.Item).Equal(compact(plainValue{M: want.Item})) {
		t.Errorf("PutItem: %+v, want %+v", put.Item, want.Item)
	}
}

func compact(v plainValue) av.Value {
	switch {
	case v.S != nil:
		return av.String(*v.S)
	case v.N != nil:
		return av.Number(*v.N)
	case v.B != nil:
		return av.Binary(string(v.B))
	case v.SS != nil:
		return av.Set(av.SS, v.SS)
	case v.NULL != nil:
		return av.Null(*v.NULL)
	case v.BOOL != nil:
		return av.Bool(*v.BOOL)
	case v.L != nil:
		list := make([]av.Value, 0, len(v.L))
		for _, e := range v.L {
			list = append(list, compact(e))
		}
		return av.List(list)
	}
	m := make(map[string]av.Value, len(v.M))
	for name, e := range v.M {
		m[name] = compact(e)
	}
	return av.Map(m)
}
