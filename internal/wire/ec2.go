// SPDX-License-Identifier: Apache-2.0

package wire

import "net/http"

// ec2Query is EC2's dialect of the query protocol: lists are always flat and names have a capital in forms; answers have
// no wrapper around the members, and errors are called otherwise.
// Source: https://docs.aws.amazon.com/AWSEC2/latest/DeveloperGuide/making-api-requests.html (requests, responses, errors).
type ec2Query struct{ schema *Schema }

func (ec2Query) ID() ProtocolID { return ProtocolEC2 }

func (q ec2Query) Decode(op *Operation, r Request) (any, error) { return q.schema.decodeForm(op, r) }

// Encode answers an operation without output with <return>true</return>.
// Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVolume.html ("Returns true if the request
// succeeds; otherwise, it returns an error.").
func (q ec2Query) Encode(w http.ResponseWriter, op *Operation, out any, requestID string) error {
	t := q.schema.prepared().types[op.Output]
	p, ok := t.st.unbox(out)
	if !ok {
		return errOutput(q.schema, op, out)
	}
	e := xmlEncoder{buf: make([]byte, 0, 512)}
	e.declaration()
	root := op.Name + "Response"
	e.open(root, &XMLNamespace{URI: q.schema.XMLNamespace})
	e.text("requestId", requestID)
	if op.NoOutput {
		e.text("return", "true")
	} else {
		e.members(t, p)
	}
	e.close(root)
	q.answer(w, op.success(), e.buf, requestID)
	return nil
}

// Error spells the request's id as EC2 does: RequestID here, requestId in answers.
func (q ec2Query) Error(w http.ResponseWriter, _ *http.Request, f *Fault, requestID string) {
	var e xmlEncoder
	e.declaration()
	e.open("Response", nil)
	e.open("Errors", nil)
	e.open("Error", nil)
	e.errorBody(f)
	e.close("Error")
	e.close("Errors")
	e.text("RequestID", requestID)
	e.close("Response")
	q.answer(w, f.Status, e.buf, requestID)
}

func (q ec2Query) answer(w http.ResponseWriter, status int, body []byte, requestID string) {
	setHeader(w, "x-amzn-RequestId", requestID)
	send(w, status, "text/xml;charset=UTF-8", body)
}
