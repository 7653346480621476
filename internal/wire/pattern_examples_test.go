// SPDX-License-Identifier: Apache-2.0

package wire

import "strings"

// specialPattern is a pattern of the models that RE2 does not take, with texts on both sides of its edge.
type specialPattern struct {
	pattern        string
	accept, refuse []string
	gone           bool // of models before the imported ones
}

var specialPatterns = []specialPattern{
	{
		pattern: `((?!^\d+$)^[0-9a-zA-Z-_]+$)`,
		accept:  []string{"live", "1a", "a1", "-", "_1"},
		refuse:  []string{"", "1", "123", "a.b", "live\n"},
	},
	{
		pattern: `((?=^.{1,127}$)^([a-zA-Z0-9_][a-zA-Z0-9-_]{0,61}[a-zA-Z0-9_]|[a-zA-Z0-9])` +
			`(\.([a-zA-Z0-9_][a-zA-Z0-9-_]{0,61}[a-zA-Z0-9_]|[a-zA-Z0-9]))*$)|(^\.$)`,
		accept: []string{".", "a", "a.b", "_a-b.c", strings.Repeat("a", 63) + "." + strings.Repeat("b", 63)},
		refuse: []string{"", "..", "-a", "a.", strings.Repeat("a", 64), strings.Repeat("ab.", 42) + "abc"},
	},
	{
		pattern: `(?!((^[ ]+.*)|(.*([\u0000-\u001f]|[\u007f-\u009f]|[:/|])+.*)|(.*[ ]+$))).+`,
		accept:  []string{"a", "a b", "é", "a\u00a0"},
		refuse:  []string{"", " a", "a ", "a:b", "a/b", "a\tb", "a\u0085", "a\x7f"},
	},
	{
		pattern: `(?!\s*$).+|(\$(\.[\w/_-]+(\[(\d+|\*)\])*)*)`,
		accept:  []string{"a", " a", "$.a[0][*].b", "$"},
		refuse:  []string{"", " ", " \t", "a\nb"},
	},
	{
		pattern: `(?!^[0-9]+$)([a-zA-Z0-9-_]+)`,
		accept:  []string{"live", "1a", "a1", "1-"},
		refuse:  []string{"", "1", "123", "a.b", "1\n"},
	},
	{
		pattern: `(?=[/\.\-_A-Za-z0-9]+)((?!aws\.).*)|(\$(\.[\w_-]+(\[(\d+|\*)\])*)*)`,
		accept:  []string{"my.app", "aws", "awsx.y", "$.a[1]", "$", "a b"},
		refuse:  []string{"", "aws.s3", "aws.", " a", "$.", "$.a["},
	},
	{
		pattern: `(\*\.)?(((?!-)[A-Za-z0-9-]{0,62}[A-Za-z0-9])\.)+((?!-)[A-Za-z0-9-]{1,62}[A-Za-z0-9])`,
		accept:  []string{"example.com", "*.example.com", "a.b.co", "x-y.example.com", strings.Repeat("a", 63) + ".com"},
		refuse:  []string{"", "example", "-x.example.com", "x-.example.com", "example.-c", "a.b", strings.Repeat("a", 64) + ".com", "**.a.com"},
	},
	{
		pattern: `(^(?!(system\x2e)))(^[_a-zA-Z0-9])([^$]*)`,
		accept:  []string{"a", "systems", "system", "_x y", "asystem."},
		refuse:  []string{"", "system.", "system.x", "a$", "-a"},
	},
	{
		pattern: `(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?` +
			`([a-zA-Z0-9-_]{1,64})(:((?!\d+$)[0-9a-zA-Z-_]+))?`,
		accept: []string{"f", "f:live", "f:1a", "123456789012:function:f", "arn:aws:lambda:eu-west-1:123456789012:function:f:live"},
		refuse: []string{"", "f:1", "f:", "f:$LATEST", "arn:aws:lambda:eu-west-1:123456789012:function:f:12"},
	},
	{
		pattern: `.*(?=[/\.\-_A-Za-z0-9]+)((?!aws\.).*)|(\$(\.[\w/_-]+(\[(\d+|\*)\])*)*).*`,
		accept:  []string{"my.app", "aws.s3", "$", "$.a!", " a"},
		refuse:  []string{"", " ", "!", "a\nb"},
	},
	{
		pattern: `[0-9A-Za-z\.\-_]*(?<!\.)`,
		accept:  []string{"", "my-bucket", "a.b_c"},
		refuse:  []string{".", "ends.with.", "sla/sh", "a\n"},
	},
	{
		pattern: `[A-Za-z](?!.*--)[0-9A-Za-z-]*[^-]|^default(?!.*--)(?!.*\.\.)[0-9A-Za-z-.]*[^-]`,
		accept:  []string{"ab", "a-b", "default.mysql8.0", "a!"},
		refuse:  []string{"", "a", "a--b", "a-", "default..x", "default.a--b", "default.a-", "1a"},
	},
	{
		pattern: `^(?! )[\p{L}\p{N}\p{Z}-_]*(?<! )$`,
		accept:  []string{"", "a", "é b_-", "\u00a0a"},
		refuse:  []string{" ", " a", "a ", "a.b"},
	},
	{
		pattern: `^(?![aA]{1}[wW]{1}[sS]{1}:)([\p{L}\p{Z}\p{N}_.:/=+\-@]+)$`,
		accept:  []string{"a", "aws", "awsx:", "é 1@"},
		refuse:  []string{"", "aws:", "AWS:x", "aWs:x", "a!"},
	},
	{
		pattern: `^(?!\s*$).+`,
		accept:  []string{"a", " a", "a ", "\ta"},
		refuse:  []string{"", " ", "\t\v ", "a\nb"},
	},
	{
		pattern: `^(?!arn:)[!-~]{1,1024}$`,
		accept:  []string{"a", "arn", "xarn:", strings.Repeat("~", 1024)},
		refuse:  []string{"", "arn:", "arn:x", "a b", "é", strings.Repeat("~", 1025)},
	},
	{
		pattern: `^(?!arn:)[!-~]{1,253}$`,
		accept:  []string{"a", "arn", strings.Repeat("~", 253)},
		refuse:  []string{"", "arn:x", "a b", strings.Repeat("~", 254)},
	},
	{
		pattern: `^(?!aws:)[\p{L}\p{Z}\p{N}_.:\/=+\-@%]*$`,
		accept:  []string{"", "a", "AWS:", "aws", "é %"},
		refuse:  []string{"aws:", "aws:x", "a!"},
	},
	{
		pattern: `^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$`,
		accept:  []string{"a", "1a", "1-", "."},
		refuse:  []string{"", "1", "123", "a b"},
	},
	{
		pattern: `^([\-]?\d{4}(?!\d{2}\b))((-?)((0[1-9]|1[0-2])(\3([12]\d|0[1-9]|3[01]))?|W([0-4]\d|5[0-2])(-?[1-7])?|` +
			`(00[1-9]|0[1-9]\d|[12]\d{2}|3([0-5]\d|6[1-6])))([T\s]((([01]\d|2[0-3])((:?)[0-5]\d)?|24\:?00)([\.,]\d(?!:))?)?` +
			`(\17[0-5]\d([\.,]\d)?)?([zZ]|([\-])([01]\d|2[0-3]):?([0-5]\d)?)?)?)?$`,
		accept: []string{
			"2026", "2026-11", "2026-11-25", "20261125", "2026-W48-3", "2026W48", "2026-330", "2026-11-25T10", "2026-11-25T10:20",
			"2026-11-25T10:20:30Z", "20261125T102030", "2026-11-25 10:20:30.5-02:00", "2026-11-25T24:00", "-2026-11", "2026-11-25T",
			"2026-11-25T10:20.5", "2026-11-25T10.5", "2026-11-25TZ", "2026-11-25T2400-02",
		},
		refuse: []string{
			"", "202611", "2026-1125", "202611-25", "2026-13", "2026-11-32", "2026-11-25T10:2030", "2026-11-25T1020:30",
			"2026-11-25T25", "2026-11-25T10:20:30+02:00", "2026-W53", "2026-367", "2026-11-25T10:20.5:30", "2026-11-25T10:20:30z ",
		},
	},
	{
		pattern: "^(\\/|(\\/(?!\\.)+[^$#<>;`|&?{}^*/\\n]+){1,4})$",
		accept:  []string{"/", "/a", "/a/b/c/d", "/a.b"},
		refuse:  []string{"", "a", "/.a", "/a/.b", "/a/b/c/d/e", "/a/", "/a$"},
	},
	{
		pattern: `^.{1,100000}$`,
		accept:  []string{"a", strings.Repeat("é", 100_000)},
		refuse:  []string{"", "a\nb", strings.Repeat("a", 100_001)},
	},
	{
		pattern: `^[!-~]{1,1024}$`,
		accept:  []string{"a", strings.Repeat("~", 1024)},
		refuse:  []string{"", " ", strings.Repeat("~", 1025)},
	},
	{
		pattern: `^[0-9A-Za-z\.\-_]*(?<!\.)$`,
		accept:  []string{"", "my-bucket", "a.b_c"},
		refuse:  []string{".", "ends.with.", "sla/sh"},
	},
	{
		pattern: `^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`,
		accept:  []string{"abc", "a-c", strings.Repeat("a", 63)},
		refuse:  []string{"", "ab", "a--c", "-bc", "ab-", strings.Repeat("a", 64)},
	},
	{
		pattern: `^arn:aws[a-z0-9-]*:iam::\d{12}:role\/[\w-\/.@+=,]{1,1017}$`,
		accept:  []string{"arn:aws:iam::123456789012:role/a-b/c", "arn:aws-cn:iam::123456789012:role/" + strings.Repeat("a", 1017)},
		refuse:  []string{"", "arn:aws:iam::123456789012:role/", "arn:aws:iam::123456789012:role/" + strings.Repeat("a", 1018)},
	},
	{
		pattern: `^https:\/\/[-a-zA-Z0-9@:%._\+~#=]{1,253}\.s3(\.[a-z\d-]{9,16})?\.amazonaws\.com\/.{1,2000}`,
		accept:  []string{"https://b.s3.amazonaws.com/k", "https://b.s3.eu-west-1.amazonaws.com/" + strings.Repeat("k", 2000)},
		refuse:  []string{"", "https://b.s3.amazonaws.com/", "https://b.s3.amazonaws.com/" + strings.Repeat("k", 2001), "http://b.s3.amazonaws.com/k"},
	},
	{
		pattern: `jdbc:(redshift|postgresql)://((?!-)[A-Za-z0-9-]{1,63}(?<!-)\.)+(redshift(-serverless)?)\.([a-zA-Z0-9\.\-]+):` +
			`\d{1,5}/[a-zA-Z0-9_$-]+`,
		accept: []string{"jdbc:redshift://a-b.c.redshift.amazonaws.com:5439/dev", "jdbc:postgresql://x.redshift-serverless.aws:1/$"},
		refuse: []string{
			"", "jdbc:redshift://-a.redshift.amazonaws.com:5439/dev", "jdbc:redshift://a-.redshift.amazonaws.com:5439/dev",
			"jdbc:redshift://redshift.amazonaws.com:5439/dev", "jdbc:mysql://a.redshift.amazonaws.com:5439/dev",
		},
	},
}
