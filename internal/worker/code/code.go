// SPDX-License-Identifier: Apache-2.0

// Package code turns deployment packages into directories that sandboxes show at /var/task: each package is unpacked
// once, under the digest of its zip file, and shared read-only by every environment that runs it. It judges a zip
// before anything is written. It does not store packages (the blob store does) and knows no functions.
//
// Read code.go, then check.go (what is refused), unpack.go.
package code

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/gustcloud/gust/internal/invoke"
)

// Deps is everything that a Cache needs. All fields are required.
type Deps struct {
	Dir string // made when absent, owned by this Cache alone
	Log *slog.Logger
	// Epoch names the time during which unsynced files stay readable: the boot id. Directories of another epoch are
	// not trusted (a power cut may have left holes in their files) and are removed. That is why unpacking needs no
	// fsync: the package itself is durable elsewhere.
	Epoch string
}

// BootID returns the running kernel's boot id for Deps.Epoch, or fallback where the host does not tell it.
func BootID(fallback string) string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	id := strings.TrimSpace(string(b))
	if err != nil || id == "" || !filepath.IsLocal(id) {
		return fallback
	}
	return id
}

// Cache holds the unpacked packages of this host. It is safe for concurrent use.
type Cache struct {
	deps Deps

	mu       sync.Mutex
	packages map[string]*entry // by digest
	removals int               // makes the names of directories on their way out unique
	prepared bool              // the directory of this epoch exists, older ones are gone; guarded by prepare
	prepare  sync.Mutex        // held while making it so
}

// entry is one package. Its fields are guarded by Cache.mu; busy is held (full) while it is unpacked or removed.
type entry struct {
	busy    chan struct{} // cap 1
	ready   bool          // the directory is there
	refs    int           // holders, and callers waiting to be
	retired bool          // remove with the last reference
}

// New returns a cache; it does no I/O.
func New(d Deps) *Cache { return &Cache{deps: d, packages: make(map[string]*entry)} }

// Package is an unpacked deployment package, until Release.
type Package struct {
	Dir string // host directory: files 0644 or 0755, directories 0755

	cache *Cache
	sha   string
	once  sync.Once
}

// Acquire returns the package with the digest (64 lower-case hexadecimal digits), unpacking it when it is not there.
// Concurrent callers share one unpacking. open is called at most once by each caller.
// Errors: *invoke.CodeError; a digest that does not fit; what open returns; ctx's.
func (c *Cache) Acquire(ctx context.Context, sha string, open func(context.Context) (invoke.CodeReader, error)) (*Package, error) {
	if b, err := hex.DecodeString(sha); err != nil || len(b) != sha256.Size || strings.ToLower(sha) != sha {
		return nil, fmt.Errorf("code digest %q is not 64 lower-case hexadecimal digits", sha)
	}
	if err := c.prepareDir(); err != nil {
		return nil, fmt.Errorf("code directory: %w", err)
	}
	c.mu.Lock()
	e := c.packages[sha]
	if e == nil {
		e = &entry{busy: make(chan struct{}, 1)}
		c.packages[sha] = e
	}
	e.refs++
	e.retired = false
	ready := e.ready
	c.mu.Unlock()
	if !ready {
		if err := c.fill(ctx, sha, e, open); err != nil {
			c.release(sha)
			return nil, err
		}
	}
	return &Package{Dir: c.path(sha), cache: c, sha: sha}, nil
}

// fill unpacks the package unless another caller has done it by then.
func (c *Cache) fill(ctx context.Context, sha string, e *entry, open func(context.Context) (invoke.CodeReader, error)) error {
	select {
	case e.busy <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-e.busy }()
	c.mu.Lock()
	ready := e.ready
	c.mu.Unlock()
	if !ready {
		if err := c.unpack(ctx, sha, open); err != nil {
			return fmt.Errorf("code %s: %w", sha, err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e.ready = true
	return nil
}

// unpack makes the directory of one package, or finds the one that an earlier process of this epoch made.
func (c *Cache) unpack(ctx context.Context, sha string, open func(context.Context) (invoke.CodeReader, error)) error {
	dir := c.path(sha)
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	r, err := open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	if err := verify(ctx, r, sha); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "tmp-")
	if err != nil {
		return err
	}
	if err := Unpack(ctx, r, r.Size(), tmp); err != nil {
		return errors.Join(err, os.RemoveAll(tmp))
	}
	return os.Rename(tmp, dir)
}

// verify compares the digest of the whole package.
func verify(ctx context.Context, r invoke.CodeReader, sha string) error {
	h := sha256.New()
	if _, err := io.Copy(h, &contextReader{ctx, io.NewSectionReader(r, 0, r.Size())}); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != sha {
		return fmt.Errorf("the stored package has the digest %s", got)
	}
	return nil
}

// contextReader ends a long copy when its caller went away.
type contextReader struct {
	ctx context.Context //nolint:containedctx // of one copy
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.r.Read(p)
}

// Release gives the package back; it is idempotent. No process may use the directory any more.
func (p *Package) Release() {
	p.once.Do(func() { p.cache.release(p.sha) })
}

// Retire tells that no version uses the package any more: its directory is removed with the last reference. A later
// Acquire unpacks it anew, so retiring what another function still uses costs time and nothing else.
func (c *Cache) Retire(sha string) {
	c.mu.Lock()
	e := c.packages[sha]
	if e == nil { // an earlier process may have unpacked it
		if b, err := hex.DecodeString(sha); err != nil || len(b) != sha256.Size {
			c.mu.Unlock()
			return
		}
		e = &entry{busy: make(chan struct{}, 1)}
		c.packages[sha] = e
	}
	e.refs++
	e.retired = true
	c.mu.Unlock()
	c.release(sha)
}

// release drops one reference, and the directory with the last one of a retired package.
func (c *Cache) release(sha string) {
	c.mu.Lock()
	e := c.packages[sha]
	e.refs--
	if e.refs == 0 && (e.retired || !e.ready) {
		delete(c.packages, sha)
	}
	if e.refs > 0 || !e.retired {
		c.mu.Unlock()
		return
	}
	c.removals++
	// Renaming is quick and makes the name free under the lock; who acquires it next unpacks beside it.
	trash := filepath.Join(c.epochDir(), fmt.Sprintf("trash-%d-%s", c.removals, sha))
	err := os.Rename(c.path(sha), trash)
	c.mu.Unlock()
	if err == nil {
		err = os.RemoveAll(trash)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		c.deps.Log.Warn("unused code stays on disk until the next start", "sha256", sha, "error", err)
	}
}

func (c *Cache) epochDir() string { return filepath.Join(c.deps.Dir, c.deps.Epoch) }

func (c *Cache) path(sha string) string { return filepath.Join(c.epochDir(), sha) }

// prepareDir makes the directory of this epoch, and removes what a crash or another epoch left.
func (c *Cache) prepareDir() error {
	c.prepare.Lock()
	defer c.prepare.Unlock()
	if c.prepared {
		return nil
	}
	if !filepath.IsLocal(c.deps.Epoch) || strings.ContainsRune(c.deps.Epoch, filepath.Separator) {
		return fmt.Errorf("epoch %q is not a file name", c.deps.Epoch)
	}
	if err := os.MkdirAll(c.epochDir(), 0o755); err != nil { //nolint:gosec // functions' users read it through mounts
		return err
	}
	if err := removeEntries(c.deps.Dir, func(name string) bool { return name != c.deps.Epoch }); err != nil {
		return err
	}
	half := func(name string) bool { return strings.HasPrefix(name, "tmp-") || strings.HasPrefix(name, "trash-") }
	if err := removeEntries(c.epochDir(), half); err != nil {
		return err
	}
	c.prepared = true
	return nil
}

func removeEntries(dir string, match func(name string) bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if match(e.Name()) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}
