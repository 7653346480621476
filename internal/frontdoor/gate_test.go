// SPDX-License-Identifier: Apache-2.0

package frontdoor_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gustcloud/gust/internal/access/sigv4"
	"github.com/gustcloud/gust/internal/awsapi/logs"
	"github.com/gustcloud/gust/internal/awsapi/sts"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/obs"
	"github.com/gustcloud/gust/internal/base/reqctx"
	"github.com/gustcloud/gust/internal/frontdoor"
	"github.com/gustcloud/gust/internal/wire"
)

func TestCallByNameWithAJSONTree(t *testing.T) {
	d := mustDoor(t, nil)
	ctx := reqctx.With(t.Context(), reqctx.Request{
		Scope: reqctx.Scope{Account: "123456789012", Region: "eu-west-1"}, PrincipalARN: "arn:x", UserID: "u", ID: "outer",
	})
	out, err := d.caller.CallJSON(ctx, "sts", "GetCallerIdentity", []byte(`{}`))
	if want := `{"UserId":"u/eu-west-1","Account":"123456789012","Arn":"arn:x"}`; err != nil || string(out) != want {
		t.Errorf("%s, %v", out, err)
	}
	role := reqctx.Request{Scope: reqctx.Scope{Account: "210987654321", Region: "r"}, PrincipalARN: "arn:role", UserID: "AROA"}
	out, err = wire.As(d.caller, role).CallJSON(ctx, "sts", "GetCallerIdentity", nil)
	if want := `{"UserId":"AROA/r","Account":"210987654321","Arn":"arn:role"}`; err != nil || string(out) != want {
		t.Errorf("as a role: %s, %v", out, err)
	}
	if log := d.log.String(); !strings.Contains(log, "principal=arn:role in_process=true") {
		t.Errorf("log %q", log)
	}
	for _, tt := range []struct {
		service, operation, in, code, message string
		status                                int
		line                                  string // of the audit; "" for none
	}{
		{
			"logs", "CreateLogGroup", `{"logGroupName":"taken"}`, "ResourceAlreadyExistsException",
			"The specified log group already exists", 400, "operation=CreateLogGroup status=400",
		},
		{
			"logs", "CreateLogGroup", `{}`, "InvalidParameterException", "1 validation error detected: Value null at 'logGroupName'",
			400, "operation=CreateLogGroup status=400",
		},
		{"logs", "CreateLogGroup", `{"logGroupName":`, "SerializationException", "", 400, "operation=CreateLogGroup status=400"},
		{"logs", "PutDestination", `{}`, "UnknownOperationException", "logs: Gust does not implement", 501, "operation=PutDestination status=501"},
		{"logs", "Fly", `{}`, "UnknownOperationException", "", 400, "operation=Fly status=400"},
		{"nobody", "Fly", `{}`, "UnknownOperationException", "Gust does not implement the service \"nobody\"", 501, ""},
	} {
		_, err := d.caller.CallJSON(ctx, tt.service, tt.operation, []byte(tt.in))
		var e *wire.CallError
		if !errors.As(err, &e) || e.Code != tt.code || !strings.HasPrefix(e.Message, tt.message) || e.Status != tt.status {
			t.Errorf("%s %s: %+v", tt.operation, tt.in, e)
		}
		if !strings.Contains(d.log.String(), tt.line) {
			t.Errorf("%s %s is not in the audit: %s", tt.operation, tt.in, d.log)
		}
	}
	var exists *logs.ResourceAlreadyExistsException
	if _, err := d.caller.CallJSON(ctx, "logs", "CreateLogGroup", []byte(`{"logGroupName":"taken"}`)); !errors.As(err, &exists) {
		t.Errorf("the service's error is not inside: %v", err)
	}
}

func TestTypedCallsAreValidated(t *testing.T) {
	d := mustDoor(t, nil)
	var invalid *wire.ValidationError
	_, err := logs.Client{Caller: d.caller}.CreateLogGroup(t.Context(), &logs.CreateLogGroupRequest{LogGroupName: "a b"})
	if !errors.As(err, &invalid) || !strings.Contains(d.log.String(), "operation=CreateLogGroup status=400") {
		t.Errorf("%v; log %s", err, d.log)
	}
}

// refuser lets one principal in.
type refuser struct{ allowed string }

func (a refuser) Authorize(ctx context.Context, s wire.Service, op int, _ any) error {
	if r := reqctx.From(ctx); r.PrincipalARN != a.allowed || s.Schema.Operations[op].Name != "GetCallerIdentity" {
		return &wire.FrameworkError{Code: "AccessDenied", Status: http.StatusForbidden, Sender: true, Message: r.PrincipalARN + " may not"}
	}
	return nil
}

func TestInProcessCallsAreAuthorized(t *testing.T) {
	caller := frontdoor.NewCaller(
		frontdoor.NewGate(refuser{"arn:service"}, slog.New(slog.DiscardHandler), obs.NewMetrics()),
		clock.System{}, func() string { return "id" })
	caller.Bind([]wire.Service{sts.Bind(fakeSTS{})})
	service := reqctx.Request{PrincipalARN: "arn:service"}
	ctx := reqctx.With(t.Context(), reqctx.Request{PrincipalARN: "arn:user"})
	for name, c := range map[string]struct {
		caller  wire.Caller
		allowed bool
	}{"as the context's": {caller, false}, "as the service": {wire.As(caller, service), true}} {
		_, err := sts.Client{Caller: c.caller}.GetCallerIdentity(ctx, &sts.GetCallerIdentityRequest{})
		var denied *wire.FrameworkError
		if c.allowed != (err == nil) || err != nil && (!errors.As(err, &denied) || denied.Message != "arn:user may not") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err = c.caller.CallJSON(ctx, "sts", "GetCallerIdentity", nil); c.allowed != (err == nil) {
			t.Errorf("%s with a tree: %v", name, err)
		}
	}
}

// TestAuditLinesAreShort: an unsigned head of 64 KiB must not become a log line of its size.
func TestAuditLinesAreShort(t *testing.T) {
	d := mustDoor(t, nil)
	long := strings.Repeat("a", 50_000)
	for _, h := range []string{
		"X-Amz-Target: Logs_20140328." + long, "X-Amz-Target: " + long + ".Call", "X-Amz-Target: " + long,
		"Authorization: AWS4-HMAC-SHA256 Credential=" + long, "Authorization: AWS4-HMAC-SHA256 " + long,
		"Authorization: AWS4-HMAC-SHA256 Credential=AK/20261125/" + long + "/logs/aws4_request, SignedHeaders=host, Signature=00",
		"Origin: https://" + long, "Content-Encoding: " + long, "Smithy-Protocol: " + long,
	} {
		r := signed(t, sigv4.Keys{}, "", http.MethodPost, base+"/?Action="+long, "{}", h, "X-Amz-Date: 20261125T101500Z")
		d.ServeHTTP(httptest.NewRecorder(), r)
	}
	lines := 0
	for line := range strings.Lines(d.log.String()) {
		if lines++; len(line) > 2<<10 {
			t.Errorf("a line of %d bytes: %.300s", len(line), line)
		}
	}
	if lines != 9 {
		t.Errorf("%d lines", lines)
	}
}
