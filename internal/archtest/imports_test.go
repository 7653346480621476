// SPDX-License-Identifier: Apache-2.0

package archtest

import (
	"slices"
	"strings"
	"testing"
)

// may is the import table: which planes each plane may use beside itself. What is not in it may use nothing of ours.
// It stands for the lines of the design: doors and machinery, services, contracts, the lower planes.
var may = map[string][]string{
	"frontdoor": door, "ingress": door, "admin": door, "console": door, "cli": door, "worker": door, "network": door,
	"services": door,
	"awsapi":   {"wire", "base"},
	"access":   {"base"}, "invoke": {"base"}, "wire": {"base"}, "lang": {"base"}, "store": {"base"},
	"base": {},
}

var door = []string{"base", "access", "store", "lang", "wire", "invoke", "awsapi"}

// apart are the planes whose units never see one another: a service another service, a contract another contract.
var apart = []string{"services", "awsapi", "ingress"}

// exceptions are single edges beside the table, from and to a folder and all below it.
var exceptions = [][2]string{
	{"internal/access", "internal/lang/iampolicy"},
	{"internal/store/blob", "internal/access"}, // it signs for S3
	{"internal/cli", "internal/worker/host"},   // doctor and runtime list look at this machine, not at a server
	{"internal/cli", "internal/worker/runtimes"},
	{"internal/cli", "bench/floor"}, // gust bench divides by it
	{"bench/floor", "internal/base"},
	{"bench/wire/contract", "internal/wire"}, // contracts of their own for the benchmarks
	{"bench/wire/contract", "internal/base"},
	{"cmd/gust", "internal/app"},
	{"cmd/gust-init", "internal/worker/spawner/initproto"},
	{"cmd/gust-init", "internal/worker/spawner/seccomp"},
}

// judge says why the package in folder from must not import to, or "". Folders are relative to the repository.
func judge(from, to string) string {
	for _, e := range exceptions {
		if below(from, e[0]) && below(to, e[1]) {
			return ""
		}
	}
	f, t := strings.Split(from, "/"), strings.Split(to, "/")
	if f[0] != "internal" || t[0] != "internal" {
		if t[0] == "internal" {
			return f[0] + " may import only what the exceptions name"
		}
		return "nothing outside internal is imported"
	}
	plane, target := f[1], t[1]
	switch {
	case plane == "app":
		return ""
	case plane != target:
		if !slices.Contains(may[plane], target) {
			return plane + " may not import " + target
		}
	case slices.Contains(apart, plane) && unit(f) != unit(t):
		return "one of " + plane + " may not import another"
	}
	return ""
}

// below tells whether dir is the folder root or lies in it.
func below(dir, root string) bool { return dir == root || strings.HasPrefix(dir, root+"/") }

func unit(parts []string) string {
	if len(parts) < 3 {
		return ""
	}
	return parts[2]
}

// outside says why a file in folder from must not import a package of someone else, or "".
func outside(from, pkg string) string {
	switch {
	case below(from, "internal/services") && (pkg == "net/http" || strings.HasPrefix(pkg, "net/http/")):
		return "a service does not know HTTP"
	case pkg == "github.com/pkg/errors":
		return "use errors and fmt.Errorf with %w"
	case strings.HasPrefix(pkg, "github.com/aws/"):
		return "SDKs are test clients and live in test/"
	case below(from, "cmd/gust-init") && strings.Contains(pkg, ".") && !strings.HasPrefix(pkg, "golang.org/x/sys/"):
		return "gust-init is PID 1 of each sandbox: x/sys only"
	}
	return ""
}

func TestImports(t *testing.T) {
	t.Parallel()
	for _, s := range mustTree(t) {
		if s.test {
			continue
		}
		for _, p := range s.imports() {
			to, ours := strings.CutPrefix(p, module+"/")
			reason := ""
			switch {
			case !ours:
				reason = outside(s.dir, p)
			case support(to):
				reason = "it is for tests only"
			default:
				reason = judge(s.dir, to)
			}
			if reason != "" {
				t.Errorf("%s imports %s: %s", s.path, p, reason)
			}
		}
	}
}

// TestJudge keeps the table honest: it must refuse what it is there to refuse.
func TestJudge(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to string
		allowed  bool
	}{
		{"cmd/gust", "internal/app", true},
		{"cmd/gust", "internal/frontdoor", false},
		{"cmd/gust-init", "internal/worker/spawner/initproto", true},
		{"cmd/gust-init", "internal/app", false},
		{"internal/app", "internal/services/lambda", true},
		{"internal/frontdoor", "internal/access/sigv4", true},
		{"internal/frontdoor", "internal/services/lambda", false},
		{"internal/frontdoor", "internal/worker/pool", false},
		{"internal/frontdoor", "internal/app", false},
		{"internal/cli", "internal/app", false},
		{"bench/wire/contract/sqs", "internal/wire", true},
		{"bench/wire/contract/sqs", "internal/awsapi/sqs", false},
		{"internal/worker/pool", "internal/worker/lifecycle", true},
		{"internal/worker/pool", "internal/awsapi/logs", true},
		{"internal/worker/pool", "internal/services/logs", false},
		{"internal/services/sqs", "internal/awsapi/sns", true},
		{"internal/services/sqs", "internal/services/sqs/fifo", true},
		{"internal/services/sqs", "internal/services/sns", false},
		{"internal/services/sqs", "internal/frontdoor", false},
		{"internal/services/lambda", "internal/worker/code", false},
		{"internal/awsapi/sqs", "internal/wire", true},
		{"internal/awsapi/sqs", "internal/awsapi/sns", false},
		{"internal/awsapi/sqs", "internal/store", false},
		{"internal/wire", "internal/base/clock", true},
		{"internal/wire", "internal/awsapi/sqs", false},
		{"internal/store/engine/pebble", "internal/store", true},
		{"internal/store/blob", "internal/access/sigv4", true},
		{"internal/store/queue", "internal/access", false},
		{"internal/lang/asl", "internal/lang/jsonpath", true},
		{"internal/lang/asl", "internal/store", false},
		{"internal/access", "internal/lang/iampolicy", true},
		{"internal/access", "internal/lang/asl", false},
		{"internal/base/arn", "internal/base/ids", true},
		{"internal/base/arn", "internal/store", false},
		{"internal/newplane", "internal/base/arn", false},
	} {
		if reason := judge(c.from, c.to); (reason == "") != c.allowed {
			t.Errorf("%s -> %s: reason %q, want allowed %t", c.from, c.to, reason, c.allowed)
		}
	}
	for _, c := range []struct {
		from, pkg string
		allowed   bool
	}{
		{"internal/services/sqs", "net/url", true},
		{"internal/services/sqs", "net/http", false},
		{"internal/services/sqs", "net/http/httptest", false},
		{"internal/frontdoor", "net/http", true},
		{"internal/access", "github.com/aws/aws-sdk-go-v2/aws", false},
		{"cmd/gust-init", "golang.org/x/sys/unix", true},
		{"cmd/gust-init", "github.com/cockroachdb/pebble", false},
	} {
		if reason := outside(c.from, c.pkg); (reason == "") != c.allowed {
			t.Errorf("%s -> %s: reason %q, want allowed %t", c.from, c.pkg, reason, c.allowed)
		}
	}
}
