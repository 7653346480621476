// SPDX-License-Identifier: Apache-2.0

package frontdoor

import (
	"net/http"
	"strings"

	"github.com/gustcloud/gust/internal/base/vhost"
	"github.com/gustcloud/gust/internal/wire"
)

// This file holds what routing must know of S3 beyond its model.

// bucketOf returns the bucket that the host name stands for, "" when the path begins with it. Clients put the bucket before
// whatever endpoint they were given (bucket.localhost, bucket.gust.example.com), so with a signature for S3 every name
// below a base domain is a bucket; without one only a name that is not a service's.
func (t *table) bucketOf(h *head) string {
	switch n := h.host; n.Kind {
	case vhost.Bucket:
		return n.ID
	case vhost.Endpoint:
		if n.ID == "s3" || n.ID == s3Control || h.path == objectLambdaPath || h.sig == nil && t.endpoint(n) != nil {
			return ""
		}
		return n.Sub
	default:
		return ""
	}
}

const s3Control = "s3-control"

// isS3Control tells whether a request signed for S3 is one of the S3 control API, which signs with the same name.
func isS3Control(h *head) bool {
	return h.host.Kind == vhost.Endpoint && h.host.ID == s3Control || strings.HasPrefix(h.path, "/v20180820/")
}

// s3Control sends a request to the S3 control API. It speaks XML, whether Gust has it or not.
func (t *table) s3Control(tg *target) {
	tg.name, tg.shape = "s3control", wire.ProtocolRESTXML
	tg.service = t.byID[tg.name]
}

// objectLambdaPath is the path of WriteGetObjectResponse, the only operation of S3 whose host name begins with something
// else than a bucket: a route that only this request has.
const objectLambdaPath = "/WriteGetObjectResponse"

// s3Operation tells operations of S3 apart that have the same method and URI in the model: name is one of them. What
// decides are parameters and headers that the operation requires, and for directory buckets the host. "PostObject" is the
// upload of an HTML form, which no model has. path begins with the bucket.
func s3Operation(name, path string, h *head) string {
	has := func(key string) bool { _, ok := queryParam(h.query, key); return ok }
	switch name {
	case "PutObject", "CopyObject", "UploadPart", "UploadPartCopy":
		copied := h.r.Header.Get("X-Amz-Copy-Source") != ""
		switch part := has("uploadId") && has("partNumber"); {
		case part && copied:
			return "UploadPartCopy"
		case part:
			return "UploadPart"
		case copied:
			return "CopyObject"
		}
		return "PutObject"
	case "GetObject", "ListParts":
		return pick(has("uploadId"), "ListParts", "GetObject")
	case "DeleteObject", "AbortMultipartUpload":
		return pick(has("uploadId"), "AbortMultipartUpload", "DeleteObject")
	case "ListBuckets", "ListDirectoryBuckets":
		id, _ := queryParam(h.query, "x-id")
		return pick(id == "ListDirectoryBuckets" || strings.HasPrefix(h.host.Sub, "s3express-control"),
			"ListDirectoryBuckets", "ListBuckets")
	case "GetBucketAnalyticsConfiguration", "ListBucketAnalyticsConfigurations":
		return pick(has("id"), "GetBucketAnalyticsConfiguration", "ListBucketAnalyticsConfigurations")
	case "GetBucketIntelligentTieringConfiguration", "ListBucketIntelligentTieringConfigurations":
		return pick(has("id"), "GetBucketIntelligentTieringConfiguration", "ListBucketIntelligentTieringConfigurations")
	case "GetBucketInventoryConfiguration", "ListBucketInventoryConfigurations":
		return pick(has("id"), "GetBucketInventoryConfiguration", "ListBucketInventoryConfigurations")
	case "GetBucketMetricsConfiguration", "ListBucketMetricsConfigurations":
		return pick(has("id"), "GetBucketMetricsConfiguration", "ListBucketMetricsConfigurations")
	case "GetBucketLifecycle", "PutBucketLifecycle", "GetBucketNotification", "PutBucketNotification":
		return name + "Configuration" // the model keeps both; the longer name replaced the other
	case "":
		if bucket := trimSlashes(path); h.r.Method == http.MethodPost && isMultipart(h.r) && bucket != "" && strings.IndexByte(bucket, '/') < 0 {
			return postObject
		}
	}
	return name
}

const postObject = "PostObject"

func isMultipart(r *http.Request) bool {
	return len(r.Header.Get("Content-Type")) >= 20 && strings.EqualFold(r.Header.Get("Content-Type")[:20], "multipart/form-data;")
}

func pick(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}
