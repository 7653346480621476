#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every test of every module. $GUST_LONG=1 adds the long ones. What this host cannot run is printed at the end; as root
# in CI that list must equal test/not-run.txt.
set -eu
cd "$(dirname "$0")/.."
mkdir -p .cache
GUST_NOT_RUN=$PWD/.cache/not-run.txt
GUST_BIN=$PWD/bin/gust
export GUST_NOT_RUN GUST_BIN
: >"$GUST_NOT_RUN"

race=-race
if ! command -v gcc >/dev/null 2>&1; then
	race=
	echo "the race detector: no C compiler" >>"$GUST_NOT_RUN"
fi
[ -n "$race" ] && export CGO_ENABLED=1

echo '== vet'
go vet ./...
GOOS=darwin GOARCH=arm64 CGO_ENABLED=0 go vet ./...
GOARCH=arm64 CGO_ENABLED=0 go vet ./...
echo '== generated files'
# Never from the test cache: it does not see that files outside the tools module changed.
(cd tools && go vet ./... && go test -count=1 ./...)
echo '== tests of the product'
# Packages one at a time: limits of real sandboxes are measured, and two cores are few.
go test $race -p 1 -timeout 15m ./...
# The race detector checks pointer arithmetic, too; without it the one package that has some is run again.
[ -n "$race" ] || go test -gcflags=all=-d=checkptr ./internal/wire/...
echo '== black-box tests'
(cd test && go vet ./... && CGO_ENABLED=0 go test -p 1 -count=1 -timeout 15m ./...)
echo '== fuzz smoke'
CGO_ENABLED=0 FUZZTIME=${FUZZTIME:-2s} tools/fuzz.sh

sort -u "$GUST_NOT_RUN" -o "$GUST_NOT_RUN"
echo '== not run on this host:'
if [ -s "$GUST_NOT_RUN" ]; then sed 's/^/   /' "$GUST_NOT_RUN"; else echo '   nothing: everything ran'; fi
if [ "$(id -u)" = 0 ] && [ -n "${CI:-}" ]; then
	grep -v '^#' test/not-run.txt | sort -u | diff - "$GUST_NOT_RUN" || {
		echo 'test: what did not run differs from test/not-run.txt' >&2
		exit 1
	}
fi
