// SPDX-License-Identifier: Apache-2.0

package frontdoor

import (
	"cmp"
	"net/http"
	"strings"
	"time"

	"github.com/gustcloud/gust/internal/access"
	"github.com/gustcloud/gust/internal/access/sigv4"
	"github.com/gustcloud/gust/internal/base/reqctx"
	"github.com/gustcloud/gust/internal/wire"
)

// Authenticator tells who sent a request; sig is nil for an unsigned one. The reader, when it is not nil, takes the place
// of r.Body: it verifies the body while it is read. Errors are *access.Error, anything else is a failure of the server.
type Authenticator interface {
	Authenticate(r *http.Request, sig *sigv4.Signature, now time.Time) (access.Identity, *sigv4.Body, error)
}

// authentication is what is known of a call's sender before it is routed.
type authentication struct {
	identity access.Identity
	body     *sigv4.Body // takes the place of the request's body; nil: nothing of it is verified
	err      error       // answered when the protocol is known
}

// maxStrangersForm is the largest form that is read, decompressed, of who has not signed it where signatures are verified: it
// is read to see whether its operation wants a signature. The largest of those that want none is AssumeRoleWithSAML, with an
// assertion of 100,000 characters. Source: "AssumeRoleWithSAML", STS API reference, read 2026-11.
const maxStrangersForm = 1 << 20

// begin verifies the head of a call before anything of its body is read. An error waits for authenticate: the answer needs
// the protocol, which routing tells without the body of a signed call.
func (d *Door) begin(c *call) {
	a := &c.auth
	a.identity, a.body, a.err = d.Authenticator.Authenticate(c.r, c.sig, d.Clock.Now())
	if a.body == nil {
		return
	}
	c.r.Body = a.body
	if a.body.Chunked() {
		c.r.ContentLength = a.body.Length()
		unchunk(c.r.Header)
	}
}

// unchunk takes aws-chunked, which is off already, out of Content-Encoding.
func unchunk(h http.Header) {
	var rest []string
	for _, list := range h.Values("Content-Encoding") {
		for e := range strings.SplitSeq(list, ",") {
			if e = strings.TrimSpace(e); e != "" && e != "aws-chunked" {
				rest = append(rest, e)
			}
		}
	}
	if h.Del("Content-Encoding"); rest != nil {
		h.Set("Content-Encoding", strings.Join(rest, ", "))
	}
}

// authenticate ends what begin began: the operation is known now. Operations that want no signature are open to unsigned
// calls. Where the signature covers a digest that only the body shows, the body is read here, except a streamed one: its
// service reads it to the end before it commits anything, and gets the error there.
func (d *Door) authenticate(c *call) error {
	a, t := &c.auth, &c.target
	op := &wire.Operation{Name: "requested"}
	limit := int64(wire.DefaultMaxBody)
	if t.service != nil && t.op >= 0 {
		op = &t.service.Schema.Operations[t.op]
		limit = t.service.Schema.BodyLimit(op)
	}
	if c.sig == nil && a.err != nil && (op.NoAuth || t.missingOpen()) {
		a.identity, a.err = access.Anonymous(), nil
	}
	if a.err == nil && a.identity.Verified {
		a.err = cmp.Or(checkService(c), checkHeaders(c))
	}
	if a.err != nil {
		return a.err
	}
	streamed := t.service != nil && t.op >= 0 && t.service.Schema.Streams(op)
	// What is refused in any case is verified where its body comes anyway, but no client is asked to send it.
	awaited := t.op < 0 && !c.wantsForm() && c.r.Header.Get("Expect") != ""
	if a.body != nil && a.body.Pending() && !streamed && !awaited {
		if err := c.readBody(op, limit); err != nil {
			return err
		}
		if err := drained(a.body); err != nil {
			return err
		}
	}
	id := a.identity
	c.request.Scope = reqctx.Scope{Account: id.Account, Region: id.Region}
	c.request.PrincipalARN, c.request.UserID, c.request.AccessKeyID = id.ARN, id.UserID, id.AccessKeyID
	return nil
}

// missingOpen tells whether the operation is one that Gust does not have and that wants no signature: its clients have no
// keys, what they have to know is that it is missing.
func (t *target) missingOpen() bool {
	if t.service == nil || t.op >= 0 {
		return false
	}
	rt, _ := t.service.Schema.Missing.Find(t.operation)
	return rt.NoAuth
}

// verified refuses the answer to a call whose body was not read to its end: then nothing shows yet that it is what was
// signed, or not even who sent it.
func (d *Door) verified(c *call) error {
	if c.auth.body == nil {
		return nil
	}
	return drained(c.auth.body)
}

// checkService refuses a signature for another service than the one that the call reaches, whatever routing goes by.
func checkService(c *call) error {
	t, named := &c.target, c.sig.Scope.Service
	if t.service == nil || named == t.service.Schema.SigningName || aliases[named] == t.service.Schema.SigningName {
		return nil
	}
	return &access.Error{ // the text is known from public reports of AWS's answers
		Code:    "InvalidSignatureException",
		Message: "Credential should be scoped to correct service: '" + t.service.Schema.SigningName + "'. ",
	}
}

// checkHeaders refuses a header that is a part of the operation's input and that nobody has signed: it could have been
// added on the way (X-Amz-Invocation-Type). Those that proxies add are none; S3 wants every X-Amz- header signed anyway.
func checkHeaders(c *call) error {
	t := &c.target
	if t.op < 0 || !isREST(t.codec.ID()) {
		return nil
	}
	in := &t.service.Schema.Types[t.service.Schema.Operations[t.op].Input]
	for i := range in.Fields {
		f := &in.Fields[i]
		if f.Loc != wire.InHeader || !strings.HasPrefix(f.Wire, "X-Amz-") || c.r.Header.Get(f.Wire) == "" || c.sig.Signs(f.Wire) {
			continue
		}
		return &access.Error{ // S3's text (access/sigv4), unverified for others
			Code: "InvalidSignatureException", Message: "There were headers present in the request which were not signed",
		}
	}
	return nil
}

// drained wants the end of a body of which a decompressor may have left something.
func drained(b *sigv4.Body) error {
	for !b.Settled() {
		if n, err := b.Read(make([]byte, 1)); n > 0 || err != nil && !b.Settled() {
			if err == nil {
				err = &wire.FrameworkError{
					Code: "SerializationException", Status: http.StatusBadRequest, Sender: true,
					Message: "The request body goes on after its end.",
				}
			}
			return err
		}
	}
	return nil
}
