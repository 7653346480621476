// SPDX-License-Identifier: Apache-2.0

package frontdoor

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gustcloud/gust/internal/access"
	"github.com/gustcloud/gust/internal/access/sigv4"
	"github.com/gustcloud/gust/internal/wire"
)

// writeFault answers err in the request's protocol. For a service that Gust does not have it is what the request looks
// like that decides.
func writeFault(c *call, err error) {
	var refused *access.Error
	if errors.As(err, &refused) && c.target.name == "s3" {
		writeS3Fault(c, err, refused.S3)
		return
	}
	if c.target.codec != nil {
		c.target.codec.Error(c.w, c.r, wire.FaultOf(c.target.service.Schema, err), c.request.ID)
		return
	}
	s := &wire.Schema{ID: c.target.name, Protocols: []wire.ProtocolID{c.target.shape}, JSONVersion: jsonVersion(c.r)}
	codec := wire.CodecFor(s.Protocol(c.target.shape), c.r)
	switch {
	case c.target.name == "s3":
		writeS3Fault(c, err, nil)
		return
	case codec == nil:
		s.Protocols = []wire.ProtocolID{wire.ProtocolRESTJSON}
		codec = s.Protocol(wire.ProtocolRESTJSON)
	}
	codec.Error(c.w, c.r, wire.FaultOf(s, err), c.request.ID)
}

// jsonVersion answers in the version in which the client asked.
func jsonVersion(r *http.Request) string {
	if given, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(given) == "application/x-amz-json-1.0" {
		return "1.0"
	}
	return "1.1"
}

// writeS3Fault is S3's own error form, with or without the service. more, which may be nil, has elements beside those that
// every error has.
func writeS3Fault(c *call, err error, more *sigv4.S3Error) {
	s := &wire.Schema{ID: "s3", Protocols: []wire.ProtocolID{wire.ProtocolRESTXML}, BareErrors: true}
	f := wire.FaultOf(s, err)
	if more != nil {
		for _, d := range more.Details {
			f.Details = append(f.Details, wire.Detail{Name: d.Name, Text: d.Value})
		}
	}
	s.Protocol(wire.ProtocolRESTXML).Error(c.w, c.r, f, c.request.ID)
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
