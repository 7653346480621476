// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"io"

	"github.com/gustcloud/gust/internal/invoke"
	"github.com/gustcloud/gust/internal/worker/code"
)

// Packages returns the Code of a cache.
func Packages(c *code.Cache) Code { return packages{c} }

type packages struct{ cache *code.Cache }

// Dir implements Code.
func (p packages) Dir(ctx context.Context, sha string, open func(context.Context) (invoke.CodeReader, error)) (string, func(), error) {
	pkg, err := p.cache.Acquire(ctx, sha, open)
	if err != nil {
		return "", nil, err
	}
	return pkg.Dir, pkg.Release, nil
}

// Check implements Code.
func (p packages) Check(_ context.Context, zip io.ReaderAt, size int64) error {
	return code.Check(zip, size)
}

// Retire implements Code.
func (p packages) Retire(sha string) { p.cache.Retire(sha) }

// used remembers which package each revision of a version runs, so that the unpacked package goes with the last of
// them. It is bounded by the revisions that were used since their last Retire.
type used map[[2]string]map[string]string // (function ARN, version) -> revision -> sha256

func (u used) note(v *invoke.Version) {
	k := [2]string{v.FunctionARN, v.Version}
	if u[k] == nil {
		u[k] = make(map[string]string)
	}
	u[k][v.Revision] = v.CodeSHA256
}

// retire forgets every revision but keep, and returns the packages that no revision of any function runs any more.
func (u used) retire(function, version, keep string) []string {
	k := [2]string{function, version}
	gone := make(map[string]bool)
	for revision, sha := range u[k] {
		if revision != keep {
			gone[sha] = true
			delete(u[k], revision)
		}
	}
	if len(u[k]) == 0 {
		delete(u, k)
	}
	if len(gone) == 0 {
		return nil
	}
	for _, revisions := range u {
		for _, sha := range revisions {
			delete(gone, sha)
		}
	}
	out := make([]string, 0, len(gone))
	for sha := range gone {
		out = append(out, sha)
	}
	return out
}
