// SPDX-License-Identifier: Apache-2.0

// Package events calls Gust's front door with the AWS SDK for Go, for what no service here has yet: RPC v2 CBOR and event
// streams of each protocol. The services are fakes of a few lines; their contracts are generated for ops.txt into contract.
package events

//go:generate go -C ../../tools run ./apigen -ops ../test/events/ops.txt -out ../test/events/contract
