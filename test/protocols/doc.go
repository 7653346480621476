// SPDX-License-Identifier: Apache-2.0

// Package protocols calls Gust's front door with clients of different age, which speak different protocols to one service:
// SQS by AWS JSON 1.0 and by Query, CloudWatch by RPC v2 CBOR, AWS JSON 1.0 and Query. The services are fakes of a few
// lines; their contracts are generated for ops.txt into contract.
package protocols

//go:generate go -C ../../tools run ./apigen -ops ../test/protocols/ops.txt -out ../test/protocols/contract
