#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs each Fuzz* function of the module for $FUZZTIME (default 3s), one after the other.
set -eu
cd "$(dirname "$0")/.."
time=${FUZZTIME:-3s}
count=0
for file in $(grep -rl --include='*_test.go' '^func Fuzz' cmd internal 2>/dev/null | sort); do
	for name in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
		echo "fuzz: $(dirname "$file") $name ($time)"
		go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" -parallel 2 "./$(dirname "$file")" >.cache/fuzz.log 2>&1 || {
			cat .cache/fuzz.log
			exit 1
		}
		count=$((count + 1))
	done
done
echo "fuzz: $count targets, no failure"
