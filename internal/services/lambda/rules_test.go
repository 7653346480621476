// SPDX-License-Identifier: Apache-2.0

package lambda

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	api "github.com/gustcloud/gust/internal/awsapi/lambda"
	"github.com/gustcloud/gust/internal/base/reqctx"
	"github.com/gustcloud/gust/internal/invoke"
	"github.com/gustcloud/gust/internal/store"
)

func TestParseReference(t *testing.T) {
	scope := reqctx.Scope{Account: "123456789012", Region: "eu-central-1"}
	cases := []struct {
		text, qualifier string
		want            reference
		wantErr         string
	}{
		{"f", "", reference{"f", ""}, ""},
		{"f:7", "", reference{"f", "7"}, ""},
		{"f", "live", reference{"f", "live"}, ""},
		{"f:live", "live", reference{"f", "live"}, ""},
		{"f:live", "test", reference{}, "derived qualifier"},
		{"123456789012:function:f", "", reference{"f", ""}, ""},
		{"123456789012:function:f:$LATEST", "", reference{"f", "$LATEST"}, ""},
		{"function:f", "", reference{"f", ""}, ""},
		{"arn:aws:lambda:eu-central-1:123456789012:function:f", "", reference{"f", ""}, ""},
		{"arn:aws:lambda:eu-central-1:123456789012:function:f:2", "", reference{"f", "2"}, ""},
		{"arn:aws:lambda:us-east-1:123456789012:function:f", "", reference{}, "region"},
		{"arn:aws:lambda:eu-central-1:000000000000:function:f", "", reference{}, "not authorized"},
		{"eu-central-1:123456789012:function:f", "", reference{"f", ""}, ""},
	}
	for _, c := range cases {
		t.Run(c.text+" "+c.qualifier, func(t *testing.T) {
			got, err := parseReference(scope, c.text, optional(c.qualifier))
			if c.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), c.wantErr) {
					t.Errorf("error %v, want one about %s", err, c.wantErr)
				}
				return
			}
			if err != nil || got != c.want {
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

func TestCheckEnvironment(t *testing.T) {
	const overhead = len(`{"A":""}`)
	cases := []struct {
		name string
		vars map[string]string
		want string // "" for accepted
	}{
		{"empty", nil, ""},
		{"exactly 4 KB", map[string]string{"A": strings.Repeat("x", maxEnvironment-overhead)}, ""},
		{"one byte more", map[string]string{"A": strings.Repeat("x", maxEnvironment-overhead+1)}, `exceeded the 4KB limit. String measured: {"A":"x`},
		{"html is measured as it is", map[string]string{"A": strings.Repeat("<", maxEnvironment-overhead)}, ""},
		{"reserved", map[string]string{"AWS_REGION": "x", "_HANDLER": "y", "OK": "z"}, "Reserved keys used in this request: AWS_REGION, _HANDLER"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := checkEnvironment(c.vars)
			if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// answers are what the execution plane says.
type answers struct{ checked, prepared error }

func TestCreateFunctionRefuses(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	f.active(ctx, t, "taken")
	cases := []struct {
		name   string
		change func(*api.CreateFunctionRequest)
		env    answers
		want   string
	}{
		{"a name that is taken", func(in *api.CreateFunctionRequest) { in.FunctionName = "taken" }, answers{}, "Function already exist: taken"},
		{"a long name", func(in *api.CreateFunctionRequest) { in.FunctionName = strings.Repeat("n", 65) }, answers{}, "Member must have length less than or equal to 64"},
		{"no code", func(in *api.CreateFunctionRequest) { in.Code = &api.FunctionCode{} }, answers{}, "Please provide a source for your zip file."},
		{"empty code", func(in *api.CreateFunctionRequest) { in.Code.ZipFile = []byte{} }, answers{}, "Uploaded file must be a non-empty zip"},
		{"a role without a name", func(in *api.CreateFunctionRequest) { in.Role = role[:len(role)-1] }, answers{}, "cannot be assumed by Lambda."},
		{"a role without a slash", func(in *api.CreateFunctionRequest) { in.Role = "arn:aws:iam::123456789012:roler" }, answers{}, "cannot be assumed by Lambda."},
		{"NUL in the handler", func(in *api.CreateFunctionRequest) { in.Handler = new("a\x00b") }, answers{}, "NUL"},
		{"NUL in a variable", func(in *api.CreateFunctionRequest) {
			in.Environment = &api.Environment{Variables: map[string]string{"OK": "a\x00b"}}
		}, answers{}, "in the value of OK"},
		{"more tags than a record holds", func(in *api.CreateFunctionRequest) { in.Tags = largestTags() }, answers{}, "too large together"},
		{"51 MB", func(in *api.CreateFunctionRequest) { in.Code.ZipFile = make([]byte, maxZip+1) }, answers{}, "Request must be smaller than 70167211 bytes for the CreateFunction operation"},
		{"a bad zip", nil, answers{checked: &invoke.CodeError{Message: "Could not unzip uploaded file."}}, "Could not unzip"},
		{"a missing pack", nil, answers{prepared: &invoke.PackError{Runtime: "python3.12", Fix: "apt-get install python3.12"}}, "apt-get install python3.12"},
		{"no runtime", func(in *api.CreateFunctionRequest) { in.Runtime = nil }, answers{}, "Runtime and Handler are mandatory"},
		{"a retired runtime", func(in *api.CreateFunctionRequest) { in.Runtime = new("python2.7") }, answers{}, "no longer supported"},
		{"layers", func(in *api.CreateFunctionRequest) { in.Layers = []string{"arn"} }, answers{}, "layers"},
		{"a version", func(in *api.CreateFunctionRequest) { in.Publish = new(true) }, answers{}, "versions"},
		{"a VPC", func(in *api.CreateFunctionRequest) { in.VpcConfig = &api.VpcConfig{SubnetIds: []string{"s"}} }, answers{}, "VPC"},
		{"another architecture", func(in *api.CreateFunctionRequest) { in.Architectures = []string{"arm64"} }, answers{}, "arm64"},
		{"an image", func(in *api.CreateFunctionRequest) { in.PackageType = new(api.PackageTypeImage) }, answers{}, "images"},
		{"aws: tags", func(in *api.CreateFunctionRequest) { in.Tags = map[string]string{"aws:x": "y"} }, answers{}, "reserved"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f.env.checked, f.env.prepared = c.env.checked, c.env.prepared
			in := createInput("new")
			if c.change != nil {
				c.change(in)
			}
			if _, err := f.CreateFunction(ctx, in); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			out, err := f.ListFunctions(ctx, &api.ListFunctionsRequest{})
			if err != nil || len(out.Functions) != 1 {
				t.Errorf("left behind: %v, %v", out, err)
			}
		})
	}
}

// largestTags are as many and as long as allowed, of characters that JSON escapes.
func largestTags() map[string]string {
	tags := map[string]string{}
	for i := range maxTags {
		tags[fmt.Sprint(i)+strings.Repeat("<", maxTagKey-2)] = strings.Repeat("<", maxTagValue)
	}
	return tags
}

func TestInvokeChecksItsPayload(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	f.active(ctx, t, "a")
	cases := []struct {
		name    string
		payload []byte
		want    string // event, or text of the error
		wantErr bool
	}{
		{"none", nil, "{}", false},
		{"null", []byte("null"), "null", false},
		{"largest", []byte(`"` + strings.Repeat("x", maxPayload-2) + `"`), "", false},
		{"too large", []byte(`"` + strings.Repeat("x", maxPayload-1) + `"`), "6291557 byte payload is too large for the RequestResponse invocation type (limit 6291556 bytes)", true},
		{"cut off", []byte(`{"a":`), "Could not parse request body into json: Could not parse payload into json: Unexpected end-of-input\n at [Source: (byte[])\"{\"a\":\"; line: 1, column: 6]", true},
		{"a bare word", []byte(`hello`), "Unrecognized token 'hello': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')\n at [Source: (byte[])\"hello\"; line: 1, column: 6]", true},
		{"a long word", []byte(strings.Repeat("a", 5000)), "Unrecognized token '" + strings.Repeat("a", 256) + "...': was expecting", true},
		{"two values", []byte(`1 2`), "Could not parse request body into json", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			out, err := f.Invoke(ctx, &api.InvocationRequest{FunctionName: "a", Payload: c.payload, LogType: new(api.LogTypeTail)})
			if c.wantErr {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want %q", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.want != "" && string(out.Payload) != c.want || *out.LogResult != "RU5E" || *out.ExecutedVersion != "$LATEST" || *out.StatusCode != 200 {
				t.Errorf("got %+v", out)
			}
		})
	}
	if id := f.env.events[0].RequestID; id != "req-1" {
		t.Errorf("request id %q is not the API call's", id)
	}
}

func TestInvokeOfABusyHostIsThrottled(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	f.active(ctx, t, "a")
	f.env.tried = &invoke.BusyError{Message: "no room"}
	var throttled *api.TooManyRequestsException
	if _, err := f.Invoke(ctx, &api.InvocationRequest{FunctionName: "a"}); !errors.As(err, &throttled) || throttled.Message != "Rate Exceeded." {
		t.Errorf("got %v", err)
	}
}

func TestDryRunRunsNothing(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	f.active(ctx, t, "a")
	out, err := f.Invoke(ctx, &api.InvocationRequest{FunctionName: "a", InvocationType: new(api.InvocationTypeDryRun)})
	if err != nil || *out.StatusCode != 204 || len(f.env.events) != 0 {
		t.Errorf("got %+v, %v, %d events", out, err, len(f.env.events))
	}
}

func TestListFunctionsPages(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	for i := range 5 {
		f.active(ctx, t, fmt.Sprintf("f%d", i))
	}
	var names []string
	for in := (&api.ListFunctionsRequest{MaxItems: new(int32(2))}); ; {
		out, err := f.ListFunctions(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Functions) > 2 {
			t.Errorf("%d functions in a page of 2", len(out.Functions))
		}
		for _, c := range out.Functions {
			names = append(names, *c.FunctionName)
		}
		if in.Marker = out.NextMarker; in.Marker == nil {
			break
		}
	}
	if got := strings.Join(names, " "); got != "f0 f1 f2 f3 f4" {
		t.Errorf("got %s", got)
	}
	for _, marker := range []string{"", "%", base64.RawURLEncoding.EncodeToString(make([]byte, store.MaxKey))} {
		var refused *api.InvalidParameterValueException
		if _, err := f.ListFunctions(ctx, &api.ListFunctionsRequest{Marker: &marker}); !errors.As(err, &refused) {
			t.Errorf("marker %.20q: %v", marker, err)
		}
	}
}

func TestTags(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	f.active(ctx, t, "a")
	arn := "arn:aws:lambda:eu-central-1:123456789012:function:a"
	if _, err := f.TagResource(ctx, &api.TagResourceRequest{Resource: arn, Tags: map[string]string{"x": "1", "y": "2"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.UntagResource(ctx, &api.UntagResourceRequest{Resource: arn, TagKeys: []string{"x", "z"}}); err != nil {
		t.Fatal(err)
	}
	out, err := f.ListTags(ctx, &api.ListTagsRequest{Resource: arn})
	if err != nil || len(out.Tags) != 1 || out.Tags["y"] != "2" {
		t.Errorf("got %v, %v", out, err)
	}
	many := map[string]string{}
	for i := range maxTags {
		many[fmt.Sprint(i)] = "v"
	}
	if _, err := f.TagResource(ctx, &api.TagResourceRequest{Resource: arn, Tags: many}); err == nil {
		t.Error("51 tags were accepted")
	}
}

func TestRevisionIDGuardsUpdates(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	f.active(ctx, t, "a")
	current := *f.configurationOf(ctx, t).RevisionId
	var stale *api.PreconditionFailedException
	if _, err := f.UpdateFunctionCode(ctx, &api.UpdateFunctionCodeRequest{FunctionName: "a", ZipFile: []byte("new"), RevisionId: new("other")}); !errors.As(err, &stale) {
		t.Errorf("another revision: %v", err)
	}
	c, err := f.UpdateFunctionCode(ctx, &api.UpdateFunctionCodeRequest{FunctionName: "a", ZipFile: []byte("new"), RevisionId: &current})
	if err != nil || *c.RevisionId == current || *c.CodeSize != 3 {
		t.Errorf("got %+v, %v", c, err)
	}
}
