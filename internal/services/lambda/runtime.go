// SPDX-License-Identifier: Apache-2.0

package lambda

import (
	"slices"
	"strings"

	api "github.com/gustcloud/gust/internal/awsapi/lambda"
)

// retired runtimes can no longer be created on AWS. Source: "Lambda runtimes", deprecated runtimes, read 2026-11.
//
//nolint:gochecknoglobals // a table
var retired = []string{
	"nodejs", api.RuntimeNodejs43, api.RuntimeNodejs610, api.RuntimeNodejs810, api.RuntimeNodejs10x, api.RuntimeNodejs12x,
	api.RuntimeNodejs14x, api.RuntimeNodejs16x, api.RuntimeNodejs43Edge, api.RuntimePython27, api.RuntimePython36,
	api.RuntimePython37, api.RuntimePython38, api.RuntimePython39, api.RuntimeDotnetcore10, api.RuntimeDotnetcore20, api.RuntimeDotnetcore21,
	api.RuntimeDotnetcore31, api.RuntimeDotnet6, api.RuntimeRuby25, api.RuntimeRuby27, api.RuntimeJava8, api.RuntimeProvided,
}

// current runtimes, in the order in which AWS lists them in its error (an excerpt of the model's enum).
//
//nolint:gochecknoglobals // a table
var current = []string{
	api.RuntimeNodejs24x, api.RuntimeNodejs22x, api.RuntimeNodejs20x, api.RuntimeNodejs18x, api.RuntimeProvidedal2023, api.RuntimeProvidedal2,
	api.RuntimePython314, api.RuntimePython313, api.RuntimePython312, api.RuntimePython311, api.RuntimePython310, api.RuntimeJava25,
	api.RuntimeJava21, api.RuntimeJava17, api.RuntimeJava11, api.RuntimeJava8al2, api.RuntimeDotnet10, api.RuntimeDotnet8,
	api.RuntimeRuby34, api.RuntimeRuby33, api.RuntimeRuby32, api.RuntimeGo1x,
}

// checkRuntime tells whether a function of a runtime may be created or updated. Whether this host has its interpreter
// is for invoke.Environments to say. go1.x is taken although AWS retired it: it is an OS-only runtime here.
func checkRuntime(name string) error {
	switch {
	case slices.Contains(current, name):
		return nil
	case slices.Contains(retired, name): // text from public reports
		return invalid("The runtime parameter of " + name + " is no longer supported for creating or updating AWS Lambda functions. " +
			"We recommend you use a supported runtime while creating or updating functions.")
	}
	return invalid("Value " + name + " at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [" +
		strings.Join(current, ", ") + "] or be a valid ARN")
}
