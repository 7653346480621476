// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"
	"unsafe"
)

func TestValidationMessages(t *testing.T) {
	const rules = "Member must have length less than or equal to 10, Member must have length greater than or equal to 1, " +
		`Member must satisfy regular expression pattern: [a-z\u0041-\u005A]+, Member must not be null]`
	tests := []struct{ name, body, want string }{
		{
			"required members that Go values cannot show", `{}`,
			"3 validation errors detected: Value null at 'name' failed to satisfy constraint: Member must not be null; " +
				"Value null at 'count' failed to satisfy constraint: Member must not be null; " +
				"Value null at 'flag' failed to satisfy constraint: Member must not be null",
		},
		{
			"null is missing", `{"Name":null,"Count":1,"Flag":true}`,
			"1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null",
		},
		{
			"too long, and the pattern", strings.Replace(withRequired(""), `"a"`, `"12345678901"`, 1),
			"2 validation errors detected: Value '12345678901' at 'name' failed to satisfy constraint: Member must have length " +
				"less than or equal to 10; Value '12345678901' at 'name' failed to satisfy constraint: Member must satisfy " +
				`regular expression pattern: [a-z\u0041-\u005A]+`,
		},
		{
			"empty", strings.Replace(withRequired(""), `"a"`, `""`, 1),
			"2 validation errors detected: Value '' at 'name' failed to satisfy constraint: Member must have length greater than " +
				"or equal to 1; Value '' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: " +
				`[a-z\u0041-\u005A]+`,
		},
		{
			"the whole string must match", strings.Replace(withRequired(""), `"a"`, `"ab-"`, 1),
			"1 validation error detected: Value 'ab-' at 'name' failed to satisfy constraint: Member must satisfy regular " +
				`expression pattern: [a-z\u0041-\u005A]+`,
		},
		{
			"value of a number", strings.Replace(withRequired(""), `:0`, `:151`, 1),
			"1 validation error detected: Value '151' at 'count' failed to satisfy constraint: Member must have value less than " +
				"or equal to 150",
		},
		{
			"value of a double", withRequired(`"Ratio":2`),
			"1 validation error detected: Value '2.0' at 'ratio' failed to satisfy constraint: Member must have value less than " +
				"or equal to 1.0",
		},
		{
			"size of a list", withRequired(`"Names":["a","b","c","d"]`),
			"1 validation error detected: Value '[a, b, c, d]' at 'names' failed to satisfy constraint: Member must have length " +
				"less than or equal to 3",
		},
		{
			"elements of a list", withRequired(`"Names":["a","","9"]`),
			"1 validation error detected: Value '[a, , 9]' at 'names' failed to satisfy constraint: Member must satisfy " +
				"constraint: [" + rules,
		},
		{
			"null elements", withRequired(`"Names":["a",null]`),
			"1 validation error detected: Value '[a, ]' at 'names' failed to satisfy constraint: Member must satisfy " +
				"constraint: [" + rules,
		},
		{
			"lists in lists", withRequired(`"Lists":[["a"],["a",""]]`),
			"1 validation error detected: Value '[a, ]' at 'lists.2.member' failed to satisfy constraint: Member must satisfy " +
				"constraint: [" + rules,
		},
		{
			"keys and values of a map", withRequired(`"Tags":{"1":"9"}`),
			"2 validation errors detected: Value '{1=9}' at 'tags' failed to satisfy constraint: Map keys must satisfy constraint: " +
				"[Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+, Member must not be null]; " +
				"Value '{1=9}' at 'tags' failed to satisfy constraint: Map value must satisfy constraint: [" + rules,
		},
		{
			"inside structures", withRequired(`"Nested":{"Key":"k","Deep":{}}`),
			"1 validation error detected: Value null at 'nested.deep.key' failed to satisfy constraint: Member must not be null",
		},
		{
			"deep inside", withRequired(`"Nests":[` + strings.Repeat(`{"Key":"k","Deep":`, 7) + `{}` + strings.Repeat(`}`, 7) +
				`,{"Key":"k","Deep":{}}]`),
			"2 validation errors detected: Value null at 'nests.1.member." + strings.Repeat("deep.", 7) + "key' failed to satisfy " +
				"constraint: Member must not be null; Value null at 'nests.2.member.deep.key' failed to satisfy constraint: " +
				"Member must not be null",
		},
		{
			"inside lists", withRequired(`"Nests":[{"Key":"k"},{"Key":"k","Deep":{"Key":""}}]`),
			"2 validation errors detected: Value '' at 'nests.2.member.deep.key' failed to satisfy constraint: Member must have " +
				"length greater than or equal to 1; Value '' at 'nests.2.member.deep.key' failed to satisfy constraint: " +
				`Member must satisfy regular expression pattern: [a-z\u0041-\u005A]+`,
		},
		{
			"inside maps", withRequired(`"ByName":{"x":{}}`),
			"1 validation error detected: Value null at 'byName.x.member.key' failed to satisfy constraint: Member must not be null",
		},
		{
			"secret values are not shown", withRequired(`"KMSKey":"geheim9"`),
			"1 validation error detected: Value at 'kMSKey' failed to satisfy constraint: Member must satisfy regular expression " +
				`pattern: [a-z\u0041-\u005A]+`,
		},
		{
			"blobs", withRequired(`"Data":"` + strings.Repeat("AAAA", 1366) + `"`),
			"1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=4098 cap=4098]' at 'data' failed to satisfy " +
				"constraint: Member must have length less than or equal to 4096",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := decodeEverything(tt.body)
			var invalid *ValidationError
			if !errors.As(err, &invalid) || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestEnumMessage(t *testing.T) {
	s := Schema{ValidationCode: "ValidationException", Types: []Type{
		{},
		{Name: "Runtime", Kind: KindString, Rules: &Constraints{Enum: []string{"python3.12", "nodejs22.x"}}},
		{Name: "In", Kind: KindStruct, Go: StructOf[choice]{}, Fields: []Field{
			{Name: "Runtime", Off: choiceFields[0].Off, Type: 1, Flags: Pointer},
		}},
	}}
	text := "python2"
	const want = "1 validation error detected: Value 'python2' at 'runtime' failed to satisfy constraint: " +
		"Member must satisfy enum value set: [python3.12, nodejs22.x]"
	if err := Validate(&s, 2, &choice{Text: &text}); err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	text = "nodejs22.x"
	if err := Validate(&s, 2, &choice{Text: &text}); err != nil {
		t.Error(err)
	}
	text, s.ValidationCode = "python2", ""
	if err := Validate(&s, 2, &choice{Text: &text}); err != nil {
		t.Error("a service that checks by hand was checked:", err)
	}
}

func TestHugeBadInputGivesABoundedMessage(t *testing.T) {
	for _, body := range []string{
		withRequired(`"Nests":[` + strings.TrimSuffix(strings.Repeat(`{},`, 50_000), ",") + `]`),
		withRequired(`"Names":[` + strings.TrimSuffix(strings.Repeat(`null,`, 50_000), ",") + `]`),
		withRequired(`"Nests":[` + strings.TrimSuffix(strings.Repeat(`{"Key":"9"},`, 50_000), ",") + `]`),
	} {
		_, err := decodeEverything(body)
		if err == nil || len(err.Error()) > 64<<10 {
			t.Errorf("message of %d bytes", len(err.Error()))
		}
	}
}

// TestDescribingBadInputCostsLittle: what is not shown is not made into text, and a text that is refused for its length
// and too long to be shown is not matched with its pattern.
func TestDescribingBadInputCostsLittle(t *testing.T) {
	names := make([]string, 1_000_000)
	for i := range names {
		names[i] = "9"
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := Validate(&testSchema, tEverything, &everything{Name: "a", Names: names})
	runtime.ReadMemStats(&after)
	if err == nil || after.TotalAlloc-before.TotalAlloc > 1<<20 {
		t.Errorf("%v took %d bytes", err != nil, after.TotalAlloc-before.TotalAlloc)
	}
	for n, want := range map[int]int{maxShown: 2, maxShown + 1: 1} {
		var invalid *ValidationError
		if err := Validate(&testSchema, tEverything, &everything{Name: strings.Repeat("9", n)}); !errors.As(err, &invalid) ||
			len(invalid.Violations) != want {
			t.Errorf("%d characters: %.80v, want %d violations", n, err, want)
		}
	}
}

// TestLongKeysMakeNoLongMessages: a map's key stands in the path of each violation below it.
func TestLongKeysMakeNoLongMessages(t *testing.T) {
	key := strings.Repeat("\u00e9", 1<<19)
	body := []byte(withRequired(`"ByName":{"` + key + `":` + nest(`{"Deep":`, `{}`, `}`, 200) + `}`))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := testSchema.Protocol(ProtocolJSON).Decode(testOperation("Everything"), Request{Body: body})
	runtime.ReadMemStats(&after)
	var invalid *ValidationError
	if !errors.As(err, &invalid) || len(invalid.Violations) != maxViolations || !strings.HasPrefix(invalid.Violations[0].Path, "byName.éé") {
		t.Fatalf("got %.200v", err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 {
		t.Errorf("%d bytes allocated", n)
	}
	if text := err.Error(); len(text) > 2*maxViolations*maxPath || !utf8.ValidString(text) {
		t.Errorf("a message of %d bytes", len(text))
	}
}

func TestTypesWithoutConstraintsAreSkipped(t *testing.T) {
	plan := testSchema.prepared()
	for ref, want := range map[Ref]bool{
		tChoice: false, tTimes: false, tRest: false, tEmpty: false, tNested: true, tNests: true, tLists: true, tEverything: true,
	} {
		if plan.types[ref].checks != want {
			t.Errorf("%s: checks %v, want %v", plan.types[ref].Name, !want, want)
		}
	}
}

// TestKeysBreakTheRulesOfStrings: the quick check of a map's keys agrees with that of values.
func TestKeysBreakTheRulesOfStrings(t *testing.T) {
	for _, c := range []*Constraints{
		{Min: "1"}, {Max: "4"}, {Min: "2", Max: "3"}, {Pattern: "[a-zé]+"}, {Enum: []string{"a", "éé"}}, {Min: "1", Max: "2", Pattern: "a*"},
	} {
		plan := typePlan{Type: &Type{Kind: KindString, Rules: c}}
		prepareRules(&plan.rules, c)
		for _, s := range []string{"", "a", "é", "aa", "éé", "aaa", "ééé", "éééé", "aaaa", "ééééé", "aaaaa", "😀", "b"} {
			if got, want := plan.breaksText(s), len(plan.broken(unsafe.Pointer(&s))) > 0; got != want {
				t.Errorf("%+v of %q: %t, want %t", c, s, got, want)
			}
		}
	}
}
