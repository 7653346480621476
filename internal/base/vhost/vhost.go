// SPDX-License-Identifier: Apache-2.0

// Package vhost reads what the host name of a request stands for: a bucket, an API, a function URL, a service, or nothing
// in particular. Name is the one form in which the doors hand that on.
//
// It looks at names only: whether the bucket or the API exists is its owner's business, and what a path says is the front
// door's. Read Name and Kind, then Table.Parse.
package vhost

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Kind is what a name stands for.
type Kind uint8

// The kinds. What comes after Bucket is a customer's own traffic: none of it is an AWS API call, and each kind is served
// by a door of its own.
const (
	Plain        Kind = iota // an address or a base domain: the API of all services
	Endpoint                 // some name below a base domain: the API, of the service ID when there is one of that name
	Bucket                   // S3 in virtual-host style; ID is the bucket
	AccessPoint              // an S3 access point or a multi-region, object lambda or Outposts one; ID as in the name
	ExecuteAPI               // a deployed API of API Gateway; ID is the API, "" when only the signature says so
	FunctionURL              // ID is the URL's id
	Website                  // the website of bucket ID
	Distribution             // CloudFront distribution ID, as in its domain name
	Balancer                 // ID is the load balancer's name with its suffix
	Registry                 // the container registry of Account
	Issuer                   // the public keys of Cognito user pool ID
	SignIn                   // the sign-in pages of the user pool with domain prefix ID
	Custom                   // a name that a customer brought along; ID is the name
)

// door names, for people, what serves each kind of customers' traffic.
var door = [...]string{
	AccessPoint: "S3 access points", ExecuteAPI: "deployed APIs of API Gateway", FunctionURL: "function URLs",
	Website: "S3 websites", Distribution: "CloudFront distributions", Balancer: "load balancers",
	Registry: "the container registry", Issuer: "the public keys of user pools", SignIn: "the sign-in pages of user pools",
	Custom: "custom domain names",
}

// Ingress tells whether names of the kind are a customer's own traffic, and what serves it: "function URLs".
func (k Kind) Ingress() (name string, ok bool) {
	if int(k) >= len(door) {
		return "", false
	}
	return door[k], door[k] != ""
}

// Name is a request's destination as its host name tells it, or a path that stands for such a name
// (/_aws/execute-api/ID/STAGE/...). Its strings alias the request's.
type Name struct {
	Kind    Kind
	ID      string // see Kind
	Region  string // "" when the name has none
	Account string // Registry, and the endpoints that begin with an account; else ""
	Sub     string // what stands before the base domain; "" for Plain
	Path    string // the escaped path that the door should see, where the request's own begins with something else; else ""
	Stage   string // ExecuteAPI by path: the stage; else ""
}

// Table knows the base domains of a server. The zero value has the built-in ones.
type Table struct {
	domains []string // configured, lower case, the longest first
	// Custom resolves names that customers registered (custom domain names, alternate domain names). It is asked first, for
	// every name that is no address; nil for none.
	Custom func(host string) (Name, bool)
}

// New returns the table of a server that answers to domains too, with all their sub-names.
func New(domains ...string) *Table {
	t := &Table{}
	for _, d := range domains {
		t.domains = append(t.domains, strings.ToLower(strings.TrimSuffix(d, ".")))
	}
	slices.SortFunc(t.domains, func(a, b string) int { return len(b) - len(a) })
	return t
}

// builtin are the base domains that always are ours. keep is how many bytes of the domain belong to the name below it:
// in d111.cloudfront.net the word "cloudfront" tells what d111 is.
//
// AWS's own domains are for clients whose resolver or proxy sends them here. They are safe to accept: a web page could
// call this server through a name only if the name's owner pointed it at us, and in these zones that is AWS.
var builtin = [...]struct {
	domain string
	keep   int
}{
	{"localhost.localstack.cloud", 0}, // resolves to 127.0.0.1 with all sub-names; tools written for LocalStack use it
	{"localhost", 0},
	{"gust.internal", 0}, // inside sandboxes
	{"amazonaws.com.cn", 0},
	{"amazonaws.com", 0},
	{"api.aws", 0}, // endpoints that are reachable over IPv6 too
	{"on.aws", 0},  // function URLs
	{"cloudfront.net", len("cloudfront")},
	{"amazoncognito.com", 0},
}

// Parse reads the value of a Host header. ok is false for a name that is not ours: whoever sent it may be a web page whose
// owner points its name at us, so that browsers let it read our answers.
func (t *Table) Parse(hostport string) (n Name, ok bool) {
	host := Hostname(hostport)
	if host == "" {
		return Name{}, false
	}
	if c := host[0]; c >= '0' && c <= '9' || strings.IndexByte(host, ':') >= 0 {
		if _, err := netip.ParseAddr(host); err == nil {
			return Name{}, true
		}
	}
	if !isName(host) {
		return Name{}, false
	}
	if t.isGlued(host) {
		return Name{}, true
	}
	if t != nil {
		if t.Custom != nil {
			if n, ok := t.Custom(host); ok {
				return n, true
			}
		}
		for _, d := range t.domains {
			if sub, ok := below(host, d); ok {
				return classify(sub), true
			}
		}
	}
	for _, b := range builtin {
		if sub, ok := below(host, b.domain); ok {
			if b.keep > 0 {
				sub = host[:min(len(host), len(sub)+1+b.keep)]
				if len(host) == len(b.domain) {
					sub = ""
				}
			}
			return classify(sub), true
		}
	}
	return Name{}, false
}

// hostPrefixes are what clients put before the host of whatever endpoint they were given, for single operations: the
// "hostPrefix" traits of the models that Gust has.
var hostPrefixes = [...]string{"sync-", "stream-", "data-"}

// isGlued tells whether host is an address or a name of one label with such a prefix: "sync-localhost",
// "stream-127.0.0.1". No public name has these forms. For longer domains only sub-names are ours: sync-example.com may be
// somebody else's.
func (t *Table) isGlued(host string) bool {
	for _, prefix := range hostPrefixes {
		rest, ok := strings.CutPrefix(host, prefix)
		if !ok {
			continue
		}
		_, err := netip.ParseAddr(rest)
		return err == nil || rest == "localhost" || t != nil && strings.IndexByte(rest, '.') < 0 && slices.Contains(t.domains, rest)
	}
	return false
}

// below cuts domain off host: "a.b" and true for a.b.domain, "" and true for the domain itself.
func below(host, domain string) (sub string, ok bool) {
	sub, ok = strings.CutSuffix(host, domain)
	if !ok || sub == "" {
		return "", ok
	}
	return strings.CutSuffix(sub, ".")
}

// isName tells whether host has only the characters of host names, and the underscore of old buckets: a slash in a bucket's
// label would move the border between bucket and key.
func isName(host string) bool {
	for _, c := range []byte(host) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// Hostname is the lower-case name or address of a Host header, without port, brackets and final dot.
func Hostname(hostport string) string {
	host := hostport
	if strings.IndexByte(host, ':') >= 0 {
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
