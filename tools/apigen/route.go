// SPDX-License-Identifier: Apache-2.0

package main

import (
	"regexp"
	"slices"
	"strings"

	"github.com/gustcloud/gust/tools/internal/c2j"
)

var label = regexp.MustCompile(`\{[^}+]*(\+?)\}`)

// route makes the URIs of REST operations tell them apart. The models leave it to clients which operation a request is, so
// some share method and URI (S3's GetObject and ListParts): there the query parameters that an operation requires become
// part of its URI. What no query parameter tells apart has its URI from the overlay.
func (o *overlay) route(m *c2j.Model) {
	for name, x := range o.Operations {
		if x.URI != "" {
			m.Operations[name].HTTP.RequestURI = x.URI
		}
	}
	same := map[string][]*c2j.Operation{}
	for _, name := range m.OperationNames() {
		op := m.Operations[name]
		if h := op.HTTP; h.RequestURI != "/" || h.Method != "POST" {
			key := h.Method + " " + label.ReplaceAllString(h.RequestURI, "{$1}")
			same[key] = append(same[key], op)
		}
	}
	for _, ops := range same {
		for _, op := range ops {
			if len(ops) > 1 && op.Input != nil {
				addRequiredQuery(&op.HTTP.RequestURI, m.Shapes[op.Input.Shape])
			}
		}
	}
}

func addRequiredQuery(uri *string, in *c2j.Shape) {
	if in == nil {
		return // the model was imported without its shapes
	}
	for _, x := range in.Members {
		if x.Location != "querystring" || !slices.Contains(in.Required, x.Name) {
			continue
		}
		separator := "?"
		if strings.Contains(*uri, "?") {
			separator = "&"
		}
		*uri += separator + x.LocationName
	}
}
