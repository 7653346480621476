// SPDX-License-Identifier: Apache-2.0

package archtest

import (
	"go/ast"
	"go/scanner"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestEveryPackageHasAComment(t *testing.T) {
	t.Parallel()
	said := map[string]bool{}
	for _, s := range mustTree(t) {
		if s.test {
			continue
		}
		want := "Package " + s.file.Name.Name + " "
		if s.file.Name.Name == "main" {
			want = "Command " + path.Base(s.dir) + " "
		}
		said[s.dir] = said[s.dir] || strings.HasPrefix(s.file.Doc.Text(), want)
	}
	for dir, ok := range said {
		if !ok {
			t.Errorf("%s has no package comment", dir)
		}
	}
}

func TestEveryFileBeginsWithItsLicence(t *testing.T) {
	t.Parallel()
	for _, s := range mustTree(t) {
		if !strings.HasPrefix(s.text, "// SPDX-License-Identifier: Apache-2.0\n") {
			t.Errorf("%s does not begin with the SPDX line", s.path)
		}
	}
}

// TestUnsafeStandsInWireOnly: generated tables may use Offsetof and nothing else.
func TestUnsafeStandsInWireOnly(t *testing.T) {
	t.Parallel()
	for _, s := range mustTree(t) {
		if s.dir == "internal/wire" || !slices.Contains(s.imports(), "unsafe") {
			continue
		}
		if !s.generated {
			t.Errorf("%s imports unsafe", s.path)
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if x, ok := n.(*ast.SelectorExpr); ok && selected(x, "unsafe") && x.Sel.Name != "Offsetof" {
				t.Errorf("%s:%d uses unsafe.%s", s.path, s.line(x), x.Sel.Name)
			}
			return true
		})
	}
}

func selected(x *ast.SelectorExpr, pkg string) bool {
	id, ok := x.X.(*ast.Ident)
	return ok && id.Name == pkg
}

func TestNoInit(t *testing.T) {
	t.Parallel()
	for _, s := range mustTree(t) {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s:%d declares init: the composition root starts everything", s.path, s.line(f))
			}
		}
	}
}

// maxLines is the cap of a file: lines that hold code.
const maxLines = 600

func TestFilesAreShort(t *testing.T) {
	t.Parallel()
	for _, s := range mustTree(t) {
		if n := codeLines(s.text); n > maxLines && !s.generated {
			t.Errorf("%s has %d lines of code, at most %d", s.path, n, maxLines)
		}
	}
}

// codeLines counts the lines on which something stands that is not a comment.
func codeLines(text string) int {
	fs := token.NewFileSet()
	f := fs.AddFile("", -1, len(text))
	var sc scanner.Scanner
	sc.Init(f, []byte(text), nil, 0)
	lines := map[int]bool{}
	for {
		pos, tok, lit := sc.Scan()
		if tok == token.EOF {
			return len(lines)
		}
		if tok == token.SEMICOLON && lit == "\n" {
			continue // the scanner's own
		}
		first := f.Line(pos)
		for i := range strings.Count(lit, "\n") + 1 {
			lines[first+i] = true
		}
	}
}

func TestCodeLines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		want       int
	}{
		{"comments and empty lines", "// a\n\npackage x\n\n/* b\nc */\n", 1},
		{"a raw string of three lines", "package x\nvar s = `a\n\nb`\n", 4},
		{"code before a comment", "package x // c\nvar y int\n", 2},
	} {
		if got := codeLines(c.text); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// vague are names that say nothing of what is inside.
var vague = []string{"util", "utils", "common", "helper", "helpers", "misc", "types", "manager"}

func TestNamesSaySomething(t *testing.T) {
	t.Parallel()
	for _, s := range mustTree(t) {
		if s.test {
			continue
		}
		for _, part := range strings.Split(strings.TrimSuffix(s.path, ".go"), "/") {
			if slices.Contains(vague, part) {
				t.Errorf("%s: %q is no name", s.path, part)
			}
		}
	}
}

var postponed = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)

func TestNothingIsPostponedInComments(t *testing.T) {
	t.Parallel()
	for _, s := range mustTree(t) {
		for _, g := range s.file.Comments {
			if m := postponed.FindString(g.Text()); m != "" {
				t.Errorf("%s:%d says %s: what is missing stands in a README", s.path, s.line(g), m)
			}
		}
	}
}

// ban is a function of the standard library that only some folders may call.
type ban struct {
	pkg     string
	names   *regexp.Regexp
	allowed []string
	instead string
}

// bans hold where no linter runs, too. A line that says nolint with a reason is an exception.
var bans = []ban{
	{
		"time", regexp.MustCompile(`^(Now|Since|Until|Sleep|After|Tick|NewTimer|NewTicker|AfterFunc)$`),
		[]string{"cmd", "internal/app", "internal/base/clock", "bench"},
		"take base/clock from Deps, or now as an argument",
	},
	{
		"os", regexp.MustCompile(`^(Getenv|LookupEnv|Exit)$`),
		[]string{"cmd", "internal/app", "bench"},
		"configuration is read in internal/app only",
	},
	{"context", regexp.MustCompile(`^(Background|TODO)$`), []string{"cmd", "internal/app", "bench"}, "pass the caller's context"},
	{"fmt", regexp.MustCompile(`^Print`), []string{"cmd", "internal/app", "bench"}, "write to a writer that was given"},
	{"log/slog", regexp.MustCompile(`^(Debug|Info|Warn|Error)(Context)?$`), nil, "use the logger in Deps"},
	{"log", regexp.MustCompile(`^`), nil, "use the logger in Deps"},
}

func TestBannedCalls(t *testing.T) {
	t.Parallel()
	for _, s := range mustTree(t) {
		if s.test || s.generated {
			continue
		}
		names := s.names()
		excused := excusedLines(s)
		ast.Inspect(s.file, func(n ast.Node) bool {
			x, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if id, ok := x.X.(*ast.Ident); ok && !excused[s.line(x)] {
				for _, b := range bans {
					if names[id.Name] == b.pkg && b.names.MatchString(x.Sel.Name) && !b.allows(s.dir) {
						t.Errorf("%s:%d uses %s.%s: %s", s.path, s.line(x), id.Name, x.Sel.Name, b.instead)
					}
				}
			}
			return true
		})
	}
}

func (b ban) allows(dir string) bool {
	return slices.ContainsFunc(b.allowed, func(a string) bool { return below(dir, a) })
}

var nolint = regexp.MustCompile(`^//nolint:[a-z,]*forbidigo[a-z,]* // \S`)

func excusedLines(s source) map[int]bool {
	m := map[int]bool{}
	for _, g := range s.file.Comments {
		for _, c := range g.List {
			if nolint.MatchString(c.Text) {
				m[s.line(c)] = true
			}
		}
	}
	return m
}
