// SPDX-License-Identifier: Apache-2.0

package frontdoor_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/access"
	"github.com/gustcloud/gust/internal/access/sigv4"
	"github.com/gustcloud/gust/internal/awsapi"
	"github.com/gustcloud/gust/internal/awsapi/logs"
	"github.com/gustcloud/gust/internal/awsapi/sts"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/base/obs"
	"github.com/gustcloud/gust/internal/frontdoor"
	"github.com/gustcloud/gust/internal/wire"
)

// oneKey is a server's only access key.
type oneKey struct{ used *[]string }

func (oneKey) Key(_ context.Context, id string) (access.Key, bool, error) {
	return access.Key{Principal: access.Root("000000000000"), Secret: "secret", Active: true}, id == "AKIAGOOD", nil
}

func (k oneKey) Used(id, region, service string, _ time.Time) {
	*k.used = append(*k.used, id+" "+region+" "+service)
}

// upload has a streamed input and one that wants no signature.
type uploadInput struct {
	Body io.Reader
	Kind *string
}

type uploadOutput struct{}

var uploadSchema = wire.Schema{
	ID: "upload", SigningName: "upload", EndpointPrefix: "upload", Protocols: []wire.ProtocolID{wire.ProtocolRESTJSON},
	Types: []wire.Type{
		{},
		{Name: "Stream", Kind: wire.KindStream},
		{Name: "In", Kind: wire.KindStruct, Go: wire.StructOf[uploadInput]{}, Fields: []wire.Field{
			{Name: "Body", Type: 1, Loc: wire.InPayload},
			{Name: "Kind", Type: 4, Off: offset[uploadInput]("Kind"), Loc: wire.InHeader, Wire: "X-Amz-Kind", Flags: wire.Pointer},
		}},
		{Name: "Out", Kind: wire.KindStruct, Go: wire.StructOf[uploadOutput]{}},
		{Name: "Kind", Kind: wire.KindString},
	},
	Operations: []wire.Operation{
		{Name: "Put", Method: "PUT", URI: "/stored", Input: 2, Output: 3},
		{Name: "Public", Method: "POST", URI: "/public", Input: 3, Output: 3, NoAuth: true},
	},
}

// uploads keeps what was committed; read is how much of a body it reads before it does.
type uploads struct {
	committed []string
	read      int64
}

func (u *uploads) bind() wire.Service {
	return wire.Service{Schema: &uploadSchema, Invoke: func(_ context.Context, _ int, in any) (any, error) {
		if i, ok := in.(*uploadInput); ok {
			b, err := io.ReadAll(io.LimitReader(i.Body, u.read))
			if err != nil {
				return nil, err
			}
			u.committed = append(u.committed, string(b))
		}
		return &uploadOutput{}, nil
	}}
}

func mustEnforcingDoor(t *testing.T, u *uploads, used *[]string) http.Handler {
	t.Helper()
	sessions, err := access.NewSessions(make([]byte, access.SessionKeySize), ids.System())
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	return frontdoor.New(frontdoor.Deps{
		Services: []wire.Service{sts.Bind(fakeSTS{}), logs.Bind(fakeLogs{}), u.bind()},
		Gate:     frontdoor.NewGate(frontdoor.AllowAll{}, log, obs.NewMetrics()), Authenticator: access.NewEnforce(oneKey{used}, sessions),
		Clock: clock.System{}, NewID: func() string { return "req-1" }, Log: log,
	})
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestEnforcingDoorVerifiesBodies(t *testing.T) {
	target := "X-Amz-Target: Logs_20140328.CreateLogGroup"
	const json11 = "Content-Type: application/x-amz-json-1.1"
	group := `{"logGroupName":"g"}`
	zipped := gzipped(t, group)
	for _, c := range []struct {
		name, service, method, path string
		headers                     []string
		signed, sent                string
		read                        int64
		status                      int
		want, committed             string
	}{
		{"form", "sts", "POST", "/", []string{form}, whoami, whoami, 0, 200, ":root</Arn>", ""},
		{"form, altered", "sts", "POST", "/", []string{form}, whoami, whoami + "&", 0, 403, "<Code>SignatureDoesNotMatch", ""},
		{"json", "logs", "POST", "/", []string{target, json11}, group, group, 0, 200, "", ""},
		{"json, altered", "logs", "POST", "/", []string{target, json11}, group, `{"logGroupName":"h"}`, 0, 400, "InvalidSignatureException", ""},
		{"json, gzip", "logs", "POST", "/", []string{target, json11, "Content-Encoding: gzip"}, zipped, zipped, 0, 200, "", ""},
		{"json, gzip, signed unpacked", "logs", "POST", "/", []string{target, json11, "Content-Encoding: gzip"}, group, zipped, 0, 400, "InvalidSignatureException", ""},
		{"json, gzip, something after it", "logs", "POST", "/", []string{target, json11, "Content-Encoding: gzip"}, zipped, zipped + "x", 0, 400, "", ""},
		{"unknown operation, altered", "logs", "POST", "/", []string{"X-Amz-Target: Logs_20140328.Nothing", json11}, group, "{}", 0, 400, "InvalidSignatureException", ""},
		{"stream", "upload", "PUT", "/stored", nil, "hello", "hello", 100, 200, "", "hello"},
		{"stream, altered", "upload", "PUT", "/stored", nil, "hello", "hullo", 100, 403, "does not match the signature you provided", ""},
		{"stream, longer", "upload", "PUT", "/stored", nil, "hello", "hello!", 100, 403, "does not match the signature you provided", ""},
		{"stream, cut by its service", "upload", "PUT", "/stored", nil, "hello", "hello", 2, 400, "goes on after its end", "he"},
		{"empty stream", "upload", "PUT", "/stored", nil, "", "", 100, 200, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := &uploads{read: c.read}
			var used []string
			d := mustEnforcingDoor(t, u, &used)
			r := signed(t, sigv4.Keys{AccessKeyID: "AKIAGOOD", SecretAccessKey: "secret"}, c.service, c.method, base+c.path, c.signed, c.headers...)
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(c.sent)), int64(len(c.sent))
			w := httptest.NewRecorder()
			d.ServeHTTP(w, r)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("%d %s, want %d %s", w.Code, w.Body, c.status, c.want)
			}
			if got := strings.Join(u.committed, "|"); got != c.committed {
				t.Errorf("committed %q, want %q", got, c.committed)
			}
			if verified := strings.Join(used, "|"); (verified == "AKIAGOOD eu-west-1 "+c.service) != (c.status == 200) {
				t.Errorf("status %d, used %q", c.status, verified)
			}
		})
	}
}

// TestNamedDigestsAreComparedToTheEnd: a service that does not read its stream to the end has not seen whether it is what
// the digest in the head names, so its answer does not count.
func TestNamedDigestsAreComparedToTheEnd(t *testing.T) {
	named := digest("hello")
	for _, c := range []struct {
		name, sent string
		read       int64
		status     int
	}{
		{"whole", "hello", 100, 200},
		{"exactly", "hello", 5, 200},
		{"cut", "hello", 2, 400},
		{"altered", "hullo", 100, 403},
		{"altered, exactly", "hullo", 5, 403},
		{"altered, cut", "hullo", 2, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			var used []string
			d := mustEnforcingDoor(t, &uploads{read: c.read}, &used)
			r := signed(t, sigv4.Keys{AccessKeyID: "AKIAGOOD", SecretAccessKey: "secret"}, "upload", http.MethodPut, base+"/stored", "hello", named)
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(c.sent)), int64(len(c.sent))
			w := httptest.NewRecorder()
			d.ServeHTTP(w, r)
			if w.Code != c.status {
				t.Errorf("%d %s, want %d", w.Code, w.Body, c.status)
			}
		})
	}
}

func TestInputInUnsignedHeadersIsRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		before string // the header that is there when the request is signed
		after  string // the header that is added on its way
		status int
	}{
		{"signed", "X-Amz-Kind: a", "", 200},
		{"added", "X-Amz-Other: a", "X-Amz-Kind: a", 403},
		{"changed", "X-Amz-Kind: a", "X-Amz-Kind: b", 403},
		{"not of the operation", "X-Amz-Kind: a", "X-Amz-Cf-Id: b", 200}, // CloudFront adds it
	} {
		var used []string
		d := mustEnforcingDoor(t, &uploads{read: 100}, &used)
		r := signed(t, sigv4.Keys{AccessKeyID: "AKIAGOOD", SecretAccessKey: "secret"}, "upload", http.MethodPut, base+"/stored", "hello", c.before)
		if name, value, ok := strings.Cut(c.after, ": "); ok {
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("%s: %d %s, want %d", c.name, w.Code, w.Body, c.status)
		}
	}
}

// unread fails the test when somebody reads it.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body of a refused request was read")
	return 0, io.EOF
}

func TestEnforcingDoorReadsNoBodyOfAStranger(t *testing.T) {
	for _, c := range []struct {
		name    string
		keys    sigv4.Keys
		service string
		when    time.Time
		headers []string
		status  int
	}{
		{"unknown key, form", sigv4.Keys{AccessKeyID: "AKIABAD", SecretAccessKey: "secret"}, "sts", time.Now(), []string{form}, 403},
		{"too late, form", sigv4.Keys{AccessKeyID: "AKIAGOOD", SecretAccessKey: "secret"}, "sts", time.Now().Add(-time.Hour), []string{form}, 403},
		{"unknown key, json", sigv4.Keys{AccessKeyID: "AKIABAD", SecretAccessKey: "secret"}, "logs", time.Now(), []string{"X-Amz-Target: Logs_20140328.CreateLogGroup"}, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			var used []string
			d := mustEnforcingDoor(t, &uploads{}, &used)
			r := signed(t, sigv4.Keys{}, c.service, http.MethodPost, base+"/", "", c.headers...)
			sigv4.Sign(r, c.keys, "eu-west-1", c.service, sigv4.EmptySHA256, c.when)
			r.Body, r.ContentLength = io.NopCloser(unread{t}), 1000
			w := httptest.NewRecorder()
			d.ServeHTTP(w, r)
			if w.Code != c.status {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}

func TestOperationsWithoutAuthenticationStayOpen(t *testing.T) {
	var used []string
	d := mustEnforcingDoor(t, &uploads{}, &used)
	for _, c := range []struct {
		name, path, host string
		keys             sigv4.Keys
		status           int
	}{
		{"unsigned, open", "/public", "upload.localhost", sigv4.Keys{}, 200},
		{"unsigned, closed", "/stored", "upload.localhost", sigv4.Keys{}, 403},
		{"wrongly signed, open", "/public", "127.0.0.1", sigv4.Keys{AccessKeyID: "AKIAGOOD", SecretAccessKey: "x"}, 403},
	} {
		method := http.MethodPost
		if c.path == "/stored" {
			method = http.MethodPut
		}
		w := httptest.NewRecorder()
		d.ServeHTTP(w, signed(t, c.keys, "upload", method, "http://"+c.host+c.path, ""))
		if w.Code != c.status {
			t.Errorf("%s: %d %s, want %d", c.name, w.Code, w.Body, c.status)
		}
	}
}

// TestMissingOperationsWithoutAuthenticationSaySo: of who has no keys none are asked only to say that there is nothing.
func TestMissingOperationsWithoutAuthenticationSaySo(t *testing.T) {
	var used []string
	d := mustEnforcingDoor(t, &uploads{}, &used)
	for _, c := range []struct {
		action string
		status int
		want   string
	}{
		{"AssumeRoleWithWebIdentity", 501, "AssumeRoleWithWebIdentity"},
		{"AssumeRoleWithSAML", 501, "AssumeRoleWithSAML"},
		{"AssumeRoot", 403, "MissingAuthenticationToken"},
		{"AssumeRole", 403, "MissingAuthenticationToken"},
		{"Nothing", 403, "MissingAuthenticationToken"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, base+"/", strings.NewReader("Action="+c.action+"&Version=2011-06-15"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: %d %s, want %d %s", c.action, w.Code, w.Body, c.status, c.want)
		}
	}
}

// TestStrangersFormsAreSmall: memory for bodies is not for those that are refused in the end.
func TestStrangersFormsAreSmall(t *testing.T) {
	for _, c := range []struct {
		name   string
		size   int
		zipped bool
		keys   sigv4.Keys
		status int
	}{
		{"small", 1000, false, sigv4.Keys{}, 403},
		{"large", 2 << 20, false, sigv4.Keys{}, 413},
		{"large when unpacked", 2 << 20, true, sigv4.Keys{}, 413},
		{"large and signed", 2 << 20, false, sigv4.Keys{AccessKeyID: "AKIAGOOD", SecretAccessKey: "secret"}, 200},
	} {
		var used []string
		d := mustEnforcingDoor(t, &uploads{}, &used)
		body, headers := whoami+"&Padding="+strings.Repeat("a", c.size), []string{form}
		if c.zipped {
			body, headers = gzipped(t, body), append(headers, "Content-Encoding: gzip")
		}
		w := httptest.NewRecorder()
		d.ServeHTTP(w, signed(t, c.keys, "sts", http.MethodPost, base+"/", body, headers...))
		if w.Code != c.status {
			t.Errorf("%s: %d %s, want %d", c.name, w.Code, w.Body, c.status)
		}
	}
}

// TestOtherSigningNamesAreGood: some clients of S3 sign with names that its model does not have.
func TestOtherSigningNamesAreGood(t *testing.T) {
	sessions, err := access.NewSessions(make([]byte, access.SessionKeySize), ids.System())
	if err != nil {
		t.Fatal(err)
	}
	var used []string
	log := slog.New(slog.DiscardHandler)
	d := frontdoor.New(frontdoor.Deps{
		Known: awsapi.Known(), Gate: frontdoor.NewGate(frontdoor.AllowAll{}, log, obs.NewMetrics()),
		Authenticator: access.NewEnforce(oneKey{&used}, sessions), Clock: clock.System{}, NewID: func() string { return "req-1" }, Log: log,
	})
	for _, c := range []struct {
		service, method, url, want string
		status                     int
	}{
		{"s3", "GET", "http://b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com/?session", "CreateSession", 501},
		{"s3express", "GET", "http://b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com/?session", "CreateSession", 501},
		{"s3-object-lambda", "POST", "http://route.s3-object-lambda.us-east-1.amazonaws.com/WriteGetObjectResponse", "WriteGetObjectResponse", 501},
		{"streams.dynamodb", "GET", base + "/", "correct service: 'dynamodb'", 403}, // a host name, which nobody signs with
	} {
		w := httptest.NewRecorder()
		d.ServeHTTP(w, signed(t, sigv4.Keys{AccessKeyID: "AKIAGOOD", SecretAccessKey: "secret"}, c.service, c.method, c.url, ""))
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: %d %s, want %d %s", c.service, w.Code, w.Body, c.status, c.want)
		}
	}
}
