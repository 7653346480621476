// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/gustcloud/gust/internal/access/sigv4"
	"github.com/gustcloud/gust/test/harness"
)

// What a client of each protocol sees: its identity or list with right keys, the code with a wrong secret.
// S3 has no operations here yet: a right signature gets as far as NotImplemented.
const clientOutcome = `right: arn:aws:iam::000000000000:root 0 0 NotImplemented NotImplemented NotImplemented
wrong secret: SignatureDoesNotMatch InvalidSignatureException InvalidSignatureException SignatureDoesNotMatch SignatureDoesNotMatch SignatureDoesNotMatch
unknown key: InvalidClientTokenId UnrecognizedClientException UnrecognizedClientException InvalidAccessKeyId InvalidAccessKeyId InvalidAccessKeyId
`

func TestBoto3WithRealSecrets(t *testing.T) {
	s := harness.StartEnforced(t)
	stdout, stderr, exit := s.Python(t, `
import boto3, io, os, re, urllib.request, urllib.error
from botocore.config import Config
def code(f):
    try:
        return str(f())
    except Exception as e:
        return e.response["Error"]["Code"]
def presigned(s3):
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "a b/c+d"})
    try:
        return urllib.request.urlopen(url).read()
    except urllib.error.HTTPError as e:
        return re.search("<Code>(.*)</Code>", e.read().decode()).group(1)
def outcome(name, key, secret):
    c = lambda s: boto3.client(s, aws_access_key_id=key, aws_secret_access_key=secret, endpoint_url=os.environ["ENDPOINT"],
        region_name="eu-central-1", config=Config(retries={"max_attempts": 0}, signature_version="s3v4" if s == "s3" else None))
    print(name + ":", code(lambda: c("sts").get_caller_identity()["Arn"]), code(lambda: len(c("logs").describe_log_groups()["logGroups"])),
        code(lambda: len(c("lambda").list_functions()["Functions"])),
        code(lambda: c("s3").put_object(Bucket="b", Key="a b/c+d=e//f", Body=io.BytesIO(b"x" * 100000))),
        code(lambda: c("s3").list_objects_v2(Bucket="b", Prefix="ä/", Delimiter="/")), presigned(c("s3")))
key, secret = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
outcome("right", key, secret)
outcome("wrong secret", key, secret[:-1] + "!")
outcome("unknown key", "AKIAIOSFODNN7EXAMPLE", secret)
`)
	if exit != 0 || stdout != clientOutcome {
		t.Errorf("exit %d\n%s%swant\n%s", exit, stdout, stderr, clientOutcome)
	}
}

func TestJavaScriptSDKWithRealSecrets(t *testing.T) {
	s := harness.StartEnforced(t)
	stdout, stderr, exit := s.JavaScript(t, `
const { STSClient, GetCallerIdentityCommand } = require("@aws-sdk/client-sts");
const { CloudWatchLogsClient, DescribeLogGroupsCommand } = require("@aws-sdk/client-cloudwatch-logs");
const { LambdaClient, ListFunctionsCommand } = require("@aws-sdk/client-lambda");
const { S3Client, PutObjectCommand, ListObjectsV2Command, GetObjectCommand } = require("@aws-sdk/client-s3");
const { getSignedUrl } = require("@aws-sdk/s3-request-presigner");
const code = async (f) => { try { return await f(); } catch (e) { return e.Code ?? e.name; } };
const outcome = async (name, accessKeyId, secretAccessKey) => {
  const o = { region: "eu-central-1", endpoint: process.env.ENDPOINT, maxAttempts: 1, credentials: { accessKeyId, secretAccessKey } };
  const s3 = new S3Client({ ...o, forcePathStyle: true });
  const presigned = async () => {
    const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket: "b", Key: "a b/c+d" }), { expiresIn: 60 });
    return /<Code>(.*)<\/Code>/.exec(await (await fetch(url)).text())[1];
  };
  console.log(name + ":", ...[
    await code(async () => (await new STSClient(o).send(new GetCallerIdentityCommand({}))).Arn),
    await code(async () => (await new CloudWatchLogsClient(o).send(new DescribeLogGroupsCommand({}))).logGroups.length),
    await code(async () => (await new LambdaClient(o).send(new ListFunctionsCommand({}))).Functions.length),
    await code(() => s3.send(new PutObjectCommand({ Bucket: "b", Key: "a b/c+d=e//f", Body: "x".repeat(100000) }))),
    await code(() => s3.send(new ListObjectsV2Command({ Bucket: "b", Prefix: "ä/", Delimiter: "/" }))),
    await presigned(),
  ]);
};
(async () => {
  const { AWS_ACCESS_KEY_ID: key, AWS_SECRET_ACCESS_KEY: secret } = process.env;
  await outcome("right", key, secret);
  await outcome("wrong secret", key, secret.slice(0, -1) + "!");
  await outcome("unknown key", "AKIAIOSFODNN7EXAMPLE", secret);
})();
`)
	if exit != 0 || stdout != clientOutcome {
		t.Errorf("exit %d\n%s%swant\n%s", exit, stdout, stderr, clientOutcome)
	}
}

// TestSignerOfTheGoSDK signs made-up requests with aws-sdk-go-v2 and verifies them as a server receives them.
func TestSignerOfTheGoSDK(t *testing.T) {
	const seed = 42
	random := rand.New(rand.NewPCG(seed, seed))
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	text := func() string {
		var b strings.Builder
		for range random.IntN(12) {
			b.WriteString(pick("a", "Z", "0", "-", "_", ".", "~", "/", "//", " ", "+", "=", "&", "%", "?", "#", "ä", "€", ":", ",", "*", "(", "'", "!", "$", "@", ";", "/../", "/./"))
		}
		return b.String()
	}
	now := time.Date(2026, 11, 25, 10, 15, 0, 0, time.UTC)
	var verifier sigv4.Verifier
	verified := 0
	for i := range 2000 {
		service := pick("s3", "lambda", "sts", "logs", "execute-api")
		u := url.URL{Scheme: "http", Host: "127.0.0.1:4566", Path: "/" + strings.TrimLeft(text(), "/")}
		q := url.Values{}
		for range random.IntN(3) {
			q.Add("k"+text(), text())
		}
		u.RawQuery = strings.ReplaceAll(q.Encode(), "+", pick("+", "%20"))
		content := pick("", "{}", text())
		r, err := http.NewRequestWithContext(t.Context(), pick("GET", "POST", "PUT", "DELETE"), u.String(), strings.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Meta", "a  b   "+pick("", " ", "c d"))
		sum := sigv4.SumHex([]byte(content))
		creds := aws.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "se/cr+et", SessionToken: pick("", "tok/en+==")}
		signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" })
		presign := random.IntN(3) == 0
		if service == "s3" && !presign {
			r.Header.Set("X-Amz-Content-Sha256", sum)
		}
		if presign {
			if service == "s3" {
				sum = sigv4.UnsignedPayload
			}
			signed, header, err := signer.PresignHTTP(t.Context(), creds, r, sum, service, "eu-central-1", now)
			if err != nil {
				t.Fatal(err)
			}
			if service == "s3" { // AWS wants a life there; the signer leaves it to its caller
				continue
			}
			if r, err = http.NewRequestWithContext(t.Context(), r.Method, signed, strings.NewReader(content)); err != nil {
				t.Fatal(err)
			}
			r.Header = header
			r.Header.Del("Host")
		} else if err := signer.SignHTTP(t.Context(), creds, r, sum, service, "eu-central-1", now); err != nil {
			t.Fatal(err)
		}
		got := received(t, r, content)
		sig, err := sigv4.Parse(got)
		if err != nil {
			t.Fatalf("request %d %s %s: %v", i, r.Method, r.URL, err)
		}
		for _, c := range []struct {
			secret string
			right  bool
		}{{creds.SecretAccessKey, true}, {creds.SecretAccessKey + "x", false}} {
			b, err := verifier.Begin(received(t, r, content), sig, c.secret, now)
			if err == nil {
				_, err = io.Copy(io.Discard, b)
			}
			if (err == nil) != c.right {
				t.Errorf("request %d %s %s %s, presigned %v: %v", i, service, r.Method, r.URL.RequestURI(), presign, err)
			}
		}
		verified++
	}
	if verified < 1500 {
		t.Errorf("only %d requests were compared", verified)
	}
}

// received is r as a server reads it from the wire.
func received(t *testing.T, r *http.Request, content string) *http.Request {
	t.Helper()
	got := httptest.NewRequestWithContext(t.Context(), r.Method, r.URL.RequestURI(), strings.NewReader(content))
	got.Host = r.URL.Host
	for name, values := range r.Header {
		for _, v := range values {
			got.Header.Add(name, v)
		}
	}
	return got
}

// TestSigningLikeTheGoSDK signs and presigns with both signers: the results are the same.
func TestSigningLikeTheGoSDK(t *testing.T) {
	now := time.Date(2026, 11, 25, 10, 15, 0, 0, time.UTC)
	keys := sigv4.Keys{AccessKeyID: "AKIATEST", SecretAccessKey: "secret", SessionToken: "token"}
	creds := aws.Credentials{AccessKeyID: keys.AccessKeyID, SecretAccessKey: keys.SecretAccessKey, SessionToken: keys.SessionToken}
	request := func() *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:4566/a%20b/c?x=1&a=%2F", nil)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, service := range []string{"s3", "lambda"} {
		signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" })
		ours, theirs := request(), request()
		sigv4.Sign(ours, keys, "eu-central-1", service, sigv4.EmptySHA256, now)
		if service == "s3" {
			theirs.Header.Set("X-Amz-Content-Sha256", sigv4.EmptySHA256)
		}
		if err := signer.SignHTTP(t.Context(), creds, theirs, sigv4.EmptySHA256, service, "eu-central-1", now); err != nil {
			t.Fatal(err)
		}
		if a, b := ours.Header.Get("Authorization"), theirs.Header.Get("Authorization"); a != b {
			t.Errorf("%s:\n ours %s\ntheirs %s", service, a, b)
		}
		ours, theirs = request(), request()
		sigv4.Presign(ours, keys, "eu-central-1", service, sigv4.UnsignedPayload, time.Minute, now)
		theirs.URL.RawQuery += "&X-Amz-Expires=60"
		signed, _, err := signer.PresignHTTP(t.Context(), creds, theirs, sigv4.UnsignedPayload, service, "eu-central-1", now)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := sorted(t, ours.URL.String()), sorted(t, signed); a != b {
			t.Errorf("%s:\n ours %s\ntheirs %s", service, a, b)
		}
	}
}

// TestEventSignerOfTheGoSDK verifies frames that aws-sdk-go-v2 signed, over a change of the day.
func TestEventSignerOfTheGoSDK(t *testing.T) {
	now := time.Date(2026, 11, 25, 23, 59, 59, 0, time.UTC)
	keys := sigv4.Keys{AccessKeyID: "AKIATEST", SecretAccessKey: "secret"}
	request := func() (*http.Request, *sigv4.Signature) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/stream", nil)
		sigv4.Sign(r, keys, "eu-west-1", "transcribe", sigv4.StreamingEvents, now)
		sig, err := sigv4.Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		return r, sig
	}
	_, sig := request()
	seed, err := hex.DecodeString(sig.Hex)
	if err != nil {
		t.Fatal(err)
	}
	signer := v4.NewStreamSigner(aws.Credentials{AccessKeyID: keys.AccessKeyID, SecretAccessKey: keys.SecretAccessKey}, "transcribe", "eu-west-1", seed)
	var frames [][]byte
	for i, payload := range []string{"first", strings.Repeat("second", 20_000), "third", ""} {
		at := now.Add(time.Duration(i) * 700 * time.Millisecond)
		date := binary.BigEndian.AppendUint64([]byte("\x05:date\x08"), uint64(at.UnixMilli()))
		signature, err := signer.GetSignature(t.Context(), date, []byte(payload), at)
		if err != nil {
			t.Fatal(err)
		}
		headers := append(append(date, "\x10:chunk-signature\x06\x00\x20"...), signature...)
		b := binary.BigEndian.AppendUint32(nil, uint32(16+len(headers)+len(payload)))
		b = binary.BigEndian.AppendUint32(b, uint32(len(headers)))
		b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
		b = append(append(b, headers...), payload...)
		frames = append(frames, binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b)))
	}
	verify := func(secret string, frames ...[]byte) (string, error) {
		r, sig := request()
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(bytes.Join(frames, nil))), -1
		var v sigv4.Verifier
		b, err := v.Begin(r, sig, secret, now)
		if err != nil {
			return "", err
		}
		got, err := io.ReadAll(b)
		return string(got), err
	}
	if got, err := verify("secret", frames...); err != nil || got != "first"+strings.Repeat("second", 20_000)+"third" {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	for name, c := range map[string]struct {
		frames [][]byte
		want   string
	}{
		"one left out": {[][]byte{frames[0], frames[2], frames[3]}, "first"},
		"two swapped":  {[][]byte{frames[1], frames[0], frames[2], frames[3]}, ""},
		"one again":    {[][]byte{frames[0], frames[0]}, "first"},
		"no end":       {frames[:1], "first"},
		"only the end": {frames[3:], ""},
	} {
		if got, err := verify("secret", c.frames...); err == nil || got != c.want {
			t.Errorf("%s: %q, %v, want %q and an error", name, got, err, c.want)
		}
	}
	if got, err := verify("other", frames...); err == nil || got != "" {
		t.Errorf("another secret: %d bytes, %v", len(got), err)
	}
}

func sorted(t *testing.T, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(u.Query())
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s %s", u.EscapedPath(), b)
}
