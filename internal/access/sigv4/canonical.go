// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// pathForm is how a client wrote the path into the canonical request; clients differ.
type pathForm int

const (
	pathAsSent     pathForm = iota // S3: the escaped path of the request line
	pathReencoded                  // S3, when the client left characters raw that it signed encoded
	pathTwice                      // all others: the escaped path, escaped once more
	pathNormalized                 // all others, with "." and ".." resolved first, as botocore does
)

// canonicalRequest is the text that a signature covers.
func canonicalRequest(r *http.Request, signed, payload string, form pathForm) []byte {
	b := make([]byte, 0, 512)
	b = append(b, r.Method...)
	b = append(b, '\n')
	b = append(b, canonicalPath(r.URL.EscapedPath(), form)...)
	b = append(b, '\n')
	b = appendQuery(b, r.URL.RawQuery)
	b = append(b, '\n')
	for name := range strings.SplitSeq(signed, ";") {
		b = append(b, name...)
		b = append(b, ':')
		b = appendHeader(b, r, strings.ToLower(name))
		b = append(b, '\n')
	}
	b = append(b, '\n')
	b = append(b, signed...)
	b = append(b, '\n')
	return append(b, payload...)
}

func canonicalPath(escaped string, form pathForm) string {
	if escaped == "" {
		return "/"
	}
	switch form {
	case pathReencoded:
		plain, err := url.PathUnescape(escaped)
		if err != nil {
			return escaped
		}
		return escape(plain, true)
	case pathTwice:
		return escape(escaped, true)
	case pathNormalized:
		return escape(removeDotSegments(escaped), true)
	default:
		return escaped
	}
}

// removeDotSegments resolves "." and ".." and drops empty segments; a final slash stays.
func removeDotSegments(p string) string {
	var out []string
	for seg := range strings.SplitSeq(p, "/") {
		switch seg {
		case "", ".":
		case "..":
			out = out[:max(0, len(out)-1)]
		default:
			out = append(out, seg)
		}
	}
	if len(out) == 0 {
		return "/"
	}
	res := "/" + strings.Join(out, "/")
	if strings.HasSuffix(p, "/") {
		res += "/"
	}
	return res
}

// appendQuery sorts the parameters by encoded name, then value, and leaves the signature out.
func appendQuery(b []byte, raw string) []byte {
	if raw == "" {
		return b
	}
	type param struct{ name, value string }
	var params []param
	for part := range strings.SplitSeq(raw, "&") {
		k, v, _ := strings.Cut(part, "=")
		if part == "" || paramName(k) == "X-Amz-Signature" {
			continue
		}
		params = append(params, param{reencodeQuery(k), reencodeQuery(v)})
	}
	slices.SortFunc(params, func(x, y param) int {
		if c := strings.Compare(x.name, y.name); c != 0 {
			return c
		}
		return strings.Compare(x.value, y.value)
	})
	for i, p := range params {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(b, p.name...)
		b = append(b, '=')
		b = append(b, p.value...)
	}
	return b
}

func reencodeQuery(s string) string {
	plain, err := url.QueryUnescape(s)
	if err != nil {
		return s
	}
	return escape(plain, false)
}

// appendHeader writes the values of the header that name, in lower case, stands for: trimmed, with runs of spaces as one. Host and Content-Length are taken from
// the request: net/http keeps them outside the headers.
func appendHeader(b []byte, r *http.Request, name string) []byte {
	switch name {
	case "host":
		return append(b, r.Host...)
	case "content-length":
		return strconv.AppendInt(b, max(0, r.ContentLength), 10)
	}
	for i, v := range r.Header[http.CanonicalHeaderKey(name)] {
		if i > 0 {
			b = append(b, ',')
		}
		v = strings.TrimSpace(v)
		for strings.Contains(v, "  ") {
			v = strings.ReplaceAll(v, "  ", " ")
		}
		b = append(b, v...)
	}
	return b
}

const upperHex = "0123456789ABCDEF"

// escape is percent-encoding as AWS defines it: everything except unreserved characters, and the slash of paths.
func escape(s string, path bool) string {
	i := 0
	for i < len(s) && (unreserved(s[i]) || path && s[i] == '/') {
		i++
	}
	if i == len(s) {
		return s
	}
	b := make([]byte, 0, len(s)+16)
	b = append(b, s[:i]...)
	for ; i < len(s); i++ {
		c := s[i]
		if unreserved(c) || path && c == '/' {
			b = append(b, c)
			continue
		}
		b = append(b, '%', upperHex[c>>4], upperHex[c&15])
	}
	return string(b)
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '_' || c == '.' || c == '~'
}
