// SPDX-License-Identifier: Apache-2.0

package lambda

import (
	"context"
	"runtime"
	"strings"
	"testing"

	api "github.com/gustcloud/gust/internal/awsapi/lambda"
	"github.com/gustcloud/gust/internal/base/reqctx"
)

func TestWhatIsKeptDoesNotPinARequest(t *testing.T) {
	const size = 32 << 20
	f, ctx := newFixture(t), scoped(t.Context())
	f.active(ctx, t, "a")
	inUse := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := inUse()
	invokeFromLargeRequest(ctx, t, f, size)
	if grown := inUse() - before; grown > size/2 {
		t.Errorf("%d bytes of a request of %d are kept", grown, size)
	}
	if _, err := f.Invoke(ctx, &api.InvocationRequest{FunctionName: "a"}); err != nil { // f lives until here
		t.Error(err)
	}
}

// invokeFromLargeRequest calls the function "a" with every string cut out of one large text, as decoders do.
func invokeFromLargeRequest(ctx context.Context, t *testing.T, f *fixture, size int) {
	t.Helper()
	const account, region, name = "123456789012", "eu-central-1", "a"
	text := strings.Repeat("x", size) + account + region + name
	cut := func(from, n int) string { return text[size+from:][:n] }
	ctx = reqctx.With(ctx, reqctx.Request{Scope: reqctx.Scope{Account: cut(0, len(account)), Region: cut(len(account), len(region))}})
	in := &api.InvocationRequest{FunctionName: cut(len(account)+len(region), len(name))}
	if _, err := f.Invoke(ctx, in); err != nil {
		t.Fatal(err)
	}
	f.env.versions, f.env.events = f.env.versions[:0:0], nil
}
