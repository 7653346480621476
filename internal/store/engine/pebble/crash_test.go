// SPDX-License-Identifier: Apache-2.0

package pebble

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/gustcloud/gust/internal/store"
)

const crashWriters = 16

// crashLoad writes one transaction after the other until the store is gone. Number i of a writer is two keys and an
// Append; acknowledged is called when it is durable, by each writer for itself.
func crashLoad(ctx context.Context, s *Store, from [crashWriters]int, acknowledged func(writer, i int)) {
	var wg sync.WaitGroup
	for w := range crashWriters {
		wg.Go(func() {
			for i := from[w] + 1; ctx.Err() == nil; i++ {
				value := strings.Repeat("x", i%700)
				err := s.Update(ctx, func(tx store.Tx) error {
					tx.Set(crashKey('a', w, i), []byte(value))
					tx.Set(crashKey('b', w, i), []byte(value))
					tx.Append([]byte{'l'}, crashKey('e', w, i))
					return nil
				})
				if err != nil {
					return
				}
				acknowledged(w, i)
			}
		})
	}
	wg.Wait()
}

func crashKey(kind byte, writer, i int) []byte {
	return store.AppendUint64(append(make([]byte, 0, 16), kind, byte(writer)), uint64(i))
}

// crashReport is what a verifier found after a crash.
type crashReport struct {
	last  [crashWriters]int // the highest number of each writer
	lost  int               // acknowledged, but not there
	torn  int               // transactions of which only a part is there
	order int               // Appends whose order is not that of their writer
}

// mustVerify compares the store with the acknowledged numbers: each writer's 1..n.
func mustVerify(t *testing.T, s *Store, acknowledged [crashWriters]int) (r crashReport) {
	t.Helper()
	have := map[string]int{}
	err := s.View(t.Context(), func(rd store.Reader) error {
		for it, err := range rd.Scan(store.Range{Hi: []byte{'c'}}, store.ScanOptions{}) {
			if err != nil {
				return err
			}
			have[string(it.Key[1:])] += 1 + len(it.Value)<<8 // equal halves have the same length
			w := it.Key[1]
			i, _, err := store.CutUint64(it.Key[2:])
			if err != nil {
				return err
			}
			r.last[w] = max(r.last[w], int(i))
		}
		var next [crashWriters]int
		for it, err := range rd.Scan(store.PrefixRange([]byte{'l'}), store.ScanOptions{}) {
			if err != nil {
				return err
			}
			w := it.Value[1]
			i, _, err := store.CutUint64(it.Value[2:])
			if err != nil {
				return err
			}
			if int(i) <= next[w] {
				r.order++
			}
			next[w] = int(i)
			have[string(it.Value[1:])] += 4
		}
		return nil
	})
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	for w := range crashWriters {
		for i := 1; i <= max(acknowledged[w], r.last[w]); i++ {
			n, ok := have[string(crashKey('a', w, i)[1:])]
			switch {
			case !ok && i <= acknowledged[w]:
				r.lost++
			case ok && (n&0xff != 6 || n>>8 != 2*(i%700)):
				r.torn++
			}
		}
	}
	return r
}

// powerCut loads a store on a file system that forgets what was not synced, cuts the power at a random moment, opens
// what is left, and goes on with that: rounds times.
func powerCut(t *testing.T, seed uint64, rounds int, noSync bool) (total crashReport) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 0))
	disk := vfs.NewCrashableMem()
	var from [crashWriters]int
	acks := 0
	for range rounds {
		s := mustOpen(t, Options{Dir: "/data/store", FS: disk, noSync: noSync})
		ctx, cancel := context.WithCancel(t.Context())
		var acknowledged [crashWriters]atomic.Int64
		var count atomic.Int64
		enough, until := make(chan struct{}), int64(100+random.IntN(700))
		for w := range crashWriters {
			acknowledged[w].Store(int64(from[w]))
		}
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			crashLoad(ctx, s, from, func(w, i int) {
				acknowledged[w].Store(int64(i))
				if count.Add(1) == until {
					close(enough)
				}
			})
		}()
		<-enough
		var must [crashWriters]int
		for w := range crashWriters { // before the power cut
			must[w] = int(acknowledged[w].Load())
			acks += must[w] - from[w]
		}
		after := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: random.IntN(100), RNG: random})
		cancel()
		<-stopped
		if err := s.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
		disk = after
		s = mustOpen(t, Options{Dir: "/data/store", FS: disk, noSync: noSync})
		r := mustVerify(t, s, must)
		if err := s.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
		total.lost, total.torn, total.order = total.lost+r.lost, total.torn+r.torn, total.order+r.order
		from = r.last
		if r.lost > 0 {
			break // numbers have gaps from here on
		}
	}
	t.Logf("seed %d: %d acknowledged, %d lost, %d torn, %d out of order", seed, acks, total.lost, total.torn, total.order)
	return total
}

func TestPowerCutLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	r := powerCut(t, rand.Uint64(), 20, false)
	if r.lost+r.torn+r.order > 0 {
		t.Errorf("%+v", r)
	}
}

// TestPowerCutWithoutSyncIsSeen: the test above can fail.
func TestPowerCutWithoutSyncIsSeen(t *testing.T) {
	t.Parallel()
	r := powerCut(t, rand.Uint64(), 20, true)
	if r.lost == 0 {
		t.Error("no loss was seen although nothing was synced")
	}
	if r.torn+r.order > 0 {
		t.Errorf("even without sync a transaction is whole: %+v", r)
	}
}

// childDir in the environment makes this test binary the child of TestKill: it loads the store in that directory and
// prints each acknowledged number.
const childDir = "GUST_STORE_TEST_CHILD"

func TestMain(m *testing.M) {
	dir := os.Getenv(childDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	s, err := Open(Options{Dir: dir, Clock: testClock, Log: testLog})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	from := [crashWriters]int{}
	for w := range from {
		from[w], _ = strconv.Atoi(os.Args[1+w])
	}
	crashLoad(context.Background(), s, from, func(w, i int) { fmt.Println(w, i) })
}

func TestKillLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var acknowledged [crashWriters]int
	for round := range 3 {
		readAndKill(t, dir, 1500, &acknowledged)
		s := mustOpen(t, Options{Dir: dir})
		r := mustVerify(t, s, acknowledged)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if r.lost+r.torn+r.order > 0 {
			t.Fatalf("round %d: %+v", round, r)
		}
		acknowledged = r.last
	}
}

// readAndKill starts the child, kills it after n lines, and notes all that it has printed.
func readAndKill(t *testing.T, dir string, n int, acknowledged *[crashWriters]int) {
	t.Helper()
	args := make([]string, crashWriters)
	for w := range args {
		args[w] = strconv.Itoa(acknowledged[w])
	}
	child := exec.CommandContext(t.Context(), os.Args[0], args...)
	child.Env = append(os.Environ(), childDir+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for read := 0; ; read++ {
		line, err := lines.ReadString('\n') // a line without its end was not written whole
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		var w, i int
		if _, err := fmt.Sscan(line, &w, &i); err != nil {
			t.Fatalf("the child says %q", line)
		}
		acknowledged[w] = max(acknowledged[w], i)
		if read == n {
			if _, err := Open(Options{Dir: dir, Clock: testClock, Log: testLog}); !errors.Is(err, store.ErrInUse) {
				t.Errorf("open beside a running server: %v, want ErrInUse", err)
			}
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the child ended by itself: %v", err)
	}
}
