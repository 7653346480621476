#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Makes sure that this machine has what a Make target needs: tools/setup.sh go | demo | test.
#   go    the Go toolchain named in go.mod (into .cache/go, checked by SHA-256, when `go` is absent or older)
#   demo  go, python3, nodejs, ext4 tools
#   test  demo, and a C compiler for the race detector, the AWS CLI, boto3, the AWS SDK for JavaScript (into test/js),
#         PostgreSQL (its programs only: tests start servers of their own)
# As root on Debian or Ubuntu it installs what is missing. As an ordinary user it prints the one command that root has
# to run and goes on with what is there. Idempotent; does nothing when nothing is missing.
set -eu
cd "$(dirname "$0")/.."

GO_VERSION=1.26.8
SUM_amd64=30c2b1bf7dcc88d3eb0a1364e47ddd9128edb3110a30e8a0ef61cd5856b31de7
SUM_arm64=02b36b6787b3ac767668f630e2998df45a3b1f9ffee08d1bf3ef6487cd658d99

missing_packages() { # one name a line: packages whose command or file is absent
	for pair in "$@"; do
		package=${pair%%=*}
		probe=${pair#*=}
		case $probe in
		/*) [ -e "$probe" ] || echo "$package" ;;
		py:*) /usr/bin/python3 -c "import ${probe#py:}" 2>/dev/null || echo "$package" ;;
		*) PATH="$PATH:/usr/sbin:/sbin" command -v "$probe" >/dev/null 2>&1 || echo "$package" ;;
		esac
	done | sort -u
}

install_packages() {
	names=$(missing_packages "$@" | tr '\n' ' ')
	names=${names% }
	[ -n "$names" ] || return 0
	if ! command -v apt-get >/dev/null 2>&1; then
		echo "setup: this machine lacks: $names. Install them with your package manager; going on without." >&2
		return 0
	fi
	if [ "$(id -u)" != 0 ]; then
		echo "setup: to have everything, root must run:  apt-get update && apt-get install -y $names" >&2
		echo "setup: going on with what is there" >&2
		return 0
	fi
	echo "setup: installing $names" >&2
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq
	# shellcheck disable=SC2086 # a list of names
	apt-get install -y -qq --no-install-recommends $names >/dev/null
}

go_is_recent() { # $1 = a go command
	have=$("$1" env GOVERSION 2>/dev/null | sed 's/^go//') || return 1
	[ -n "$have" ] && [ "$(printf '%s\n%s\n' "$GO_VERSION" "$have" | sort -V | head -n 1)" = "$GO_VERSION" ]
}

install_go() {
	command -v go >/dev/null 2>&1 && GOTOOLCHAIN=local go_is_recent go && return 0
	[ -x .cache/go/bin/go ] && GOTOOLCHAIN=local go_is_recent .cache/go/bin/go && return 0
	case $(uname -m) in
	x86_64) arch=amd64 sum=$SUM_amd64 ;;
	aarch64) arch=arm64 sum=$SUM_arm64 ;;
	*) echo "setup: no Go toolchain for $(uname -m) is known here: install Go $GO_VERSION" >&2; exit 1 ;;
	esac
	install_packages curl=curl unzip=unzip ca-certificates=/etc/ssl/certs/ca-certificates.crt
	echo "setup: fetching Go $GO_VERSION for linux/$arch" >&2
	mkdir -p .cache
	tmp=$(mktemp -d .cache/go-XXXXXX)
	name=v0.0.1-go$GO_VERSION.linux-$arch
	curl -fsSL --retry 3 -o "$tmp/go.zip" "https://proxy.golang.org/golang.org/toolchain/@v/$name.zip"
	echo "$sum  $tmp/go.zip" | sha256sum -c - >/dev/null || { echo "setup: the Go archive has a wrong checksum" >&2; exit 1; }
	unzip -q "$tmp/go.zip" -d "$tmp"
	chmod -R u+x "$tmp/golang.org/toolchain@$name/bin" "$tmp/golang.org/toolchain@$name/pkg/tool"
	rm -rf .cache/go
	mv "$tmp/golang.org/toolchain@$name" .cache/go
	rm -rf "$tmp"
}

# Debian's package makes and starts a server when it is installed, unless this file says otherwise.
no_postgres_server() {
	conf=/etc/postgresql-common/createcluster.conf
	[ "$(id -u)" = 0 ] && [ -z "$(missing_packages dpkg=dpkg)" ] && [ ! -e "$conf" ] && [ ! -e /usr/lib/postgresql ] || return 0
	mkdir -p "$(dirname "$conf")"
	echo "create_main_cluster = false" >"$conf"
}

# The packages that test/js/package-lock.json names, checked by their digests. Without npm or a registry the tests that
# need them are listed as not run.
install_js() {
	[ test/js/node_modules/.package-lock.json -nt test/js/package-lock.json ] && return 0
	command -v npm >/dev/null 2>&1 || { echo "setup: no npm: the tests with the AWS SDK for JavaScript will not run" >&2; return 0; }
	echo "setup: fetching the AWS SDK for JavaScript" >&2
	(cd test/js && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) || {
		echo "setup: npm could not fetch it: the tests with the AWS SDK for JavaScript will not run" >&2
		rm -rf test/js/node_modules
	}
}

case ${1:-} in
go) install_go ;;
demo)
	install_go
	install_packages python3=/usr/bin/python3 nodejs=node e2fsprogs=mkfs.ext4
	;;
test)
	install_go
	no_postgres_server
	install_packages python3=/usr/bin/python3 nodejs=node e2fsprogs=mkfs.ext4 gcc=gcc libc6-dev=/usr/include/stdio.h \
		awscli=/usr/bin/aws python3-boto3=py:boto3 curl=curl git=git npm=npm postgresql=/usr/lib/postgresql
	install_js
	;;
*)
	echo "usage: tools/setup.sh go|demo|test" >&2
	exit 2
	;;
esac
