// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The protocol suite's requests that a server must refuse: testdata/malformed/README.md. Each operation's model is the
// suite's own; ValidationCode is that of Smithy's validation, so constraints are checked.

type malformedSuite struct {
	suite
	Cases []malformedCase
}

type malformedCase struct {
	suiteCase
	Response struct {
		StatusCode int `json:"status_code"`
		Headers    map[string]string
		Contents   string // the body, for validation errors
	}
}

func TestMalformedRequests(t *testing.T) {
	var suites []malformedSuite
	readJSON(t, "testdata/malformed/rest-json.json", &suites)
	tests := map[string]bool{}
	cases, refused, worded := 0, 0, 0
	for _, s := range suites {
		for _, c := range s.Cases {
			cases++
			tests[caseSuffix.ReplaceAllString(c.ID, "")] = true
			if t.Run(c.ID, func(t *testing.T) { runMalformed(t, s, c) }) {
				refused++
			}
			if c.Response.Contents != "" {
				worded++
			}
		}
	}
	t.Logf("malformed requests: %d tests, expanded to %d; %d refused as they must be, %d of them with the constraints compared",
		len(tests), cases, refused, worded)
	if len(tests) != 191 || cases != 655 {
		t.Errorf("the suite has %d tests in %d cases, not 191 in 655", len(tests), cases)
	}
}

var caseSuffix = regexp.MustCompile(`_case\d+$`)

func runMalformed(t *testing.T, s malformedSuite, c malformedCase) {
	t.Helper()
	schema, err := caseSchema(s.suite, c.suiteCase, false)
	if err != nil {
		t.Fatal(err)
	}
	schema.ValidationCode = "ValidationException"
	p := schema.Protocol(ProtocolRESTJSON)
	request, err := suiteRequest(t, schema, c.suiteCase)
	var in any
	if err == nil {
		in, err = p.Decode(&schema.Operations[0], request)
	}
	if err == nil {
		t.Fatalf("accepted: %s %s %v as %+v", request.HTTP.Method, c.Serialized.URI, c.Serialized.Headers, in)
	}
	w := httptest.NewRecorder()
	fault := FaultOf(schema, err)
	p.Error(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil), fault, "id")
	if w.Code != c.Response.StatusCode {
		t.Errorf("status %d, want %d: %v", w.Code, c.Response.StatusCode, err)
	}
	for name, want := range c.Response.Headers {
		if got := strings.Join(headerFold(w.Header(), name), ","); got != want {
			t.Errorf("%s: %q, want %q: %v", name, got, want, err)
		}
	}
	if c.Response.Contents != "" {
		compareViolations(t, w.Body.String(), c.Response.Contents)
	}
}

// violation is a path and the constraint that it breaks, in the words of both dialects.
type violation struct{ path, constraint string }

// compareViolations compares what a validation error says is wrong. Smithy counts list elements from 0 in a JSON pointer and
// lists each error in "fieldList"; AWS's text counts them from 1 and puts ".member" behind.
func compareViolations(t *testing.T, body, contents string) {
	t.Helper()
	var got, want struct {
		Message   string
		FieldList []struct{ Path, Message string }
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err, body)
	}
	if err := json.Unmarshal([]byte(contents), &want); err != nil {
		t.Fatal(err, contents)
	}
	var ours, theirs []violation
	for _, m := range awsViolation.FindAllStringSubmatch(got.Message, -1) {
		ours = append(ours, violation{strings.ToLower(m[1]), m[2]})
	}
	for _, f := range want.FieldList {
		_, constraint, _ := strings.Cut(f.Message, "constraint: ")
		theirs = append(theirs, violation{awsPath(f.Path), constraint})
	}
	for _, w := range theirs {
		if !slices.ContainsFunc(ours, w.saidBy) {
			t.Errorf("%s\nlacks %q", got.Message, w)
		}
	}
	for _, o := range ours {
		if !slices.ContainsFunc(theirs, func(w violation) bool { return w.saidBy(o) }) {
			t.Errorf("%s\nsays %q, want only %q", got.Message, o, theirs)
		}
	}
}

// saidBy tells whether our violation says what v, one of the suite's, says: at the same place, or at the list or map, for
// which AWS gives all rules of its elements, "Member must satisfy constraint: [rule, rule]".
func (v violation) saidBy(ours violation) bool {
	kind, rules, ok := strings.Cut(strings.TrimSuffix(ours.constraint, "]"), " must satisfy constraint: [")
	if !ok {
		return v.path == ours.path && sameRule(ours.constraint, v.constraint)
	}
	below, inside := strings.CutPrefix(v.path, ours.path+".")
	switch kind {
	case "Map keys":
		ok = v.path == ours.path
	case "Map value":
		ok = inside && !strings.HasSuffix(below, ".member")
	default:
		ok = inside && strings.HasSuffix(below, ".member")
	}
	if !ok {
		return false
	}
	return slices.ContainsFunc(strings.Split(rules, ", Member"), func(rule string) bool {
		return sameRule("Member"+strings.TrimPrefix(rule, "Member"), v.constraint)
	})
}

// sameRule compares the wording of one rule. Smithy names both bounds at once, where AWS names the one that is broken; it calls
// a value a value only in AWS's words; and it leaves internal values of an enumeration out, of which AWS's models know nothing.
func sameRule(ours, theirs string) bool {
	if m := between.FindStringSubmatch(theirs); m != nil {
		return sameRule(ours, m[1]+" less than or equal to "+m[3]) || sameRule(ours, m[1]+" greater than or equal to "+m[2])
	}
	ours = strings.Replace(ours, "Member must have value ", "Member must be ", 1)
	if values, ok := strings.CutPrefix(theirs, enumRule); ok {
		all, ok := strings.CutPrefix(ours, enumRule)
		for _, v := range strings.Split(strings.TrimSuffix(values, "]"), ", ") {
			ok = ok && slices.Contains(strings.Split(strings.TrimSuffix(all, "]"), ", "), v)
		}
		return ok
	}
	return ours == theirs
}

const enumRule = "Member must satisfy enum value set: ["

var between = regexp.MustCompile(`^(.*) between (\S+) and (\S+), inclusive$`)

var awsViolation = regexp.MustCompile(`at '([^']*)' failed to satisfy constraint: (.*?)(?:; Value |$)`)

func awsPath(pointer string) string {
	var out []string
	for _, part := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		if n, err := strconv.Atoi(part); err == nil {
			out = append(out, strconv.Itoa(n+1), "member")
			continue
		}
		out = append(out, strings.ToLower(part))
	}
	return strings.Join(out, ".")
}
