#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Measures the protocol layer: the codecs beside encoding/json, a whole API request beside a server that does nothing, and the
# check of a signature. Each figure is the minimum of 8 runs, ratios are of minima of the same runs. Close other programs
# first. $COUNT and $BENCHTIME change the runs; the limits stand in bench/README.md.
set -eu
cd "$(dirname "$0")/.."
count=${COUNT:-8}
time=${BENCHTIME:-250ms}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
go test -c -o "$dir/codec" ./bench/wire
go test -c -o "$dir/sigv4" ./internal/access/sigv4
{
	"$dir/codec" -test.run '^$' -test.bench . -test.benchmem -test.count "$count" -test.benchtime "$time"
	"$dir/sigv4" -test.run '^$' -test.bench Verify -test.benchmem -test.count "$count" -test.benchtime "$time"
} >"$dir/all"
cpu=$(sed -n 's/^cpu: //p' "$dir/all" | head -1)
echo "# COUNT=$count BENCHTIME=$time tools/bench-codec.sh"
echo "# $(nproc) x $cpu, $(uname -s) $(uname -r), $(go env GOVERSION)"
echo "# gust $(git describe --always --dirty), $(date -u '+%Y-%m-%d %H:%M UTC')"
awk '
/^Benchmark/ {
	name = $1; sub(/^Benchmark/, "", name); sub(/-[0-9]+$/, "", name)
	if (!(name in ns)) { order[++n] = name; ns[name] = $3 }
	if ($3 < ns[name]) ns[name] = $3
	allocs[name] = $(NF-1)
}
END {
	printf "%-28s %10s %8s   %10s %8s   %s\n", "", "gust ns", "allocs", "other ns", "allocs", "ratio"
	for (i = 1; i <= n; i++) {
		name = order[i]
		if (name !~ /\/gust$/) { if (name !~ /\/(json|noop)$/) printf "%-28s %10.0f %8d\n", name, ns[name], allocs[name]; continue }
		base = name; sub(/\/gust$/, "", base)
		other = base "/json"; if (!(other in ns)) other = base "/noop"
		printf "%-28s %10.0f %8d   %10.0f %8d   %.2f\n", base, ns[name], allocs[name], ns[other], allocs[other], ns[name] / ns[other]
	}
}' "$dir/all"
