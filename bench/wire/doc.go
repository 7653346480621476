// SPDX-License-Identifier: Apache-2.0

// Package wire measures the codecs of internal/wire on contracts of their own, which tools/apigen makes from the models: the
// figures do not depend on what Gust's services implement. Its benchmarks stand in the test files; it has no other code.
package wire

//go:generate go -C ../../tools run ./apigen -ops ../bench/wire/ops.txt -out ../bench/wire/contract
