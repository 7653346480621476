// SPDX-License-Identifier: Apache-2.0

package lambda

import (
	"errors"
	"fmt"
	"time"

	"github.com/gustcloud/gust/internal/base/arn"
	"github.com/gustcloud/gust/internal/base/reqctx"
	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/blob"
)

// Quotas. Source: "Lambda quotas", AWS Lambda Developer Guide, read 2026-11, unless said otherwise.
const (
	maxZip            = 50 << 20  // bytes of a directly uploaded package
	maxUploadBody     = 70167211  // bytes of the request that carries one; from public reports of the error's text
	maxPayload        = 6_291_556 // bytes of a synchronous request or response: 6 MiB and 100
	maxEnvironment    = 4 << 10   // bytes of all variables as JSON
	maxClientContext  = 3583      // bytes, decoded
	maxTags           = 50
	maxName           = 64        // characters
	totalCodeSize     = 75 << 30  // bytes of all packages of an account in a region
	maxUnzipped       = 262144000 // bytes
	accountExecutions = 1000      // concurrent executions of an account in a region

	defaultTimeout   = 3   // seconds
	defaultMemory    = 128 // MB
	defaultEphemeral = 512 // MB

	latest = "$LATEST"
)

// function is the record of a function at its name key. Encoding: JSON, version 1.
type function struct {
	ID      uint64 // never reused
	Name    string
	Tags    map[string]string `json:",omitempty"`
	Created time.Time

	Deployed *revision `json:",omitempty"` // what invocations run; nil until the first activation
	Next     *revision `json:",omitempty"` // what is being activated, or could not be

	State           string
	StateReason     string `json:",omitempty"`
	StateReasonCode string `json:",omitempty"`
	UpdateStatus    string `json:",omitempty"`
	UpdateReason    string `json:",omitempty"`
	UpdateCode      string `json:",omitempty"`
}

// revision is one state of a function's code and configuration.
type revision struct {
	ID           string // RevisionId
	Modified     time.Time
	Runtime      string
	Handler      string
	Role         string
	Description  string
	Timeout      int32             // seconds
	Memory       int32             // MB
	Ephemeral    int32             // MB
	Environment  map[string]string `json:",omitempty"`
	Code         blob.Ref          // the zip
	Architecture string
	LogGroup     string `json:",omitempty"` // "" for /aws/lambda/NAME
	Tracing      string `json:",omitempty"` // stored, no effect
	KMSKeyARN    string `json:",omitempty"` // stored, no effect
	DeadLetter   string `json:",omitempty"` // stored, no effect
}

// shown is the revision that reads of the configuration answer: AWS shows an update at once.
func (f *function) shown() *revision {
	if f.Next != nil {
		return f.Next
	}
	return f.Deployed
}

// logGroup is where the function's output goes.
func (f *function) logGroup(r *revision) string {
	if r.LogGroup != "" {
		return r.LogGroup
	}
	return "/aws/lambda/" + f.Name
}

//nolint:gochecknoglobals // a codec without state
var functions = store.Record[function]{Name: "lambda function", Version: 1}

// put writes a function's record. Each member and tag can be within its own limit and all of them over that of the store;
// the text is unverified.
func put(tx store.Tx, key []byte, f *function) error {
	err := functions.Put(tx, key, *f)
	if errors.Is(err, store.ErrTooLarge) {
		return invalid("The configuration and the tags of the function " + f.Name + " are too large together.")
	}
	return err
}

const service, kindFunction = "lambda", "function"

func functionKey(s reqctx.Scope, name string) []byte {
	return store.NameKey(s.Account, s.Region, service, kindFunction, name)
}

func functionRange(s reqctx.Scope) store.Range {
	return store.NameRange(s.Account, s.Region, service, kindFunction)
}

func functionARN(s reqctx.Scope, name string) string {
	return arn.Make(service, s.Region, s.Account, "function:"+name)
}

// waitingPrefix starts the index of the revisions that wait for their activation. No function has the id 0.
func waitingPrefix() []byte { return store.ResourceKey(store.PrefixLambda, 0, 'w') }

// waitingKey -> the id of the revision that waits.
func waitingKey(s reqctx.Scope, name string) []byte {
	k := waitingPrefix()
	for _, part := range []string{s.Account, s.Region, name} {
		k = store.AppendString(k, part)
	}
	return k
}

// parseWaiting reads an entry of the index.
func parseWaiting(key, value []byte) (deployment, error) {
	rest := key[len(waitingPrefix()):]
	var part [3]string
	for i := range part {
		var err error
		if part[i], rest, err = store.CutString(rest); err != nil {
			return deployment{}, fmt.Errorf("waiting revision: %w", err)
		}
	}
	return deployment{scope: reqctx.Scope{Account: part[0], Region: part[1]}, name: part[2], revision: string(value)}, nil
}
