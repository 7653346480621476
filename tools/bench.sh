#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Measures everything that has a budget, into bench/out/<revision>.txt. Close other programs first.
set -eu
cd "$(dirname "$0")/.."
mkdir -p bench/out
out=bench/out/$(git describe --always --dirty).txt
{
	bin/gust bench warm
	echo
	bin/gust bench cold
	echo
	bin/gust bench start
	echo
	bin/gust bench store
	echo
	go -C tools run ./linkcost
	echo
	tools/bench-codec.sh
	echo
	echo "# go test -bench . ./internal/... (store: Put beside RawPut of the same round)"
	go test -run '^$' -bench . -benchmem ./internal/wire ./internal/store/... ./internal/access/... ./internal/services/logs ./internal/worker/pool
} | tee "$out"
echo "written to $out"
