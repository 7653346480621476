// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/gustcloud/gust/internal/access/sigv4"
	"github.com/gustcloud/gust/test/harness"
)

// refused wants an AWS CLI command to fail with a text in its message.
func refused(t *testing.T, s *harness.Server, text string, args ...string) {
	t.Helper()
	if stdout, stderr, exit := s.AWS(t, args...); exit == 0 || !strings.Contains(stderr, text) {
		t.Errorf("aws %s: exit %d, want %q: %s%s", strings.Join(args, " "), exit, text, stdout, stderr)
	}
}

func TestEnforcedKeysFromFirstToLast(t *testing.T) {
	s := harness.StartEnforced(t)
	identity := []string{"sts", "get-caller-identity"}
	if id := cli(t, s, identity...); id["Arn"] != "arn:aws:iam::000000000000:root" {
		t.Errorf("root is %v", id)
	}
	refused(t, s.With(harness.Keys{ID: s.Keys.ID, Secret: "wrong"}), "(SignatureDoesNotMatch)", identity...)
	refused(t, s.With(harness.Keys{ID: "AKIAIOSFODNN7EXAMPLE", Secret: "secret"}), "(InvalidClientTokenId)", identity...)

	cli(t, s, "iam", "create-user", "--user-name", "Bob", "--path", "/team/")
	key, ok := cli(t, s, "iam", "create-access-key", "--user-name", "bob")["AccessKey"].(map[string]any)
	if !ok || key["UserName"] != "Bob" || key["Status"] != "Active" {
		t.Fatalf("access key %v", key)
	}
	id, secret := key["AccessKeyId"].(string), key["SecretAccessKey"].(string)
	bob := s.With(harness.Keys{ID: id, Secret: secret})
	if who := cli(t, bob, identity...); who["Arn"] != "arn:aws:iam::000000000000:user/team/Bob" {
		t.Errorf("bob is %v", who)
	}
	refused(t, s, "DeleteConflict", "iam", "delete-user", "--user-name", "Bob")
	cli(t, s, "iam", "create-access-key", "--user-name", "Bob")
	refused(t, s, "Cannot exceed quota for AccessKeysPerUser: 2", "iam", "create-access-key", "--user-name", "Bob")

	// What a change says holds with the next request, though the key was used a moment ago.
	cli(t, s, "iam", "update-access-key", "--user-name", "Bob", "--access-key-id", id, "--status", "Inactive")
	refused(t, bob, "(InvalidClientTokenId)", identity...)
	cli(t, s, "iam", "update-access-key", "--user-name", "Bob", "--access-key-id", id, "--status", "Active")
	cli(t, bob, identity...)
	used := cli(t, s, "iam", "get-access-key-last-used", "--access-key-id", id)
	if u, ok := used["AccessKeyLastUsed"].(map[string]any); !ok || u["ServiceName"] != "sts" || u["Region"] != harness.Region || used["UserName"] != "Bob" {
		t.Errorf("last used %v", used)
	}
	cli(t, bob, "iam", "delete-access-key", "--access-key-id", id) // its own
	refused(t, bob, "(InvalidClientTokenId)", identity...)

	s.Kill()
	s.Run()
	cli(t, s, identity...)
	if n := strings.Count(s.Log(), "AWS_SECRET_ACCESS_KEY="); n != 1 {
		t.Errorf("root credentials were printed %d times", n)
	}
	s.Stop()
	s.Flags = append(s.Flags, "--reset-root")
	s.Run()
	refused(t, s, "(InvalidClientTokenId)", identity...)
	cli(t, s.With(s.RootKeys()), identity...)
}

func TestEnforcedSessions(t *testing.T) {
	s := harness.StartEnforced(t)
	out, err := s.STS().AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::000000000000:role/ci"), RoleSessionName: aws.String("build"),
	})
	if err != nil {
		t.Fatal(err)
	}
	session := harness.Keys{ID: *out.Credentials.AccessKeyId, Secret: *out.Credentials.SecretAccessKey, Token: *out.Credentials.SessionToken}
	id, err := s.With(session).STS().GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || *id.Arn != "arn:aws:sts::000000000000:assumed-role/ci/build" {
		t.Errorf("%v, %v", id, err)
	}
	for _, c := range []struct {
		name, want string
		keys       harness.Keys
	}{
		{"no token", "InvalidClientTokenId", harness.Keys{ID: session.ID, Secret: session.Secret}},
		{"altered token", "InvalidClientTokenId", harness.Keys{ID: session.ID, Secret: session.Secret, Token: session.Token + "x"}},
		{"a token of AWS", "InvalidClientTokenId", harness.Keys{ID: session.ID, Secret: session.Secret, Token: "IQoJb3JpZ2luX2VjE"}},
		{"wrong secret", "SignatureDoesNotMatch", harness.Keys{ID: session.ID, Secret: s.Keys.Secret, Token: session.Token}},
		{"long-term key with a token", "InvalidClientTokenId", harness.Keys{ID: s.Keys.ID, Secret: s.Keys.Secret, Token: session.Token}},
	} {
		if _, err := s.With(c.keys).STS().GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); harness.ErrorCode(err) != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	// A role's session is no user: IAM cannot know whose keys are meant.
	_, err = s.With(session).IAM().ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{})
	if harness.ErrorCode(err) != "ValidationError" {
		t.Errorf("list-access-keys of a session: %v", err)
	}
}

// call is a signed request that a test breaks in one way.
type call struct {
	name    string
	service string
	method  string
	path    string
	header  map[string]string
	body    string
	sign    func(r *http.Request, k sigv4.Keys, payload string)
	after   func(r *http.Request)
	status  int
	want    []string // parts of headers and body, as sent
}

const identityForm = "Action=GetCallerIdentity&Version=2011-06-15"

func TestEnforcedCodes(t *testing.T) {
	s := harness.StartEnforced(t)
	keys := sigv4.Keys{AccessKeyID: s.Keys.ID, SecretAccessKey: s.Keys.Secret}
	now := time.Now()
	at := func(service string, when time.Time) func(*http.Request, sigv4.Keys, string) {
		return func(r *http.Request, k sigv4.Keys, payload string) {
			sigv4.Sign(r, k, harness.Region, service, payload, when)
		}
	}
	presigned := func(service string, life time.Duration, when time.Time) func(*http.Request, sigv4.Keys, string) {
		return func(r *http.Request, k sigv4.Keys, payload string) {
			if service == "s3" {
				payload = sigv4.UnsignedPayload
			}
			sigv4.Presign(r, k, harness.Region, service, payload, life, when)
		}
	}
	wrong := func(service string) func(*http.Request, sigv4.Keys, string) {
		return func(r *http.Request, k sigv4.Keys, payload string) {
			k.SecretAccessKey += "x"
			sigv4.Sign(r, k, harness.Region, service, payload, now)
		}
	}
	unsigned := func(*http.Request, sigv4.Keys, string) {}
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	json11 := map[string]string{"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "Logs_20140328.DescribeLogGroups"}
	cases := []call{
		{"query", "sts", "POST", "/", form, identityForm, at("sts", now), nil, 200, []string{"<Account>000000000000</Account>"}},
		{"query, presigned", "sts", "GET", "/?" + identityForm, nil, "", presigned("sts", time.Minute, now), nil, 200, []string{":root</Arn>"}},
		{"query, presigned, expired", "sts", "GET", "/?" + identityForm, nil, "", presigned("sts", time.Minute, now.Add(-2*time.Minute)), nil, 403, []string{"<Code>ExpiredToken</Code>", "Signature expired"}},
		{"query, too late", "sts", "POST", "/", form, identityForm, at("sts", now.Add(-16*time.Minute)), nil, 403, []string{"<Code>SignatureDoesNotMatch</Code>", "Signature expired: ", " - 15 min.)"}},
		{"query, too early", "sts", "POST", "/", form, identityForm, at("sts", now.Add(16*time.Minute)), nil, 403, []string{"<Code>SignatureDoesNotMatch</Code>", "Signature not yet current: ", " + 15 min.)"}},
		{"query, late within the skew", "sts", "POST", "/", form, identityForm, at("sts", now.Add(-14*time.Minute)), nil, 200, nil},
		{"query, wrong secret", "sts", "POST", "/", form, identityForm, wrong("sts"), nil, 403, []string{"<Code>SignatureDoesNotMatch</Code>", "The Canonical String for this request should have been", "POST", "content-type:application/x-www-form-urlencoded", "The String-to-Sign should have been", "/eu-central-1/sts/aws4_request"}},
		{"query, other body", "sts", "POST", "/", form, identityForm, at("sts", now), body(identityForm + "&"), 403, []string{"<Code>SignatureDoesNotMatch</Code>"}},
		{"query, unsigned", "sts", "POST", "/", form, identityForm, unsigned, nil, 403, []string{"<Code>MissingAuthenticationToken</Code>", "Request is missing Authentication Token"}},
		{"query, incomplete", "sts", "POST", "/", form, identityForm, at("sts", now), header("Authorization", "AWS4-HMAC-SHA256 Credential="+s.Keys.ID), 400, []string{"<Code>IncompleteSignature</Code>"}},
		{"query, SigV4A", "sts", "POST", "/", form, identityForm, at("sts", now), header("Authorization", "AWS4-ECDSA-P256-SHA256 Credential=x/20261125/sts/aws4_request, SignedHeaders=host, Signature=00"), 400, []string{"<Code>IncompleteSignature</Code>", "AWS4-ECDSA-P256-SHA256"}},
		{"json", "logs", "POST", "/", json11, "{}", at("logs", now), nil, 200, []string{`"logGroups"`}},
		{"json, wrong secret", "logs", "POST", "/", json11, "{}", wrong("logs"), nil, 400, []string{"InvalidSignatureException", "The Canonical String for this request should have been"}},
		{"json, unsigned", "logs", "POST", "/", json11, "{}", unsigned, nil, 400, []string{"MissingAuthenticationTokenException"}},
		{"json, other target", "logs", "POST", "/", json11, "{}", at("logs", now), header("X-Amz-Target", "Logs_20140328.DescribeLogStreams"), 400, []string{"InvalidSignatureException"}},
		{"rest-json", "lambda", "GET", "/2015-03-31/functions/?MaxItems=5", nil, "", at("lambda", now), nil, 200, []string{`"Functions"`}},
		{"rest-json, wrong secret", "lambda", "GET", "/2015-03-31/functions/", nil, "", wrong("lambda"), nil, 403, []string{"X-Amzn-Errortype: InvalidSignatureException"}},
		{"rest-json, other query", "lambda", "GET", "/2015-03-31/functions/?MaxItems=5", nil, "", at("lambda", now), query("MaxItems=6"), 403, []string{"InvalidSignatureException"}},
		{"rest-json, unsigned", "lambda", "GET", "/2015-03-31/functions/", nil, "", unsigned, nil, 403, []string{"MissingAuthenticationTokenException"}},
		{"s3", "s3", "GET", "/bucket/a//b/../c%20d?x-id=GetObject", nil, "", at("s3", now), nil, 501, []string{"NotImplemented"}},
		{"s3, presigned", "s3", "GET", "/bucket/key", nil, "", presigned("s3", time.Minute, now), nil, 501, []string{"NotImplemented"}},
		{"s3, presigned, expired", "s3", "GET", "/bucket/key", nil, "", presigned("s3", time.Minute, now.Add(-2*time.Minute)), nil, 403, []string{"<Code>AccessDenied</Code><Message>Request has expired</Message><X-Amz-Expires>60</X-Amz-Expires><Expires>"}},
		{"s3, presigned, not yet valid", "s3", "GET", "/bucket/key", nil, "", presigned("s3", time.Minute, now.Add(time.Hour)), nil, 403, []string{"<Code>AccessDenied</Code><Message>Request is not yet valid</Message>"}},
		{"s3, presigned for too long", "s3", "GET", "/bucket/key", nil, "", presigned("s3", 8*24*time.Hour, now), nil, 400, []string{"<Code>AuthorizationQueryParametersError</Code><Message>X-Amz-Expires must be less than a week"}},
		{"s3, wrong secret", "s3", "GET", "/bucket/key", nil, "", wrong("s3"), nil, 403, []string{"<Code>SignatureDoesNotMatch</Code>", "<AWSAccessKeyId>" + s.Keys.ID + "</AWSAccessKeyId><StringToSign>AWS4-HMAC-SHA256", "<StringToSignBytes>41 57 53 34", "<CanonicalRequest>GET"}},
		{"s3, unknown key", "s3", "GET", "/bucket/key", nil, "", func(r *http.Request, k sigv4.Keys, p string) {
			k.AccessKeyID = "AKIAIOSFODNN7EXAMPLE"
			sigv4.Sign(r, k, harness.Region, "s3", p, now)
		}, nil, 403, []string{"<Code>InvalidAccessKeyId</Code>", "<AWSAccessKeyId>AKIAIOSFODNN7EXAMPLE</AWSAccessKeyId>"}},
		{"s3, too late", "s3", "GET", "/bucket/key", nil, "", at("s3", now.Add(-time.Hour)), nil, 403, []string{"<Code>RequestTimeTooSkewed</Code>", "<MaxAllowedSkewMilliseconds>900000</MaxAllowedSkewMilliseconds>"}},
		{"s3, unsigned", "s3", "GET", "/bucket/key", nil, "", unsigned, nil, 403, []string{"<Code>AccessDenied</Code><Message>Access Denied</Message>"}},
		{"s3, signature version 2", "s3", "GET", "/bucket/key", map[string]string{"Authorization": "AWS AKIAIOSFODNN7EXAMPLE:c2ln"}, "", unsigned, nil, 400, []string{"<Code>InvalidRequest</Code>", "Please use AWS4-HMAC-SHA256."}},
		{"s3, HEAD", "s3", "HEAD", "/bucket/key", nil, "", wrong("s3"), nil, 403, []string{"X-Amz-Request-Id: "}},
		{"s3, a header that is not signed", "s3", "PUT", "/bucket/key", nil, "", at("s3", now), header("X-Amz-Acl", "public-read"), 403, []string{"<Code>AccessDenied</Code>", "<HeadersNotSigned>x-amz-acl</HeadersNotSigned>"}},
		{"s3, no digest", "s3", "GET", "/bucket/key", nil, "", at("s3", now), header("X-Amz-Content-Sha256", ""), 400, []string{"<Code>InvalidRequest</Code>", "x-amz-content-sha256"}},
		{"s3, other path form", "s3", "GET", "/bucket/a+b=c", nil, "", at("s3", now), nil, 501, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), c.method, s.Endpoint+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range c.header {
				r.Header.Set(k, v)
			}
			c.sign(r, keys, sigv4.SumHex([]byte(c.body)))
			if c.after != nil {
				c.after(r)
			}
			status, answer := send(t, r)
			if c.status != 0 && status != c.status {
				t.Errorf("status %d, want %d", status, c.status)
			}
			for _, part := range c.want {
				if !strings.Contains(answer, part) {
					t.Errorf("the answer lacks %q:\n%s", part, answer)
				}
			}
		})
	}
	if strings.Contains(s.Log(), "should have been") {
		t.Error("the log has canonical strings")
	}
}

func body(text string) func(*http.Request) {
	return func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
		r.GetBody = nil
	}
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) {
		switch {
		case name == "Host":
			r.Host = value
		case value == "":
			r.Header.Del(name)
		default:
			r.Header.Set(name, value)
		}
	}
}

func query(raw string) func(*http.Request) { return func(r *http.Request) { r.URL.RawQuery = raw } }

// send returns the status, and headers and body as text.
func send(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var b bytes.Buffer
	if err := resp.Header.Write(&b); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(&b, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, b.String()
}

func TestEnforcedBodiesAreDigestedAsSent(t *testing.T) {
	s := harness.StartEnforced(t)
	keys := sigv4.Keys{AccessKeyID: s.Keys.ID, SecretAccessKey: s.Keys.Secret}
	input := `{"FunctionName":"x","Runtime":"provided.al2023","Role":"arn:aws:iam::000000000000:role/r","Handler":"h","Code":{"ZipFile":"` +
		base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("no zip "), 300_000)) + `"}}`
	for _, c := range []struct {
		name   string
		sent   string
		named  bool // the digest stands in X-Amz-Content-Sha256
		status int
		want   string
	}{
		{"as signed", input, false, 400, "InvalidParameterValueException"},
		{"as signed, named", input, true, 400, "InvalidParameterValueException"},
		{"one byte changed", strings.Replace(input, "bm8g", "bm9g", 1), false, 403, "InvalidSignatureException"},
		{"one byte changed, named", strings.Replace(input, "bm8g", "bm9g", 1), true, 403, "InvalidSignatureException"},
		{"nothing, named", "", true, 403, "InvalidSignatureException"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Endpoint+"/2015-03-31/functions", nil)
			if err != nil {
				t.Fatal(err)
			}
			sum := sigv4.SumHex([]byte(input))
			r.Header.Set("Content-Type", "application/json")
			if c.named {
				r.Header.Set("X-Amz-Content-Sha256", sum)
			}
			sigv4.Sign(r, keys, harness.Region, "lambda", sum, time.Now())
			body(c.sent)(r)
			status, answer := send(t, r)
			if status != c.status || !strings.Contains(answer, c.want) {
				t.Errorf("%d %s, want %d %s", status, answer, c.status, c.want)
			}
		})
	}
}

func TestFunctionsCallAnEnforcingServer(t *testing.T) {
	s := harness.StartEnforced(t)
	python := harness.Runtime(t, "python")
	s.Create(t, harness.Function{
		Name: "inside", Runtime: python, Handler: "app.handler", MemoryMB: 512, TimeoutS: 20,
		Zip: harness.Zip(t, map[string]string{"app.py": `
import datetime, hashlib, hmac, os, urllib.error, urllib.parse, urllib.request
def call(secret):
    host = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    token, scope = os.environ["AWS_SESSION_TOKEN"], stamp[:8] + "/us-east-1/sts/aws4_request"
    signed = "host;x-amz-date;x-amz-security-token"
    canonical = "\n".join(["POST", "/", "", "host:" + host, "x-amz-date:" + stamp, "x-amz-security-token:" + token, "", signed,
        hashlib.sha256(body).hexdigest()])
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    req = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], data=body, headers={
        "Content-Type": "application/x-www-form-urlencoded", "X-Amz-Security-Token": token, "X-Amz-Date": stamp,
        "Authorization": "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s" % (os.environ["AWS_ACCESS_KEY_ID"],
            scope, signed, hmac.new(key, text.encode(), hashlib.sha256).hexdigest())})
    try:
        return urllib.request.urlopen(req).read().decode()
    except urllib.error.HTTPError as e:
        return e.read().decode()
def handler(event, context):
    secret = os.environ["AWS_SECRET_ACCESS_KEY"]
    return [call(secret), call(secret + "x")]
`}),
	})
	out := s.Invoke(t, "inside", map[string]string{})
	var answers [2]string
	if err := json.Unmarshal(out.Payload, &answers); err != nil {
		t.Fatalf("%s: %v", out.Payload, err)
	}
	if want := "assumed-role/function/inside"; !strings.Contains(answers[0], want) {
		t.Errorf("the function's identity lacks %s: %s\n%s", want, answers[0], tail(t, out))
	}
	if want := "SignatureDoesNotMatch"; !strings.Contains(answers[1], want) {
		t.Errorf("a wrong secret inside: %s, want %s", answers[1], want)
	}
}

func TestCodeLocationIsALinkToThePackage(t *testing.T) {
	s := harness.StartEnforced(t)
	python := harness.Runtime(t, "python")
	zip := harness.Zip(t, map[string]string{"app.py": "def handler(event, context): return 1\n"})
	s.Create(t, harness.Function{Name: "f", Runtime: python, Handler: "app.handler", MemoryMB: 128, TimeoutS: 3, Zip: zip})
	f, err := s.Lambda().GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("f")})
	if err != nil {
		t.Fatal(err)
	}
	if *f.Code.RepositoryType != "S3" || f.Code.Location == nil || !strings.HasPrefix(*f.Code.Location, s.Endpoint+"/_gust/code/000000000000/") {
		t.Fatalf("code %+v", f.Code)
	}
	status, got := fetch(t, *f.Code.Location)
	sum := sha256.Sum256([]byte(got))
	if status != 200 || got != string(zip) || base64.StdEncoding.EncodeToString(sum[:]) != *f.Configuration.CodeSha256 {
		t.Errorf("status %d, %d bytes", status, len(got))
	}
	u, err := url.Parse(*f.Code.Location)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(url.Values){
		"later end":     func(q url.Values) { q.Set("expires", strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)) },
		"other size":    func(q url.Values) { q.Set("size", "1") },
		"no signature":  func(q url.Values) { q.Del("signature") },
		"other digits":  func(q url.Values) { q.Set("signature", strings.Repeat("0", 64)) },
		"not hex":       func(q url.Values) { q.Set("signature", "zz") },
		"longer number": func(q url.Values) { q.Set("size", "0"+q.Get("size")+"x") },
	} {
		q := u.Query()
		change(q)
		changed := *u
		changed.RawQuery = q.Encode()
		if status, body := fetch(t, changed.String()); status != http.StatusForbidden {
			t.Errorf("%s: status %d: %s", name, status, body)
		}
	}
	changed := *u
	changed.Path = strings.Replace(u.Path, "000000000000", "123456789012", 1)
	if status, _ := fetch(t, changed.String()); status != http.StatusForbidden {
		t.Errorf("another account: status %d", status)
	}
}

func fetch(t *testing.T, location string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, location, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}
