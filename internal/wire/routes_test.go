// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"slices"
	"testing"

	"github.com/gustcloud/gust/internal/wire"
)

func TestRoutesReadWhatTheGeneratorWrites(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want []wire.Route
	}{
		{"", nil},
		{"\n", nil},
		{"\nAssumeRoot\nGetObject GET /{Bucket}/{Key+}?uploads=a b\nPing\n", []wire.Route{
			{Name: "AssumeRoot", Method: "POST", URI: "/"},
			{Name: "GetObject", Method: "GET", URI: "/{Bucket}/{Key+}?uploads=a b"},
			{Name: "Ping", Method: "POST", URI: "/"},
		}},
		{"GetId!\nSignUp! GET /sign-up\n", []wire.Route{
			{Name: "GetId", Method: "POST", URI: "/", NoAuth: true}, {Name: "SignUp", Method: "GET", URI: "/sign-up", NoAuth: true},
		}},
		{"Put PUT /", []wire.Route{{Name: "Put", Method: "PUT", URI: "/"}}},
	} {
		r := wire.Routes(c.text)
		if got := slices.Collect(r.All()); !slices.Equal(got, c.want) || r.Len() != len(c.want) {
			t.Errorf("%q: %d routes %v, want %v", c.text, r.Len(), got, c.want)
		}
		for _, w := range c.want {
			if !r.Has(w.Name) || r.Has(w.Name+"x") || r.Has(w.Name[:len(w.Name)-1]) || r.Has("") {
				t.Errorf("%q: Has is wrong for %s or its neighbours", c.text, w.Name)
			}
		}
	}
	for rt := range wire.Routes("A\nB\n").All() { // a reader may stop
		if rt.Name != "A" {
			t.Errorf("first is %s", rt.Name)
		}
		break
	}
}
