# SPDX-License-Identifier: Apache-2.0
"""Writes vectors.json: requests signed by botocore's own signers, for sigv4_test.go.

Run by hand from this folder: python3 make_vectors.py. Needs botocore; the tests need only the JSON.
"""
import datetime, hashlib, json
import botocore, botocore.auth, botocore.awsrequest, botocore.credentials

NOW = datetime.datetime(2026, 11, 25, 10, 15, 0, tzinfo=datetime.timezone.utc)
botocore.auth.get_current_datetime = lambda *a, **k: NOW.replace(tzinfo=None)

LONG = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", None)
TEMP = ("ASIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "token/+==with special&chars")
CASES = [
    # name, signer, keys, service, region, method, url, headers, body
    ("query form", "v4", LONG, "sts", "us-east-1", "POST", "http://127.0.0.1:4566/",
     {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}, b"Action=GetCallerIdentity&Version=2011-06-15"),
    ("json with target", "v4", LONG, "logs", "eu-central-1", "POST", "http://localhost:4566/",
     {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "Logs_20140328.DescribeLogGroups"}, b"{}"),
    ("temporary", "v4", TEMP, "lambda", "us-west-2", "POST",
     "http://127.0.0.1:4566/2015-03-31/functions/f/invocations", {"X-Amz-Invocation-Type": "DryRun"}, b'{"a":1}'),
    ("encoded path", "v4", LONG, "lambda", "us-east-1", "GET",
     "http://127.0.0.1:4566/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af", {}, b""),
    ("dots and slashes in the path", "v4", LONG, "execute-api", "us-east-1", "GET",
     "http://127.0.0.1:4566/prod//a/./b/../c/", {}, b""),
    ("query order, spaces, empty values", "v4", LONG, "lambda", "us-east-1", "GET",
     "http://127.0.0.1:4566/2015-03-31/functions?b=2&a=1&a=0&c=x%20y&d=%C3%A9&e=&Z=%2F", {}, b""),
    ("header with inner spaces", "v4", LONG, "lambda", "us-east-1", "GET",
     "http://127.0.0.1:4566/x", {"X-Amz-Meta": "  a   b  "}, b""),
    ("s3 put", "s3v4", LONG, "s3", "us-east-1", "PUT", "http://127.0.0.1:4566/bucket/a%20b//c%2Bd",
     {"Content-Type": "text/plain"}, b"hello"),
    ("presigned", "v4-query", LONG, "sts", "us-east-1", "GET",
     "http://127.0.0.1:4566/?Action=GetCallerIdentity&Version=2011-06-15", {}, b""),
    ("presigned, temporary", "v4-query", TEMP, "sts", "us-east-1", "GET",
     "http://127.0.0.1:4566/?Action=GetCallerIdentity&Version=2011-06-15", {}, b""),
    ("s3 presigned", "s3v4-query", LONG, "s3", "us-east-1", "GET", "http://127.0.0.1:4566/bucket/k%20%7E", {}, b""),
]
SIGNERS = {"v4": botocore.auth.SigV4Auth, "s3v4": botocore.auth.S3SigV4Auth,
           "v4-query": botocore.auth.SigV4QueryAuth, "s3v4-query": botocore.auth.S3SigV4QueryAuth}

out = []
for name, signer, keys, service, region, method, url, headers, body in CASES:
    req = botocore.awsrequest.AWSRequest(method=method, url=url, data=body, headers=headers)
    req.context["signing"] = {}
    SIGNERS[signer](botocore.credentials.Credentials(*keys), service, region).add_auth(req)
    out.append({"name": name, "method": method, "url": req.url, "headers": dict(req.headers.items()),
                "body": body.decode(), "access_key_id": keys[0], "secret": keys[1], "token": keys[2] or "",
                "service": service, "region": region})
with open("vectors.json", "w") as f:
    json.dump({"source": "botocore " + botocore.__version__, "now": NOW.strftime("%Y%m%dT%H%M%SZ"), "cases": out}, f,
              indent=1, sort_keys=True)
    f.write("\n")
