// SPDX-License-Identifier: Apache-2.0

package frontdoor

import (
	"testing"

	"github.com/gustcloud/gust/internal/access/sigv4"
	"github.com/gustcloud/gust/internal/wire"
)

func TestSignatureMustBeForTheServiceThatIsReached(t *testing.T) {
	logs := &service{Service: wire.Service{Schema: &wire.Schema{ID: "logs", SigningName: "logs"}}}
	for _, c := range []struct {
		scope   string
		reached *service
		ok      bool
	}{{"logs", logs, true}, {"sts", logs, false}, {"", logs, false}, {"sts", nil, true}} {
		err := checkService(&call{sig: &sigv4.Signature{Scope: sigv4.Scope{Service: c.scope}}, target: target{service: c.reached}})
		if (err == nil) != c.ok {
			t.Errorf("%q: %v", c.scope, err)
		}
	}
}
