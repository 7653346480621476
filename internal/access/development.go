// SPDX-License-Identifier: Apache-2.0

package access

import (
	"errors"
	"net/http"
	"time"

	"github.com/gustcloud/gust/internal/access/sigv4"
)

// Identity is what a request says and proves about its sender.
type Identity struct {
	Principal
	AccessKeyID string // "" when the request was not signed
	Region      string
	Service     string // signing name of the credential scope, "" when the request was not signed
	Verified    bool   // the signature proves all this
}

// Anonymous is who sends an unsigned request to an operation that wants no signature.
func Anonymous() Identity {
	return Identity{Principal: Principal{Account: DefaultAccount}, Region: DefaultRegion}
}

// Development authenticates requests for development: no signature is verified, every access key is accepted. A key of
// 12 digits is the account, otherwise it is DefaultAccount. Only the session tokens that Gust issued are checked: they
// decide which role a caller is.
type Development struct{ Sessions *Sessions }

// maxRegion bounds the names that become part of keys, ARNs and log lines; those of AWS have at most 16 characters.
const maxRegion = 64

// isRegion takes any name of the form of AWS's regions, in either case and with underscores: emulators are used with
// names of their own.
func isRegion(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && c != '-' && c != '_' {
			return false
		}
	}
	return len(s) <= maxRegion
}

// Parse reads a request's signature without judging it; nil for an unsigned request. Routing needs its scope before the
// request is authenticated. The error is an *Error.
func Parse(r *http.Request) (*sigv4.Signature, error) { return sigv4.Parse(r) }

// Authenticate returns who sent r, whose signature is sig (nil: unsigned). The reader, when it is not nil, takes the place
// of r.Body: it takes off the framing of a chunked body. The error is an *Error.
func (d Development) Authenticate(r *http.Request, sig *sigv4.Signature, now time.Time) (Identity, *sigv4.Body, error) {
	if sig == nil {
		return Identity{Principal: Root(DefaultAccount), Region: DefaultRegion}, nil, nil
	}
	id, err := scopeOf(sig)
	if err != nil {
		return Identity{}, nil, err
	}
	if id.Principal, err = d.principal(sig, now); err != nil {
		return Identity{}, nil, err
	}
	body, err := sigv4.Decode(r, sig)
	return id, body, err
}

func (d Development) principal(sig *sigv4.Signature, now time.Time) (Principal, error) {
	if sig.Token != "" {
		p, err := d.Sessions.Resolve(sig.AccessKeyID, sig.Token, now)
		if !errors.Is(err, errForeign) { // a foreign token is a developer's own AWS session: any access key is accepted
			return p, err
		}
	}
	if isAccount(sig.AccessKeyID) {
		return Root(sig.AccessKeyID), nil
	}
	return Root(DefaultAccount), nil
}

// scopeOf is what a credential scope says of a request.
func scopeOf(sig *sigv4.Signature) (Identity, error) {
	id := Identity{AccessKeyID: sig.AccessKeyID, Region: sig.Scope.Region, Service: sig.Scope.Service}
	switch {
	case id.Region == "" || id.Region == "aws-global":
		id.Region = DefaultRegion
	case !isRegion(id.Region): // source: the tests of dynalite, recorded from DynamoDB
		return Identity{}, &Error{
			Code: "InvalidSignatureException", Message: "Credential should be scoped to a valid region, not '" + id.Region + "'. ",
		}
	}
	return id, nil
}
