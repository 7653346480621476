// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gustcloud/gust/internal/worker/runtimeapi"
	"github.com/gustcloud/gust/internal/worker/sandbox"
)

// fault is why an init or an invocation failed.
type fault struct {
	errorType string
	status    string // "timeout" or "error": what REPORT says; "" when the handler itself reported an error
	message   string // without "RequestId: ... Error: "; "" when payload says it all
	payload   []byte // of the runtime, if it sent one
	lost      bool   // the process is gone or must go: the environment is reset
}

// body is the response payload. The order of members is the one recorded on AWS (2025-11).
func (f *fault) body(requestID string) []byte {
	if f.message == "" && f.payload != nil {
		return f.payload
	}
	doc := struct {
		ErrorType    string `json:"errorType"`
		ErrorMessage string `json:"errorMessage"`
	}{f.errorType, "RequestId: " + requestID + " Error: " + f.message}
	out, err := json.Marshal(doc)
	if err != nil {
		return []byte(`{"errorType":"Runtime.Unknown"}`)
	}
	return out
}

// lines are what the log says of it, before END. Text unverified for exits; timeouts as AWS writes them since 2018.
func (f *fault) lines(requestID string, now time.Time) []string {
	switch {
	case f.status == "timeout":
		return []string{now.UTC().Format("2006-01-02T15:04:05.000Z") + " " + requestID + " " + f.message + "\n\n"}
	case f.message != "":
		return []string{"RequestId: " + requestID + " Error: " + f.message + "\n" + f.errorType + "\n"}
	}
	return nil
}

func timeoutFault(limit time.Duration) *fault {
	return &fault{
		errorType: "Sandbox.Timedout", status: "timeout", lost: true,
		message: fmt.Sprintf("Task timed out after %.2f seconds", limit.Seconds()),
	}
}

// exitFault words the end of the runtime process.
func exitFault(x sandbox.Exit) *fault {
	f := &fault{errorType: "Runtime.ExitError", status: "error", lost: true}
	switch {
	case x.OOM:
		f.errorType = "Runtime.OutOfMemory"
		f.message = "Runtime exited with error: signal: killed"
	case x.Signal != 0:
		f.message = "Runtime exited with error: signal: " + x.Signal.String()
	case x.Code != 0:
		f.message = fmt.Sprintf("Runtime exited with error: exit status %d", x.Code)
	default:
		f.message = "Runtime exited without providing a reason"
	}
	return f
}

// startFault words a bootstrap that is missing or could not be executed; nil for an error of the host.
func startFault(err error) *fault {
	f := &fault{errorType: "Runtime.InvalidEntrypoint", status: "error", lost: true}
	var missing *EntrypointError
	var start *sandbox.StartError
	switch {
	case errors.As(err, &missing):
		f.message = missing.Message
	case errors.As(err, &start):
		f.message = "fork/exec " + start.Path + ": " + start.Err.Error()
	default:
		return nil
	}
	return f
}

// outcomeFault words what the runtime or its API made of an answer; nil for success.
func outcomeFault(o runtimeapi.Outcome) *fault {
	if o.ErrorType == "" {
		return nil
	}
	f := &fault{errorType: o.ErrorType, payload: o.Payload}
	if o.Platform {
		f.status = "error"
		if o.Payload == nil {
			f.message = platformMessages[o.ErrorType]
		}
	}
	return f
}

// platformMessages are unverified: AWS documents the types only.
var platformMessages = map[string]string{
	"Runtime.InvalidResponseModeHeader": "Invalid function response mode",
	"Runtime.TruncatedResponse":         "HTTP request detected as truncated",
}
