// SPDX-License-Identifier: Apache-2.0

package runtimeapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

const (
	version    = "/2018-06-01/"
	pathNext   = version + "runtime/invocation/next"
	pathInit   = version + "runtime/init/error"
	pathInvoke = version + "runtime/invocation/"
	pathPing   = version + "ping"
)

// Error types that the platform finds in an answer, and the payload that AWS gives for each.
const (
	errTypeTooLarge  = "Function.ResponseSizeTooLarge"
	errTypeMode      = "Runtime.InvalidResponseModeHeader"
	errTypeTruncated = "Runtime.TruncatedResponse"
)

// handle serves one request whose head was read; its body was not. It returns false when the connection must end.
func (c *conn) handle(r *request) bool {
	switch {
	case r.path == pathNext:
		return c.only("GET", r, c.handleNext)
	case r.path == pathInit:
		return c.only("POST", r, c.handleInitError)
	case r.path == pathPing:
		return c.only("GET", r, func(r *request) bool { return c.discard(r) && c.answer(200, "text/plain", []byte("pong")) })
	case strings.HasPrefix(r.path, pathInvoke):
		id, verb, ok := strings.Cut(r.path[len(pathInvoke):], "/")
		if ok && verb == "response" {
			return c.only("POST", r, func(r *request) bool { return c.handleAnswer(r, id, false) })
		}
		if ok && verb == "error" {
			return c.only("POST", r, func(r *request) bool { return c.handleAnswer(r, id, true) })
		}
	case strings.HasPrefix(r.path, "/2020-01-01/extension/"), r.path == "/2020-08-15/logs", r.path == "/2022-07-01/telemetry":
		return c.discard(r) && c.fail(501, "NotImplemented",
			"Extensions and the Telemetry API are not implemented by this server yet: "+r.path)
	}
	return c.discard(r) && c.answer(404, "text/plain", []byte("404 page not found\n"))
}

func (c *conn) only(method string, r *request, fn func(*request) bool) bool {
	if r.method != method {
		return c.discard(r) && c.answer(405, "text/plain", nil)
	}
	return fn(r)
}

// step moves the state machine, or answers 403.
func (c *conn) step(r *request, a action) bool {
	s := c.server
	s.mu.Lock()
	from := s.state
	to, ok := from.next(a)
	s.state = to
	s.mu.Unlock()
	return ok || c.refuse(r, from, a)
}

// refuse answers a call out of order; it always returns false.
func (c *conn) refuse(r *request, from State, a action) bool {
	r.refused = c.discard(r) && c.fail(403, "InvalidStateTransition", fmt.Sprintf(
		"Transition from %s to %s failed for runtime. Error: State transition is not allowed", from, a.target()))
	return false
}

// handleNext leaves the request unanswered: Dispatch answers it when there is an event.
func (c *conn) handleNext(r *request) bool {
	if !c.discard(r) {
		return false
	}
	s := c.server
	s.mu.Lock()
	from := s.state
	to, ok := from.next(askNext)
	s.state = to
	switch {
	case !ok:
		s.mu.Unlock()
		c.refuse(r, from, askNext)
		return r.refused
	case to == Running: // asked again during an invocation: the same event
		inv := s.current
		s.mu.Unlock()
		return c.writeEvent(inv)
	}
	old := s.waiter
	s.waiter = c
	if from != Waiting {
		notify(s.waiting)
	}
	s.mu.Unlock()
	if old != nil && old != c { // a client that gave up a connection without closing it
		_ = old.nc.Close()
	}
	return true
}

func (c *conn) handleInitError(r *request) bool {
	if !c.step(r, reportInit) {
		return r.refused
	}
	body, err := c.body(r)
	if err != nil && !errors.Is(err, errTooLarge) {
		body = nil
	}
	c.server.initFail <- Outcome{Payload: body, ErrorType: FilterErrorType(r.errorType)}
	return err == nil && c.accepted()
}

// handleAnswer serves POST response and POST error of an invocation.
func (c *conn) handleAnswer(r *request, id string, failed bool) bool {
	s := c.server
	s.mu.Lock()
	known := s.current != nil && s.current.RequestID == id
	s.mu.Unlock()
	if !known {
		return c.discard(r) && c.fail(400, "InvalidRequestID", "Invalid request ID")
	}
	if !c.step(r, startAnswer) {
		return r.refused
	}
	if !failed && r.responseMode != "" && r.responseMode != "streaming" {
		c.finish(Outcome{ErrorType: errTypeMode, Platform: true})
		return c.discard(r) && c.fail(400, "InvalidFunctionResponseMode", "Invalid function response mode")
	}
	body, err := c.body(r)
	switch {
	case errors.Is(err, errTooLarge):
		c.finish(Outcome{ErrorType: errTypeTooLarge, Platform: true, Payload: fmt.Appendf(nil,
			`{"errorMessage":"Response payload size exceeded maximum allowed payload size (%d bytes).","errorType":"%s"}`,
			MaxPayload, errTypeTooLarge)})
		return c.discard(r) && c.fail(413, "RequestEntityTooLarge",
			fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", MaxPayload))
	case err != nil:
		c.finish(Outcome{ErrorType: errTypeTruncated, Platform: true})
		c.fail(400, "TruncatedHTTPRequest", "HTTP request detected as truncated")
		return false
	}
	c.finish(outcomeOf(r, body, failed))
	return c.accepted()
}

// outcomeOf reads a whole answer. The trailers of a streamed response can still turn it into an error.
func outcomeOf(r *request, body []byte, failed bool) Outcome {
	switch {
	case failed && r.contentType == "application/vnd.aws.lambda.error.cause+json":
		return Outcome{Payload: withoutCause(body), ErrorType: FilterErrorType(r.errorType)}
	case failed:
		return Outcome{Payload: body, ErrorType: FilterErrorType(r.errorType)}
	case r.trailerType != "":
		if b, err := base64.StdEncoding.DecodeString(r.trailerBody); err == nil && len(b) > 0 {
			body = b
		}
		return Outcome{Payload: body, ErrorType: FilterErrorType(r.trailerType)}
	}
	return Outcome{Payload: body}
}

// withoutCause keeps the members of an error-with-cause document that the caller sees.
func withoutCause(body []byte) []byte {
	var doc struct {
		ErrorMessage json.RawMessage `json:"errorMessage,omitempty"`
		ErrorType    json.RawMessage `json:"errorType,omitempty"`
		StackTrace   json.RawMessage `json:"stackTrace,omitempty"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return []byte(`"Invalid error body"`)
	}
	out, err := json.Marshal(doc)
	if err != nil {
		return []byte(`"Invalid error body"`)
	}
	return bytes.TrimSpace(out)
}

// finish ends the current invocation and hands its outcome to the invoker.
func (c *conn) finish(o Outcome) {
	s := c.server
	s.mu.Lock()
	s.state, _ = s.state.next(endAnswer)
	s.current = nil
	s.mu.Unlock()
	s.outcome <- o // has room: one outcome for each dispatch, and Dispatch needs the state that its reader leaves
}

var validErrorType = regexp.MustCompile(`^(Runtime|Function)\.[A-Z][a-zA-Z]+$`)

// FilterErrorType returns what is kept of a Lambda-Runtime-Function-Error-Type header: names of the two known families,
// else the family's Unknown.
func FilterErrorType(t string) string {
	switch {
	case validErrorType.MatchString(t):
		return t
	case strings.HasPrefix(t, "Function."):
		return "Function.Unknown"
	}
	return "Runtime.Unknown"
}
