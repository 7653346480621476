// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gustcloud/gust/tools/internal/c2j"
)

// catalogFile is the generated part of package awsapi itself.
const catalogFile = "zz_catalog.go"

// emitCatalog lists every imported model; those of which ops has no operation also with the names of all operations.
func emitCatalog(root string, ops c2j.Ops) ([]byte, error) {
	models, err := filepath.Glob(filepath.Join(root, "model", "*.json"))
	if err != nil || len(models) == 0 {
		return nil, errors.Join(err, fmt.Errorf("no models below %s", root))
	}
	names := make([]string, 0, len(models))
	for _, path := range models {
		names = append(names, strings.TrimSuffix(filepath.Base(path), ".json"))
	}
	slices.Sort(names)
	var list, known writer
	for _, name := range names {
		s, err := load(root, name, ops[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		protocols, err := s.protocols()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		a := attrs{}
		a.text("ID", name)
		a.text("ServiceID", s.model.Metadata.ServiceID)
		a.add("Protocols", protocols)
		if n := len(s.ops); n > 0 {
			a.add("Implemented", fmt.Sprint(n))
		}
		a.add("All", fmt.Sprint(len(s.model.Operations)))
		list.f("{%s},\n", a)
		if len(s.ops) > 0 {
			continue
		}
		known.f("{\n")
		if err := s.header(&known); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		s.missing(&known)
		known.f("},\n")
	}
	var w writer
	w.f("// services is every service whose model is imported.\nvar services = [...]Service{\n%s}\n\n", &list)
	w.f("// known is those of them that have no contract.\nvar known = [...]wire.Schema{\n%s}\n", &known)
	return source("awsapi", "model/ and ops.txt", "", []string{module + "/internal/wire"}, &w)
}
