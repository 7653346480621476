// SPDX-License-Identifier: Apache-2.0

package lambda

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// How much Jackson quotes of the text, and of a token.
const (
	maxSource = 500
	maxToken  = 256
)

// jacksonText words a JSON syntax error as AWS's parser (Jackson) does for the commonest mistake, an unknown word. A text
// that ends too early gets the start of its message, other mistakes the words of the parser here.
func jacksonText(payload []byte) string {
	var syntax *json.SyntaxError
	var v any
	err := json.Unmarshal(payload, &v)
	if !errors.As(err, &syntax) {
		return "invalid JSON"
	}
	offset := min(int(syntax.Offset), len(payload))
	if word, at := unknownWord(payload, offset); word != "" {
		return fmt.Sprintf("Unrecognized token '%s': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')\n at %s",
			shortened(word), location(payload, at+len(word)))
	}
	if offset == len(payload) && strings.HasPrefix(syntax.Error(), "unexpected end") {
		return "Unexpected end-of-input\n at " + location(payload, offset)
	}
	return syntax.Error() + "\n at " + location(payload, offset)
}

// unknownWord returns the bare word around offset, if a value was expected there.
func unknownWord(payload []byte, offset int) (word string, at int) {
	isLetter := func(b byte) bool { return unicode.IsLetter(rune(b)) || unicode.IsDigit(rune(b)) || b == '_' }
	if offset == 0 || !isLetter(payload[offset-1]) || unicode.IsDigit(rune(payload[offset-1])) {
		return "", 0
	}
	start, end := offset-1, offset
	for start > 0 && isLetter(payload[start-1]) {
		start--
	}
	for end < len(payload) && isLetter(payload[end]) {
		end++
	}
	return string(payload[start:end]), start
}

func shortened(token string) string {
	if len(token) <= maxToken {
		return token
	}
	return token[:maxToken] + "..."
}

func location(payload []byte, offset int) string {
	before := payload[:min(offset, len(payload))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n')
	source := payload
	suffix := ""
	if len(source) > maxSource {
		source, suffix = source[:maxSource], fmt.Sprintf("[truncated %d bytes]", len(payload)-maxSource)
	}
	return fmt.Sprintf("[Source: (byte[])\"%s\"%s; line: %d, column: %d]", source, suffix, line, column)
}
