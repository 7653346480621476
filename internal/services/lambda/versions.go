// SPDX-License-Identifier: Apache-2.0

package lambda

import (
	"context"
	"strings"
	"sync"

	api "github.com/gustcloud/gust/internal/awsapi/lambda"
	"github.com/gustcloud/gust/internal/base/reqctx"
	"github.com/gustcloud/gust/internal/invoke"
	"github.com/gustcloud/gust/internal/store"
)

// versionCache holds what invocations run, so that a synchronous invocation does not touch the store. A change of a
// function drops its entry when the change is durable; an entry that was read before the drop is not put in after it.
type versionCache struct {
	mu      sync.RWMutex
	entries map[versionKey]*invoke.Version
	changes uint64 // counts drops
}

type versionKey struct {
	reqctx.Scope
	name string
}

func (c *versionCache) get(k versionKey) (v *invoke.Version, changes uint64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.entries[k], c.changes
}

// put keeps v unless something was dropped since changes was read.
func (c *versionCache) put(k versionKey, v *invoke.Version, changes uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes != changes {
		return
	}
	if c.entries == nil {
		c.entries = map[versionKey]*invoke.Version{}
	}
	c.entries[k] = v
}

func (c *versionCache) drop(k versionKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	delete(c.entries, k)
}

// changed drops a function from the cache once the transaction is durable.
func (s *Service) changed(tx store.Tx, scope reqctx.Scope, name string) {
	tx.OnCommit(func() { s.versions.drop(versionKey{scope, name}) })
}

// resolve returns what an invocation of a function runs.
//
// Errors: ResourceNotFoundException, ResourceConflictException (not active). Source: texts recorded on AWS in public test suites.
func (s *Service) resolve(ctx context.Context, text string, qualifier *string) (*invoke.Version, reference, error) {
	scope := scopeOf(ctx)
	ref, err := parseReference(scope, text, qualifier)
	if err != nil {
		return nil, ref, err
	}
	key := versionKey{scope, ref.name}
	v, changes := s.versions.get(key)
	if v != nil && (ref.qualifier == "" || ref.qualifier == latest) {
		return v, ref, nil
	}
	f, found, err := s.find(ctx, scope, ref)
	if err != nil {
		return nil, ref, err
	}
	if !found { // unlike the other operations, Invoke names $LATEST: recorded on AWS in 2025
		return nil, ref, notFound("Function not found: " + functionARN(scope, ref.name) + ":" + orElse(ref.qualifier, latest))
	}
	if f.Deployed == nil {
		if f.State == api.StateFailed {
			return nil, ref, conflict("The operation cannot be performed at this time. The function is currently in the following state: Failed")
		}
		return nil, ref, conflict("The operation cannot be performed at this time. The function is currently in the following state: Pending")
	}
	v = s.version(scope, f, f.Deployed)
	s.versions.put(versionKey{v.Scope, v.Name}, v, changes) // not key, which aliases the request
	return v, ref, nil
}

// version describes a revision to the execution plane, which keeps it: it shares the memory of the record, which is not
// changed once read, and none of the request.
func (s *Service) version(scope reqctx.Scope, f *function, r *revision) *invoke.Version {
	code := r.Code
	scope = reqctx.Scope{Account: strings.Clone(scope.Account), Region: strings.Clone(scope.Region)}
	return &invoke.Version{
		Scope: scope, FunctionARN: functionARN(scope, f.Name), Name: f.Name, Version: latest, Revision: r.ID,
		Runtime: r.Runtime, Handler: r.Handler, CodeSHA256: code.SHA256.String(),
		OpenCode: func(ctx context.Context) (invoke.CodeReader, error) { return s.Blobs.Open(ctx, code) },
		MemoryMB: int(r.Memory), Timeout: seconds(r.Timeout), EphemeralMB: int(r.Ephemeral), Environment: r.Environment,
		RoleARN: r.Role, LogGroup: f.logGroup(r),
	}
}
