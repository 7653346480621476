// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// xmlText reads a document whose root holds text only.
func xmlText(data string) (string, error) {
	var s xmlScanner
	if err := s.start([]byte(data)); err != nil {
		return "", err
	}
	found, err := s.root()
	if err != nil || !found {
		return "", errors.Join(err, errors.New("no root"))
	}
	text, err := s.text()
	if err != nil {
		return "", err
	}
	return text, s.end()
}

func TestXMLText(t *testing.T) {
	for data, want := range map[string]string{
		"<a/>":                             "",
		"<a />":                            "",
		"<a></a >":                         "",
		"<a>x</a>":                         "x",
		"<a>  x\t</a>":                     "  x\t",
		"\ufeff<a>x</a>":                   "x",
		"\n<a>x</a>\n":                     "x",
		"<a>&lt;&gt;&amp;&quot;&apos;</a>": `<>&"'`,
		"<a>&#65;&#x42;&#x1F600;</a>":      "AB\U0001F600",
		"<a>&#13;&#10;</a>":                "\r\n",
		"<a>1\r\n2\r3</a>":                 "1\n2\n3",
		"<a><![CDATA[<&]]x>\r\n]]></a>":    "<&]]x>\n",
		"<a>1<![CDATA[2]]>3<!-- 4 -->5<?p 6?>7<![CDATA[]]></a>": "12357",
		"<a><!----></a>": "",
		"<!-- a --><?x?><a>b</a><!-- c --><?y ?>":                          "b",
		`<?xml version="1.0"?><a>x</a>`:                                    "x",
		`<?xml version='1.0' encoding='utf-8' standalone="yes" ?><a>x</a>`: "x",
		`<p:a xmlns:p="u">x</p:a>`:                                         "x",
		`<a xmlns="u" xml:lang="en">x</a>`:                                 "x",
		"<é·>x</é·>":                                                       "x",
	} {
		got, err := xmlText(data)
		if err != nil || got != want {
			t.Errorf("%s: got %q, %v", data, got, err)
		}
	}
}

func TestXMLRefusesWhatIsNotWellFormed(t *testing.T) {
	for _, data := range []string{
		"", " ", "x", "<", "<a", "<a>", "<a></b>", "<a></a", "<a></ab>", "<a></a x>", "</a>", "< a/>", "<1/>", "<-/>", "<a/ >",
		"<a/><b/>", "<a/>x", "x<a/>", "<a><b></a></b>", "<a>x]]>y</a>", "<a>&</a>", "<a>&b;</a>", "<a>&lt</a>", "<a>&#;</a>",
		"<a>&#x;</a>", "<a>&#0;</a>", "<a>&#xD800;</a>", "<a>&#xFFFE;</a>", "<a>&#x110000;</a>", "<a>&#+1;</a>", "<a>&#1_0;</a>",
		"<a>&#99999999999999999999;</a>", "<a>&" + strings.Repeat("x", 100) + ";</a>",
		"<a>\x00</a>", "<a>\x0b</a>", "<a>\xff</a>", "<a>\xed\xa0\x80</a>", "<a>\ufffe</a>",
		"<a b/>", "<a b=1/>", "<a b='1/>", "<a b='<'/>", "<a b='&'/>", "<a b='1'c='2'/>", "<a b='1' b='2'/>", "<a ='1'/>",
		"<p:a/>", "<a p:b='1'/>", "<:a/>", "<a:/>", "<a:b:c xmlns:a='u'/>", "<p:1 xmlns:p='u'/>", "<a xmlns:p=''/>", "<a xmlns:xmlns='u'/>",
		"<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>", "<a><b xmlns:p='u'/><p:c/></a>",
		"<!DOCTYPE a><a/>", "<!ENTITY a 'b'><a/>", "<a><!DOCTYPE a></a>", "<a><!ELEMENT b></a>",
		"<a><!-- -- --></a>", "<a><!-- --->", "<a><!-- </a>", "<a><!-></a>", "<a><![CDATA[</a>", "<a><![cdata[x]]></a>",
		"<a><??></a>", "<a><?xml version='1.0'?></a>", "<a><?p</a>", "<a><?p'?></a>", "\n<?xml version='1.0'?><a/>",
		"<?xml?><a/>", "<?xml version='1.1'?><a/>", "<?xml encoding='UTF-8'?><a/>", "<?xml version='1.0' encoding='UTF-16'?><a/>",
		"<?xml version='1.0' x='1'?><a/>", "<?xml version=1.0?><a/>", "<?xml version='1.0?><a/>", "<?xml version='1.0'",
		"\xfe\xff\x00<\x00a\x00/\x00>",
	} {
		var f *FrameworkError
		if got, err := xmlText(data); err == nil {
			t.Errorf("%q: got %q", data, got)
		} else if !errors.As(err, &f) && !strings.Contains(err.Error(), "no root") {
			t.Errorf("%q: %v is no *FrameworkError", data, err)
		}
	}
}

// TestXMLScopes checks that a prefix ends with its element, at every depth.
func TestXMLScopes(t *testing.T) {
	const data = `<a xmlns:p="1"><p:b xmlns:p="2" p:c="x"><p:d p:e="y"/></p:b><f p:g="z"/></a>`
	var s xmlScanner
	if err := s.start([]byte(data)); err != nil {
		t.Fatal(err)
	}
	var got []string
	note := func() {
		for _, a := range s.tag.attrs {
			got = append(got, s.tag.local+" "+a.local+"="+a.value+" in "+a.uri)
		}
	}
	if _, err := s.root(); err != nil {
		t.Fatal(err)
	}
	for len(s.open) > 0 {
		more, err := s.child()
		if err != nil {
			t.Fatal(err)
		}
		if more {
			note()
		}
	}
	if want := "b c=x in 2; d e=y in 2; f g=z in 1"; strings.Join(got, "; ") != want {
		t.Errorf("got %s", strings.Join(got, "; "))
	}
}

// TestXMLCostIsLinear feeds what makes careless readers quadratic; it would not end in time.
func TestXMLCostIsLinear(t *testing.T) {
	const n = 1 << 20
	for name, data := range map[string]string{
		"attributes":   "<a " + manyAttributes(1000) + "/>",
		"comments":     "<a>" + strings.Repeat("<!---->", n) + "</a>",
		"sections":     "<a>" + strings.Repeat("<![CDATA[x]]>", n) + "</a>",
		"references":   "<a>" + strings.Repeat("&amp;", n) + "</a>",
		"brackets":     "<a>" + strings.Repeat("]", n) + "</a>",
		"end tag":      "<a></a" + strings.Repeat(" ", n),
		"instructions": strings.Repeat("<?a?>", n) + "<a/>",
		"entity":       "<a>&" + strings.Repeat("a", n) + "</a>",
	} {
		text, err := xmlText(data)
		if err == nil && len(text) > 5*n {
			t.Errorf("%s: %d bytes", name, len(text))
		}
	}
}

// FuzzXML compares the reader with encoding/xml: what it accepts must be XML there too, with the same text.
func FuzzXML(f *testing.F) {
	f.Add([]byte(`<?xml version="1.0"?><p:a xmlns:p="u" b='&lt;'>1&#x41;<![CDATA[<]]><!-- c --><?d e?></p:a>`))
	f.Add([]byte("<a>\r\n\r]]&gt;</a>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := xmlText(string(data))
		if err != nil {
			return
		}
		d := xml.NewDecoder(strings.NewReader(string(data)))
		d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
		want := ""
		for depth := 0; ; {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil && strings.Contains(err.Error(), "invalid XML name") {
				return // its names are those of XML's fourth edition, ours those of the fifth
			}
			if err != nil {
				t.Fatalf("encoding/xml: %v", err)
			}
			switch x := token.(type) {
			case xml.StartElement:
				depth++
			case xml.EndElement:
				depth--
			case xml.CharData:
				if depth > 0 {
					want += string(x)
				}
			}
		}
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
