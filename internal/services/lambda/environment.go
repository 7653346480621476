// SPDX-License-Identifier: Apache-2.0

package lambda

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/gustcloud/gust/internal/invoke"
)

// checkEnvironment holds the customer's variables against the 4 KB limit and the reserved names.
//
// Source: texts recorded on AWS in public test suites (2024-2025).
func checkEnvironment(vars map[string]string) error {
	const intro = "Lambda was unable to configure your environment variables because the environment variables you have provided "
	var reserved []string
	for name, text := range vars {
		if invoke.Reserved(name) {
			reserved = append(reserved, name)
		}
		if strings.Contains(text, "\x00") { // no process can be given it; text unverified
			return invalid(intro + "contains NUL characters in the value of " + name + ".")
		}
	}
	if reserved != nil {
		slices.Sort(reserved)
		return invalid(intro + "contains reserved keys that are currently not supported for modification. Reserved keys used in this request: " +
			strings.Join(reserved, ", "))
	}
	if measured := compactJSON(vars); len(measured) > maxEnvironment {
		return invalid(intro + "exceeded the 4KB limit. String measured: " + measured)
	}
	return nil
}

// compactJSON is what the limit measures. Keys are sorted; < > & stay as they are.
func compactJSON(vars map[string]string) string {
	if len(vars) == 0 {
		return "{}"
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(vars) // a map of strings always encodes
	return strings.TrimSuffix(b.String(), "\n")
}
