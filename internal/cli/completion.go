// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help is shown by `gust completion --help`.
func (completionCommand) Help() string {
	return `To use it now and in every new shell:

  bash   echo 'source <(gust completion bash)' >> ~/.bashrc
  zsh    echo 'source <(gust completion zsh)' >> ~/.zshrc     (after compinit)
  fish   gust completion fish > ~/.config/fish/completions/gust.fish`
}

// Run prints the script: the commands and flags of this binary, nothing is asked at completion time.
func (c completionCommand) Run(e *Env, k *kong.Kong) error {
	nodes := completions(k.Model.Node, "")
	write := map[string]func(io.Writer, []completion) error{"bash": writeBash, "zsh": writeZsh, "fish": writeFish}[c.Shell]
	return write(e.Stdout, nodes)
}

// completion is what may follow a path of commands.
type completion struct {
	path  string // "", "runtime", "runtime list"
	words []word
}

type word struct{ text, help string }

// completions walks the commands below n; path is n's own.
func completions(n *kong.Node, path string) []completion {
	c := completion{path: path}
	all := []completion{}
	for _, child := range n.Children {
		if child.Hidden || child.Type != kong.CommandNode {
			continue
		}
		c.words = append(c.words, word{child.Name, child.Help})
		all = append(all, completions(child, strings.TrimSpace(path+" "+child.Name))...)
	}
	for _, p := range n.Positional {
		for _, v := range p.EnumSlice() {
			c.words = append(c.words, word{v, ""})
		}
	}
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			c.words = append(c.words, word{"--" + f.Name, f.Help})
		}
	}
	return append([]completion{c}, all...)
}

// writeBash finds the longest path of commands among the words before the cursor.
func writeBash(w io.Writer, all []completion) error {
	var cases strings.Builder
	for _, c := range all {
		texts := make([]string, len(c.words))
		for i, word := range c.words {
			texts[i] = word.text
		}
		fmt.Fprintf(&cases, "    %q) words=%q ;;\n", c.path, strings.Join(texts, " "))
	}
	_, err := fmt.Fprintf(w, `# bash completion for gust
_gust() {
  local cur=${COMP_WORDS[COMP_CWORD]} path="" words="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    [[ ${COMP_WORDS[i]} == -* ]] || path="${path:+$path }${COMP_WORDS[i]}"
  done
  case $path in
%s  esac
  if [[ -n $words ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
  else
    COMPREPLY=($(compgen -f -- "$cur"))
  fi
}
complete -F _gust gust
`, cases.String())
	return err
}

func writeZsh(w io.Writer, all []completion) error {
	var cases strings.Builder
	for _, c := range all {
		fmt.Fprintf(&cases, "    %s) candidates=(", shellQuote(c.path))
		for _, word := range c.words {
			cases.WriteString(" " + shellQuote(strings.ReplaceAll(word.text, ":", `\:`)+":"+word.help))
		}
		cases.WriteString(" ) ;;\n")
	}
	_, err := fmt.Fprintf(w, `#compdef gust
_gust() {
  local -a before candidates
  local i gust_path
  for ((i = 2; i < CURRENT; i++)); do
    [[ ${words[i]} == -* ]] || before+=("${words[i]}")
  done
  gust_path="${(j: :)before}"
  case $gust_path in
%s  esac
  if (( ${#candidates} )); then
    _describe 'gust' candidates
  else
    _files
  fi
}
compdef _gust gust
`, cases.String())
	return err
}

func writeFish(w io.Writer, all []completion) error {
	var b strings.Builder
	b.WriteString(`# fish completion for gust
function __gust_at
  set -l words (commandline -opc)
  set -e words[1]
  set -l commands (string match -v -- '-*' $words)
  test "$commands" = "$argv[1]"
end
complete -c gust -f
`)
	for _, c := range all {
		for _, word := range c.words {
			kind, text := "-a", word.text
			if long, ok := strings.CutPrefix(word.text, "--"); ok {
				kind, text = "-l", long
			}
			fmt.Fprintf(&b, "complete -c gust -n %s %s %s", shellQuote("__gust_at "+shellQuote(c.path)), kind, shellQuote(text))
			if word.help != "" {
				b.WriteString(" -d " + shellQuote(word.help))
			}
			b.WriteByte('\n')
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// shellQuote quotes s for a POSIX shell, zsh and fish alike: no quotes of either kind stay inside single quotes.
func shellQuote(s string) string {
	return "'" + strings.NewReplacer("'", `'\''`).Replace(s) + "'"
}
