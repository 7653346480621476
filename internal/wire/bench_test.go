// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"net/http"
	"testing"
)

// discard is the cheapest ResponseWriter, so that the figures are the codec's.
type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

func benchmark(b *testing.B, id ProtocolID, op string, r Request) {
	b.Helper()
	p, o, w := testSchema.Protocol(id), testOperation(op), discard{http.Header{}}
	b.ReportAllocs()
	b.SetBytes(int64(len(r.Body)))
	for b.Loop() {
		in, err := p.Decode(o, r)
		if err != nil {
			b.Fatal(err)
		}
		if err := p.Encode(w, o, in, "00000000-0000-0000-0000-000000000000"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAWSJSON(b *testing.B) {
	benchmark(b, ProtocolJSON, "Everything", Request{Body: []byte(withRequired(
		`"label":"https://sqs.us-east-1.amazonaws.com/000000000000/queue","Nests":[{"Key":"k","Value":"v"}],` +
			`"ByName":{"attr":{"Key":"String","Value":"x"},"other":{"Key":"String","Value":"y"}}`))})
}

func BenchmarkRESTJSON(b *testing.B) {
	r := restRequest(b, "/?Qualifier=live", `{"a":1}`, []string{"function"}, "X-Amz-Log-Type", "Tail")
	benchmark(b, ProtocolRESTJSON, "Blob", r)
}

func BenchmarkQuery(b *testing.B) {
	benchmark(b, ProtocolQuery, "Everything", Request{Body: []byte("Action=Everything&Version=2020-01-01&Name=a&Count=0&" +
		"Flag=true&label=message&Tags.entry.1.key=ab&Tags.entry.1.value=x&Names.member.1=a&Names.member.2=b")})
}
