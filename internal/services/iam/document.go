// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"encoding/json"
	"net/url"
	"strings"
	"unicode"

	api "github.com/gustcloud/gust/internal/awsapi/iam"
)

// checkDocument refuses a policy that is not a JSON object with statements. What its statements say is not checked yet.
//
// Source: the text is known from public reports of AWS's answers.
func checkDocument(document string) error {
	var d struct {
		Version   string
		Statement json.RawMessage
	}
	if err := json.Unmarshal([]byte(document), &d); err != nil {
		return &api.MalformedPolicyDocumentException{Message: "This policy contains invalid Json"}
	}
	if len(d.Statement) == 0 || d.Statement[0] != '{' && d.Statement[0] != '[' || d.Version != "" && d.Version != "2012-10-17" && d.Version != "2008-10-17" {
		return &api.MalformedPolicyDocumentException{Message: "Syntax errors in policy."}
	}
	return nil
}

// size is how AWS measures a policy: characters that are not white space.
func size(document string) int {
	n := 0
	for _, r := range document {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}

// encodeDocument is how answers carry a policy: percent-encoded after RFC 3986.
func encodeDocument(document string) string {
	return strings.ReplaceAll(url.QueryEscape(document), "+", "%20")
}
