// SPDX-License-Identifier: Apache-2.0

// Package awsapi is the root of the contracts: one generated package for each service below it. It has no code of its own.
//
// A contract is made by tools/apigen from model/<service>.json (AWS's own model, trimmed by tools/apiimport; model/SOURCE
// names where it comes from), overlay/<service>.json (hand-written corrections: what AWS does and its model does not say)
// and ops.txt (the implemented operations). Beside the generated zz_ files a package may hold a hand-written internal.go:
// what planes of Gust ask of a service and AWS has no operation for; it is never on the wire.
//
// To add an operation: its name into ops.txt, make import-models, make gen; the compiler then names the missing method.
package awsapi

//go:generate go -C ../../tools run ./apigen
