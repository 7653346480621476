// SPDX-License-Identifier: Apache-2.0

package access

import (
	"crypto/hmac"
	"encoding/hex"
	"net/url"
	"strconv"
	"time"
)

// linkLife is how long a link is good for, as that of AWS.
// Source: "GetFunction", AWS Lambda API reference, read 2026-11.
const linkLife = 10 * time.Minute

// Link is a right to fetch one deployment package without credentials, for ten minutes. It names its content, so it shows
// nothing that was not there when it was made.
type Link struct {
	Account string
	Digest  string // SHA-256 of the package, hexadecimal
	Size    int64  // bytes
}

// Sign returns the query of the link's URL.
func (s *Sessions) Sign(l Link, now time.Time) url.Values {
	expires := strconv.FormatInt(now.Add(linkLife).Unix(), 10)
	return url.Values{
		"expires": {expires}, "size": {strconv.FormatInt(l.Size, 10)}, "signature": {hex.EncodeToString(s.linkMAC(l, expires))},
	}
}

// CheckLink tells whether Sign made the query of a link, not longer than its life ago, and fills in the link's Size.
func (s *Sessions) CheckLink(l *Link, query url.Values, now time.Time) bool {
	expires := query.Get("expires")
	end, err := strconv.ParseInt(expires, 10, 64)
	size, err2 := strconv.ParseInt(query.Get("size"), 10, 64)
	given, err3 := hex.DecodeString(query.Get("signature"))
	if err != nil || err2 != nil || err3 != nil {
		return false
	}
	l.Size = size
	return hmac.Equal(given, s.linkMAC(*l, expires)) && now.Unix() < end
}

// linkMAC covers everything of a link. No part can hold the separators: the last two are numbers, and an account or digest
// with one was never signed.
func (s *Sessions) linkMAC(l Link, expires string) []byte {
	return s.mac("code", "", l.Account+"\n"+l.Digest+"\n"+strconv.FormatInt(l.Size, 10)+"\n"+expires)
}
