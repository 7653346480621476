#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fetches the botocore wheel that internal/awsapi/model/SOURCE names and trims its service models again.
# BOTOCORE=1.50.0 takes another version and records it in SOURCE; WHEEL=file takes a wheel that is already here.
set -eu
cd "$(dirname "$0")/.."
update=
recorded=$(sed -n 's/^botocore //p' internal/awsapi/model/SOURCE)
version=${BOTOCORE:-$recorded}
[ "$version" = "$recorded" ] || update=-update
wheel=${WHEEL:-}
if [ -z "$wheel" ]; then
	dir=$(mktemp -d)
	trap 'rm -rf "$dir"' EXIT
	python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: -d "$dir" "botocore==$version" || {
		echo 'import-models: pip could not fetch botocore; with a wheel at hand: make import-models WHEEL=/path/to.whl' >&2
		exit 1
	}
	wheel=$(ls "$dir"/botocore-*.whl)
fi
go -C tools run ./apiimport $update -wheel "$(realpath "$wheel")"
go generate ./internal/awsapi
