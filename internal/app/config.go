// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/gustcloud/gust/internal/base/clock"
)

// Config is the configuration of a server. Each field is a flag of `gust serve`, an environment variable, and a line of
// the configuration file (ResetRoot is a flag only); the first of these three that is there wins, then the default. Nothing else in Gust reads
// its environment.
type Config struct {
	File      string `name:"config" env:"GUST_CONFIG" type:"existingfile" placeholder:"FILE" group:"server" help:"Read settings from FILE: lines \"name = value\" with the names of these flags, # starts a comment."`
	Data      string `env:"GUST_DATA" type:"path" default:"${data}" placeholder:"DIR" group:"server" help:"Keep everything in DIR (default: ${default})."`
	Ephemeral bool   `env:"GUST_EPHEMERAL" group:"server" help:"Keep everything in memory and temporary files; --data is not used."`
	Store     string `env:"GUST_STORE" placeholder:"URL" group:"server" help:"Keep all but packages and files in PostgreSQL 15 or newer: postgres://user@host/database. A password is better set in $GUST_STORE or a password file: other users see flags. By default everything is in --data."`
	Listen    string `env:"GUST_LISTEN" default:"127.0.0.1:4566" placeholder:"ADDR" group:"server" help:"Serve the AWS API on ADDR; other addresses than this machine's loopback need --auth enforce (default: ${default})."`
	// ClockSpeed is nil on a server that is not for tests.
	ClockSpeed *float64 `name:"clock-speed" env:"GUST_CLOCK_SPEED" placeholder:"N" group:"server" help:"For tests only: let service time (retries, schedules, visibility, retention, TTLs) run N times as fast as the machine's, 1 to 3600, and let whoever reaches the API move it: POST /_gust/clock. Needs a loopback --listen. By default service time cannot be moved."`
	LogLevel   string   `env:"GUST_LOG_LEVEL" enum:"debug,info,warn,error" default:"info" placeholder:"LEVEL" group:"server" help:"Log lines of LEVEL and above: debug (every API call), info, warn, error (default: ${default})."`
	LogFormat  string   `env:"GUST_LOG_FORMAT" enum:"text,json" default:"text" placeholder:"FORMAT" group:"server" help:"text or json (default: ${default})."`

	Driver      string        `env:"GUST_DRIVER" enum:"linux,process" default:"${driver}" placeholder:"NAME" group:"functions" help:"Isolate functions with driver NAME: linux (sandboxes), process (NO isolation) (default: ${default})."`
	PoolSize    int           `env:"GUST_POOL_SIZE" default:"4" placeholder:"N" group:"functions" help:"Keep N sandboxes parked for cold starts (default: ${default})."`
	IdleTimeout time.Duration `env:"GUST_IDLE_TIMEOUT" default:"10m" placeholder:"TIME" group:"functions" help:"Shut an execution environment down when it was idle for TIME (default: ${default})."`

	Auth        string   `env:"GUST_AUTH" enum:"development,enforce" default:"development" placeholder:"MODE" group:"security" help:"development: accept any access key; enforce: verify the signature of every request (default: ${default})."`
	ResetRoot   bool     `name:"reset-root" group:"security" help:"With --auth enforce: make new root credentials and print them; the old ones end."`
	AllowOrigin []string `env:"GUST_ALLOW_ORIGIN" placeholder:"URL" group:"security" help:"Let web pages of this origin call the API (\"https://app.example.com\"); may be repeated. By default browsers may not."`
	Domain      []string `env:"GUST_DOMAIN" placeholder:"NAME" group:"security" help:"Answer to NAME, the host of your clients' endpoint, and to its sub-names (buckets, APIs, services) too, beside addresses, localhost, gust.internal, localhost.localstack.cloud and AWS's own domains; may be repeated."`
}

// authEnforce is the value of Config.Auth that verifies signatures.
const authEnforce = "enforce"

// vars are the defaults that depend on the machine.
func vars() kong.Vars {
	driver := "linux"
	if runtime.GOOS != "linux" {
		driver = "process" // sandboxes are made of Linux namespaces
	}
	return kong.Vars{"data": defaultData(), "driver": driver}
}

// defaultData is where a system service keeps its state, or where a user's programs do.
func defaultData() string {
	if os.Geteuid() == 0 {
		return "/var/lib/gust"
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "gust")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "gust-data"
	}
	return filepath.Join(home, ".local", "share", "gust")
}

// homes are the directories in which version managers may keep interpreters: the user's, and that of the user who
// called sudo.
func homes() []string {
	var dirs []string
	if home, err := os.UserHomeDir(); err == nil {
		dirs = append(dirs, home)
	}
	if name := os.Getenv("SUDO_USER"); name != "" {
		if u, err := user.Lookup(name); err == nil {
			dirs = append(dirs, u.HomeDir)
		}
	}
	return dirs
}

// BeforeResolve is called by kong between the environment and the checks: it adds the configuration file.
func (c *Config) BeforeResolve(ctx *kong.Context) error {
	known := map[string]*kong.Flag{}
	var file string
	for _, f := range ctx.Flags() {
		known[f.Name] = f
		if v, ok := ctx.FlagValue(f).(string); ok && f.Name == "config" {
			file = v
		}
	}
	if file == "" {
		return nil
	}
	r, err := os.Open(file) //nolint:gosec // the operator names the file
	if err != nil {
		return fmt.Errorf("configuration file: %w", err)
	}
	defer func() { _ = r.Close() }()
	values, err := parseFile(r)
	if err != nil {
		return fmt.Errorf("configuration file %s: %w", file, err)
	}
	for name := range values {
		if known[name] == nil || name == "config" || name == "help" || name == "reset-root" { // the last: for one start only
			return fmt.Errorf("configuration file %s: there is no setting %q", file, name)
		}
	}
	ctx.AddResolver(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, f *kong.Flag) (any, error) {
		for _, env := range f.Envs {
			if _, set := os.LookupEnv(env); set {
				return nil, nil // the environment wins over the file
			}
		}
		if v, ok := values[f.Name]; ok {
			return v, nil
		}
		return nil, nil
	}))
	return nil
}

// parseFile reads lines "name = value". Values need no quotes and end with the line; a setting that may be repeated takes
// its values separated by commas.
func parseFile(r io.Reader) (map[string]string, error) {
	values := map[string]string{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		if !ok || name == "" {
			return nil, fmt.Errorf("line %d is not \"name = value\"", n)
		}
		if _, twice := values[name]; twice {
			return nil, fmt.Errorf("line %d sets %q again", n, name)
		}
		values[name] = strings.TrimSpace(value)
	}
	return values, lines.Err()
}

// check refuses what flags cannot express. Nothing was opened or written yet.
func (c *Config) check() error {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("--listen %s: want ADDRESS:PORT: %w", c.Listen, err)
	}
	enforced := c.Auth == authEnforce
	if !enforced && !loopback(host) {
		return &setupError{
			err: fmt.Errorf("--listen %s: this address can be reached from other machines", c.Listen),
			hint: "Without signature checks anyone who reaches the API owns it. " +
				"Add --auth enforce, or listen on 127.0.0.1 and put a proxy that authenticates in front.",
		}
	}
	if err := c.checkClock(host); err != nil {
		return err
	}
	if c.ResetRoot && !enforced {
		return errors.New("--reset-root needs --auth enforce: development mode has no root credentials")
	}
	if c.Store != "" && !strings.HasPrefix(c.Store, "postgres://") && !strings.HasPrefix(c.Store, "postgresql://") {
		return errors.New("--store: want a URL that begins with postgres://") // it may hold a password: not repeated here
	}
	if c.Store != "" && c.Ephemeral {
		return errors.New("--ephemeral keeps everything in memory: it cannot go with --store")
	}
	if c.PoolSize < 0 || c.IdleTimeout < 0 {
		return errors.New("--pool-size and --idle-timeout cannot be negative")
	}
	for _, d := range c.Domain {
		if d == "" || strings.ContainsAny(d, "*/: ") {
			return fmt.Errorf("--domain %q: want a host name; its sub-names are always meant too", d)
		}
	}
	for _, o := range c.AllowOrigin {
		if !strings.Contains(o, "://") || strings.HasSuffix(o, "/") {
			return fmt.Errorf("--allow-origin %q: want scheme://host[:port] without a path", o)
		}
	}
	return nil
}

// loopback tells whether an address is reached from this machine only.
func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// checkClock refuses to let service time be moved where others than this machine's users may do it: the path is not signed.
func (c *Config) checkClock(host string) error {
	if c.ClockSpeed == nil {
		return nil
	}
	if err := clock.CheckSpeed(*c.ClockSpeed); err != nil {
		return fmt.Errorf("--clock-speed %v: %w", *c.ClockSpeed, err)
	}
	if !loopback(host) {
		return &setupError{
			err:  fmt.Errorf("--clock-speed: --listen %s can be reached from other machines, and whoever reaches it could move the clock", c.Listen),
			hint: "It is for tests: listen on 127.0.0.1, or leave it out.",
		}
	}
	return nil
}

func (c *Config) level() slog.Level {
	var l slog.Level
	if err := l.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return slog.LevelInfo // kong has checked the enumeration
	}
	return l
}

// setupError is an error that an operator can do something about.
type setupError struct {
	err  error
	hint string
}

func (e *setupError) Error() string { return e.err.Error() }

func (e *setupError) Unwrap() error { return e.err }

// Hint says what to do.
func (e *setupError) Hint() string { return e.hint }
