// SPDX-License-Identifier: Apache-2.0

package spawner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/worker/sandbox"
	"github.com/gustcloud/gust/internal/worker/spawner/cgroup"
	"github.com/gustcloud/gust/internal/worker/spawner/tmpimage"
)

// service is the state of the spawner's process.
type service struct {
	clock    clock.Clock
	instance string
	lock     *os.File // held as long as the process lives
	groups   *cgroup.Host
	tmps     *tmpimage.Maker
	trees    *trees
	ns       *nsThread
	initPath string // gust-init, in the file descriptors of this process
	null     *os.File
	requests sync.WaitGroup

	mu    sync.Mutex
	boxes map[string]*box
	kept  map[string]*tmpimage.Image // /tmps that outlived their sandbox, by its id
	slots []bool                     // id ranges in use
}

// box is one sandbox. Its mutex orders the requests for it; prepare holds it from the moment the request is admitted, so
// that a close that follows at once finds the whole sandbox.
type box struct {
	id string

	mu      sync.Mutex
	slot    int
	pid     int // PID 1 as the host sees it; 0 when it was reaped
	group   *cgroup.Group
	tmp     *tmpimage.Image
	tmpSpec int // MB
	claimed bool
	closed  bool
}

func open(ctx context.Context, runDir string) (*service, error) {
	if err := ownMounts(); err != nil {
		return nil, err
	}
	name, lock, err := instance(runDir)
	if err != nil {
		return nil, err
	}
	s := &service{
		clock: clock.System{}, instance: name, lock: lock,
		boxes: map[string]*box{}, kept: map[string]*tmpimage.Image{},
	}
	if s.groups, err = cgroup.Detect(cgroup.Options{Clock: s.clock}); err != nil {
		return nil, fmt.Errorf("find control groups: %w", err)
	}
	if err := s.groups.Setup(); err != nil {
		return nil, fmt.Errorf("set control groups up: %w", err)
	}
	if n, err := s.groups.Sweep(ctx, name+"-"); err != nil {
		return nil, fmt.Errorf("remove control groups of a killed spawner: %w", err)
	} else if n > 0 {
		fmt.Fprintf(os.Stderr, "removed %d control groups of a killed spawner\n", n)
	}
	if s.tmps, err = tmpimage.Open(ctx, tmpimage.Options{Dir: filepath.Join(runDir, "tmp")}); err != nil {
		return nil, fmt.Errorf("find how to make a sized /tmp: %w", err)
	}
	if s.trees, err = newTrees(filepath.Join(runDir, "trees")); err != nil {
		return nil, err
	}
	s.initPath = keepInit()
	if s.null, err = os.OpenFile(os.DevNull, os.O_RDWR, 0); err != nil {
		return nil, fmt.Errorf("open the null device: %w", err)
	}
	if s.ns, err = newNSThread(); err != nil {
		return nil, err
	}
	return s, nil
}

// close ends every sandbox and returns when nothing of them is left.
func (s *service) close(ctx context.Context) {
	s.mu.Lock()
	boxes := make([]*box, 0, len(s.boxes))
	for _, b := range s.boxes {
		boxes = append(boxes, b)
	}
	s.mu.Unlock()
	var wg sync.WaitGroup
	for _, b := range boxes {
		wg.Go(func() {
			if err := s.closeBox(ctx, b); err != nil {
				fmt.Fprintf(os.Stderr, "close %s: %v\n", b.id, err)
			}
		})
	}
	wg.Wait()
	for id, image := range s.kept {
		if err := image.Close(); err != nil {
			fmt.Fprintf(os.Stderr, "discard the /tmp of %s: %v\n", id, err)
		}
	}
	if err := s.groups.Close(); err != nil {
		fmt.Fprintf(os.Stderr, "remove control groups: %v\n", err)
	}
}

// admit finds or registers the sandbox of a request. It is called in the order of the requests.
func (s *service) admit(r request) (*box, error) {
	if r.Op == opHello || r.Op == opDropTmp {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.boxes[r.ID]
	if r.Op != opPrepare {
		if !ok {
			return nil, sandbox.ErrClosed
		}
		return b, nil
	}
	if ok {
		return nil, fmt.Errorf("sandbox %s exists", r.ID)
	}
	slot := 0
	for slot < len(s.slots) && s.slots[slot] {
		slot++
	}
	if slot == len(s.slots) {
		if slot == maxSlots {
			return nil, errors.New("all user id ranges are in use")
		}
		s.slots = append(s.slots, false)
	}
	s.slots[slot] = true
	b = &box{id: r.ID, slot: slot}
	b.mu.Lock() // released by prepare
	s.boxes[r.ID] = b
	return b, nil
}

// handle carries a request out. The caller closes the files after it has sent them.
func (s *service) handle(ctx context.Context, r request, b *box) (answer, []*os.File) {
	if r.Op == opPrepare {
		defer b.mu.Unlock() // locked by admit
		a, files, err := s.prepare(ctx, b, *r.Template)
		if err != nil {
			err = errors.Join(err, s.release(ctx, b))
			return failed(r.Seq, err), nil
		}
		a.Seq = r.Seq
		return a, files
	}
	a, files, err := s.dispatch(ctx, r, b)
	if err != nil {
		return failed(r.Seq, err), nil
	}
	a.Seq = r.Seq
	return a, files
}

func (s *service) dispatch(ctx context.Context, r request, b *box) (answer, []*os.File, error) {
	switch r.Op {
	case opHello:
		l := s.limits()
		return answer{Limits: &l}, nil, nil
	case opDropTmp:
		return answer{}, nil, s.dropTmp(r.ID)
	case opClose:
		return answer{}, nil, s.closeBox(ctx, b)
	default:
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return answer{}, nil, sandbox.ErrClosed
	}
	switch r.Op {
	case opListen:
		f, err := s.listen(b, r.Network, r.Address)
		if err != nil {
			return answer{}, nil, err
		}
		return answer{}, []*os.File{f}, nil
	case opClaim:
		return s.claim(ctx, b, *r.Claim)
	case opTakeTmp:
		return answer{}, nil, s.takeTmp(b)
	default:
		return answer{}, nil, errRequest
	}
}

// failed is the answer to a request that was not carried out.
func failed(seq uint64, err error) answer {
	a := answer{Seq: seq, Error: err.Error()}
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		a.Errno = int(errno)
	}
	return a
}

func encodeAnswer(a answer) []byte {
	p, err := json.Marshal(a)
	if err != nil { // no field can fail
		p = []byte(`{"error":"encode the answer"}`)
	}
	return p
}
