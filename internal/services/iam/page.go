// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"encoding/base64"
	"slices"

	api "github.com/gustcloud/gust/internal/awsapi/iam"
)

// page cuts one answer out of items, which are sorted by name: those from the marker on, at most maxItems.
//
// Errors: InvalidInput for a marker that no answer gave. Source: the text is unverified.
func page[T any](items []T, name func(T) string, marker *string, maxItems *int32) (cut []T, truncated bool, next *string, err error) {
	if items == nil {
		items = []T{} // the members are required: an empty list is shown as one
	}
	if marker != nil {
		from, err := base64.RawURLEncoding.DecodeString(*marker)
		if err != nil {
			return nil, false, nil, &api.InvalidInputException{Message: "Invalid Marker."}
		}
		i := slices.IndexFunc(items, func(t T) bool { return name(t) >= string(from) })
		if i < 0 {
			i = len(items)
		}
		items = items[i:]
	}
	limit := defaultPageItems
	if maxItems != nil {
		limit = int(*maxItems)
	}
	if len(items) <= limit {
		return items, false, nil, nil
	}
	return items[:limit], true, new(base64.RawURLEncoding.EncodeToString([]byte(name(items[limit])))), nil
}
