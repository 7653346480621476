// SPDX-License-Identifier: Apache-2.0

package awsapi_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gustcloud/gust/internal/awsapi"
	"github.com/gustcloud/gust/internal/wire"
)

// TestCatalogueHoldsEveryModel: each imported model, and nothing else, is a service of the catalogue; it has a contract or
// a table of names.
func TestCatalogueHoldsEveryModel(t *testing.T) {
	t.Parallel()
	models, err := filepath.Glob("model/*.json")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]*wire.Schema{}
	for _, s := range awsapi.Known() {
		known[s.ID] = s
	}
	list := awsapi.Services()
	if len(list) != len(models) {
		t.Errorf("%d services, %d models", len(list), len(models))
	}
	if !slices.IsSortedFunc(list, func(a, b awsapi.Service) int { return strings.Compare(a.ID, b.ID) }) {
		t.Error("the services are not sorted")
	}
	for _, x := range list {
		if _, err := os.Stat(filepath.Join("model", x.ID+".json")); err != nil {
			t.Error(err)
		}
		s := known[x.ID]
		if c, ok := contracts[x.ID]; ok {
			if s != nil {
				t.Errorf("%s has a contract and stands among the known", x.ID)
			}
			s = c.schema
		}
		if s == nil {
			t.Errorf("%s has neither a contract nor a table of names", x.ID)
			continue
		}
		if s.ServiceID != x.ServiceID || !slices.Equal(s.Protocols, x.Protocols) || len(s.Operations) != x.Implemented ||
			len(s.Operations)+s.Missing.Len() != x.All {
			t.Errorf("%+v does not say what the table of %s says", x, s.ID)
		}
	}
}

// TestKnownTablesRoute: each operation of a table of names can be told apart by what its protocol puts into a request.
func TestKnownTablesRoute(t *testing.T) {
	t.Parallel()
	for _, s := range awsapi.Known() {
		if s.SigningName == "" || s.APIVersion == "" || len(s.Protocols) == 0 {
			t.Errorf("%s: signing name %q, version %q, protocols %v", s.ID, s.SigningName, s.APIVersion, s.Protocols)
		}
		if slices.Contains(s.Protocols, wire.ProtocolJSON) && (s.TargetPrefix == "" || s.JSONVersion == "") {
			t.Errorf("%s: JSON with target prefix %q and version %q", s.ID, s.TargetPrefix, s.JSONVersion)
		}
		rest := slices.Contains(s.Protocols, wire.ProtocolRESTJSON) || slices.Contains(s.Protocols, wire.ProtocolRESTXML)
		seen := map[string]string{}
		for r := range s.Missing.All() {
			if r.Method == "" || !strings.HasPrefix(r.URI, "/") || r.Name == "" {
				t.Errorf("%s: route %+v", s.ID, r)
			}
			key := r.Name
			if rest {
				key = r.Method + " " + r.URI
			}
			if old := seen[key]; old != "" {
				t.Errorf("%s: %s and %s are both %s", s.ID, old, r.Name, key)
			}
			seen[key] = r.Name
		}
	}
}
