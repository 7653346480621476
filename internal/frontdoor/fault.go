// SPDX-License-Identifier: Apache-2.0

package frontdoor

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/gustcloud/gust/internal/access"
	"github.com/gustcloud/gust/internal/access/sigv4"
	"github.com/gustcloud/gust/internal/wire"
)

// writeFault answers err in the request's protocol. For a service that Gust does not have it is what the request looks
// like that decides.
func writeFault(c *call, err error) {
	var refused *access.Error
	if errors.As(err, &refused) && c.target.name == "s3" {
		writeS3Fault(c, wire.FaultOf(&wire.Schema{ID: "s3"}, err), refused.S3)
		return
	}
	if c.target.codec != nil {
		c.target.codec.Error(c.w, c.r, wire.FaultOf(c.target.service.Schema, err), c.request.ID)
		return
	}
	s := &wire.Schema{ID: c.target.name, Protocols: []wire.ProtocolID{c.target.shape}, JSONVersion: jsonVersion(c.r)}
	f := wire.FaultOf(s, err)
	codec := wire.CodecFor(s.Protocol(c.target.shape), c.r)
	switch {
	case c.target.name == "s3":
		writeS3Fault(c, f, nil)
	case codec != nil:
		codec.Error(c.w, c.r, f, c.request.ID)
	default:
		s.Protocols = []wire.ProtocolID{wire.ProtocolRESTJSON}
		s.Protocol(wire.ProtocolRESTJSON).Error(c.w, c.r, f, c.request.ID)
	}
}

// jsonVersion answers in the version in which the client asked.
func jsonVersion(r *http.Request) string {
	if r.Header.Get("Content-Type") == "application/x-amz-json-1.0" {
		return "1.0"
	}
	return "1.1"
}

// writeS3Fault is S3's own error form. more, which may be nil, has elements beside those that every error has. HEAD has a
// status only.
func writeS3Fault(c *call, f *wire.Fault, more *sigv4.S3Error) {
	type element struct {
		XMLName xml.Name
		Value   string `xml:",chardata"`
	}
	var details []element
	if more != nil {
		for _, d := range more.Details {
			details = append(details, element{xml.Name{Local: d.Name}, d.Value})
		}
	}
	body, err := xml.Marshal(struct {
		XMLName           xml.Name `xml:"Error"`
		Code, Message     string
		Details           []element
		RequestId, HostId string
	}{Code: f.Code, Message: f.Message, Details: details, RequestId: c.request.ID, HostId: c.request.ID})
	if err != nil {
		body = nil // not for strings
	}
	h := c.w.Header()
	h["x-amz-request-id"] = []string{c.request.ID}
	h["x-amz-id-2"] = []string{c.request.ID}
	writeBody(c, f.Status, "application/xml", append([]byte(xml.Header), body...))
}

func writeBody(c *call, status int, contentType string, body []byte) {
	h := c.w.Header()
	h["Content-Type"] = []string{contentType}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	c.w.WriteHeader(status)
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write(body) // a client that went away needs no answer
	}
}

// noService is the honest error for a service that Gust does not have. Its status is 501, which SDKs do not retry.
func noService(t *target) error {
	e := &wire.FrameworkError{Code: "UnknownOperationException", Status: http.StatusNotImplemented, Sender: true}
	switch {
	case t.name == "s3":
		e.Code = "NotImplemented" // S3's own code for it (unverified)
	case family(t.shape) == wire.ProtocolQuery:
		e.Code = "InvalidAction"
	}
	e.Message = fmt.Sprintf("Gust does not implement the service %s", quoteShort(t.name))
	if t.operation != "" {
		e.Message += fmt.Sprintf(" (operation %s)", quoteShort(t.operation))
	}
	e.Message += "."
	return e
}
