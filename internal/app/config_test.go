// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/cli"
)

// probe stands in for `gust serve`: it keeps the configuration instead of starting a server.
type probe struct {
	Config
	got *Config
}

func (p *probe) Run(_ context.Context, _ *cli.Env) error {
	*p.got = p.Config
	return p.check()
}

// parse runs the command line and returns the configuration, the exit code and what was printed.
func parse(t *testing.T, args ...string) (Config, int, string) {
	t.Helper()
	var c Config
	var out bytes.Buffer
	code := cli.Main(t.Context(), cli.Env{Args: append([]string{"serve"}, args...), Stdout: &out, Stderr: &out, Vars: vars()}, probe{got: &c})
	return c, code, out.String()
}

func TestFlagWinsOverEnvironmentOverFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gust.conf")
	if err := os.WriteFile(file, []byte("# a comment\n\nlisten = 127.0.0.1:1\nlog-level=warn\n  idle-timeout =  5m \ndomain = a.test,b.test\nephemeral = true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GUST_CONFIG", file)
	t.Setenv("GUST_LISTEN", "127.0.0.1:2")
	t.Setenv("GUST_LOG_LEVEL", "error")
	c, code, out := parse(t, "--listen", "127.0.0.1:3")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	if c.Listen != "127.0.0.1:3" || c.LogLevel != "error" || c.IdleTimeout != 5*time.Minute || !c.Ephemeral ||
		strings.Join(c.Domain, " ") != "a.test b.test" || c.LogFormat != "text" {
		t.Errorf("configuration %+v", c)
	}
	if c.ClockSpeed != nil {
		t.Errorf("a clock for tests that nobody asked for: %v", *c.ClockSpeed)
	}
	t.Setenv("GUST_CLOCK_SPEED", "60")
	if c, _, _ := parse(t); c.ClockSpeed == nil || *c.ClockSpeed != 60 {
		t.Errorf("GUST_CLOCK_SPEED is not read: %v", c.ClockSpeed)
	}
	if c, _, _ := parse(t); c.Listen != "127.0.0.1:2" {
		t.Errorf("without the flag: %s", c.Listen)
	}
}

func TestConfigRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	tests := []struct {
		name string
		args []string
		code int
		want string
	}{
		{"nothing", nil, 0, ""},
		{"localhost", []string{"--listen=localhost:4566"}, 0, ""},
		{"IPv6 loopback", []string{"--listen=[::1]:4566"}, 0, ""},
		{"a database", []string{"--store=postgres://gust:secret@db/gust"}, 0, ""},
		{"another database", []string{"--store=mysql://gust:secret@db/gust"}, 1, "begins with postgres://"},
		{"a database and memory", []string{"--store=postgres://db/gust", "--ephemeral"}, 1, "cannot go with --store"},
		{"all addresses", []string{"--listen=0.0.0.0:4566"}, 1, "can be reached from other machines"},
		{"no address", []string{"--listen=:4566"}, 1, "can be reached from other machines"},
		{"another address", []string{"--listen=192.168.1.1:4566"}, 1, "put a proxy that authenticates in front"},
		{"a name", []string{"--listen=example.com:4566"}, 1, "can be reached from other machines"},
		{"all addresses, hint", []string{"--listen=0.0.0.0:4566"}, 1, "Add --auth enforce"},
		{"all addresses, enforced", []string{"--listen=0.0.0.0:4566", "--auth=enforce"}, 0, ""},
		{"a name, enforced", []string{"--listen=example.com:4566", "--auth=enforce"}, 0, ""},
		{"all addresses, development", []string{"--listen=0.0.0.0:4566", "--auth=development"}, 1, "can be reached from other machines"},
		{"unknown authentication", []string{"--auth=none"}, 2, "--auth must be one of"},
		{"reset root in development", []string{"--reset-root"}, 1, "--reset-root needs --auth enforce"},
		{"reset root, enforced", []string{"--reset-root", "--auth=enforce"}, 0, ""},
		{"reset root in a file", []string{"--config", write("e", "auth = enforce\nreset-root = true")}, 2, `there is no setting "reset-root"`},
		{"authentication in a file", []string{"--config", write("f", "auth = enforce\nlisten = 0.0.0.0:4566")}, 0, ""},
		{"no port", []string{"--listen=127.0.0.1"}, 1, "want ADDRESS:PORT"},
		{"unknown level", []string{"--log-level=loud"}, 2, "--log-level must be one of"},
		{"unknown driver", []string{"--driver=docker"}, 2, "--driver must be one of"},
		{"unknown flag", []string{"--lisen=x"}, 2, "unknown flag"},
		{"negative pool", []string{"--pool-size=-1"}, 1, "cannot be negative"},
		{"no number", []string{"--pool-size=many"}, 2, "many"},
		{"a clock for tests", []string{"--clock-speed=60"}, 0, ""},
		{"a clock for tests, enforced", []string{"--clock-speed=1.5", "--auth=enforce"}, 0, ""},
		{"a clock that stands still", []string{"--clock-speed=0"}, 1, "--clock-speed 0: the speed is a number from 1 to 3600"},
		{"a slow clock", []string{"--clock-speed=0.9"}, 1, "from 1 to 3600"},
		{"a clock that runs backwards", []string{"--clock-speed=-1"}, 1, "from 1 to 3600"},
		{"too fast a clock", []string{"--clock-speed=3601"}, 1, "from 1 to 3600"},
		{"an endless clock", []string{"--clock-speed=Inf"}, 1, "from 1 to 3600"},
		{"no number for a clock", []string{"--clock-speed=NaN"}, 1, "from 1 to 3600"},
		{"no speed", []string{"--clock-speed=fast"}, 2, "fast"},
		{"a clock for everybody", []string{"--clock-speed=1", "--auth=enforce", "--listen=0.0.0.0:4566"}, 1, "whoever reaches it could move the clock"},
		{"a clock in a file", []string{"--config", write("g", "clock-speed = 7200")}, 1, "--clock-speed 7200"},
		{"wildcard domain", []string{"--domain=*.x"}, 1, "want a host name"},
		{"origin with a path", []string{"--allow-origin=https://x/"}, 1, "without a path"},
		{"file is missing", []string{"--config", filepath.Join(dir, "none")}, 2, "none"},
		{"file with an unknown name", []string{"--config", write("a", "lissen = x")}, 2, `there is no setting "lissen"`},
		{"file with another form", []string{"--config", write("b", "x\nlisten")}, 2, "line 1 is not"},
		{"file that repeats", []string{"--config", write("c", "listen=127.0.0.1:1\nlisten=127.0.0.1:2")}, 2, `line 2 sets "listen" again`},
		{"file with a bad value", []string{"--config", write("d", "pool-size = many")}, 2, "many"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, code, out := parse(t, tt.args...); code != tt.code || !strings.Contains(out, tt.want) {
				t.Errorf("exit code %d, want %d: %s", code, tt.code, out)
			}
		})
	}
}

// FuzzParseFile: any text is read to settings that can stand in a file, or refused.
func FuzzParseFile(f *testing.F) {
	f.Add("# comment\nlisten = 127.0.0.1:1\n\n")
	f.Add("a=b=c\n=x")
	f.Fuzz(func(t *testing.T, text string) {
		values, err := parseFile(strings.NewReader(text))
		if err != nil {
			return
		}
		var again strings.Builder
		for k, v := range values {
			if k == "" || k != strings.TrimSpace(k) || strings.ContainsAny(k+v, "\n") {
				t.Errorf("setting %q = %q", k, v)
			}
			again.WriteString(k + " = " + v + "\n")
		}
		if got, err := parseFile(strings.NewReader(again.String())); err != nil || !maps.Equal(got, values) {
			t.Errorf("%q became %q, then %q: %v", text, values, got, err)
		}
	})
}

func TestEveryFlagHasAnEnvironmentVariableAndHelp(t *testing.T) {
	_, code, out := parse(t, "--help")
	if code != 0 {
		t.Fatalf("exit code %d", code)
	}
	for name := range map[string]bool{
		"config": true, "data": true, "ephemeral": true, "listen": true, "log-level": true,
		"log-format": true, "driver": true, "pool-size": true, "idle-timeout": true, "allow-origin": true, "domain": true,
		"auth": true, "clock-speed": true,
	} {
		variable := "$GUST_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		if !strings.Contains(out, "--"+name) || !strings.Contains(out, variable) {
			t.Errorf("help lacks --%s or %s:\n%s", name, variable, out)
		}
	}
}
