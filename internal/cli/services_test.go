// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestServicesTable(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := run(t, "services")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	count := regexp.MustCompile(`^(\S+) .* (\d+) of (\d+)\b`)
	implemented, all := 0, 0
	rows := lines[1 : len(lines)-1]
	protocols := map[string]string{}
	for _, l := range rows {
		m := count.FindStringSubmatch(l)
		if m == nil {
			t.Fatalf("row %q", l)
		}
		implemented, all = implemented+number(t, m[2]), all+number(t, m[3])
		protocols[m[1]] = l[strings.Index(l, " of ")+len(" of "):]
	}
	for service, want := range map[string]string{
		"lambda": "REST-JSON", "iam": "Query", "cloudwatch": "RPC v2 CBOR, AWS JSON, Query", "sqs": "AWS JSON, Query",
		"ec2": "EC2 Query", "s3": "REST-XML",
	} {
		if !strings.HasSuffix(protocols[service], "  "+want) {
			t.Errorf("%s: %q does not end in %q", service, protocols[service], want)
		}
	}
	total := lines[len(lines)-1]
	want := strconv.Itoa(implemented) + " of " + strconv.Itoa(all)
	if !strings.Contains(total, want) || !strings.HasPrefix(total, "total: "+strconv.Itoa(len(rows))+" ") {
		t.Errorf("last line %q, want the total %s of %d services", total, want, len(rows))
	}
}

func TestServicesJSON(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := run(t, "services", "--json")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	var got struct {
		Services []struct {
			Service, Name string
			Protocols     []string
			Implemented   int
			Operations    int
		}
		Implemented, Operations int
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatalf("%v in\n%s", err, stdout)
	}
	for _, s := range got.Services {
		got.Implemented -= s.Implemented
		got.Operations -= s.Operations
		if s.Service == "lambda" && (s.Name != "Lambda" || s.Implemented < 10 || s.Operations < 80 || s.Protocols[0] != "rest-json") {
			t.Errorf("lambda is %+v", s)
		}
	}
	if len(got.Services) < 40 || got.Implemented != 0 || got.Operations != 0 {
		t.Errorf("%d services; the sums are off by %d and %d", len(got.Services), got.Implemented, got.Operations)
	}
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
