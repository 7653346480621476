// SPDX-License-Identifier: Apache-2.0

// Package awsapi is the root of the contracts: one generated package for each service below it. Its own code is the
// catalogue of all services whose models are here, implemented or not; it links none of the contracts. Read catalog.go.
//
// A contract is made by tools/apigen from model/<service>.json (AWS's own model without documentation, by tools/apiimport;
// model/SOURCE names where it comes from), overlay/<service>.json (hand-written corrections: what AWS does and its model
// does not say) and ops.txt (the implemented operations). services.txt names the services that are imported. Beside the generated zz_ files a package may hold a hand-written internal.go:
// what planes of Gust ask of a service and AWS has no operation for; it is never on the wire.
//
// To add an operation: its name into ops.txt, then make gen; the compiler names the missing method. (Of EC2 the shapes of
// the operations in ops.txt only are kept: there make import-models comes first.) A service: its name into services.txt,
// make import-models.
package awsapi

//go:generate go -C ../../tools run ./apigen
