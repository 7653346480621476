// SPDX-License-Identifier: Apache-2.0

// Package initproto is the wire between a sandbox's PID 1 (cmd/gust-init) and those outside: the spawner, which sets the
// sandbox up, and then the server, which claims it and starts processes. Each message is one packet of a SOCK_SEQPACKET
// socket: a kind byte and fixed fields; file descriptors travel beside it. It uses the standard library only, because
// gust-init links it and stays small. Read this file first, then codec.go.
//
// Order on one socket: Setup -> Ready, Join -> Ready (spawner); Claim -> Reply, Start -> Reply, Signal, and Exit for each
// ended process (server). The Reply of a Start always precedes the Exit of the same process.
package initproto

// MaxMessage bounds a message in bytes: arguments and environment of one process with room to spare.
const MaxMessage = 160 << 10

// MaxFiles bounds the file descriptors that travel with one message.
const MaxFiles = 8

// Kind is the first byte of a message.
type Kind byte

// The kinds. Replies and events come from init, all others go to it.
const (
	KindSetup Kind = iota + 1
	KindJoin
	KindClaim
	KindStart
	KindSignal
	KindReady
	KindReply
	KindExit
)

// Setup builds the root file system. The detached mount of the template tree travels with it and, with TmpAttached, a
// second one for /tmp.
type Setup struct {
	Hostname    string   // name in the UTS namespace
	ProcMasks   []string // files and directories under /proc that processes must not read
	ProcRO      []string // directories under /proc that stay readable only
	UID, GID    uint32   // of the processes that Start runs, as seen from inside
	TmpAttached bool
}

// Claim attaches one detached mount for each target, in order; what is already mounted at a target is detached first
// when its Replace entry is 1.
type Claim struct {
	Seq     uint32
	Targets []string
	Replace uint32 // bit i: something is mounted at Targets[i] and is detached first
	Files   uint32 // RLIMIT_NOFILE of the processes; 0 leaves it
}

// Start runs one process; standard output and error travel with it.
type Start struct {
	Seq  uint32
	Path string
	Dir  string
	Args []string
	Env  []string
}

// Signal sends a signal to a process that Start made; nothing happens when it has ended.
type Signal struct {
	PID    uint32
	Signal uint32
}

// Reply answers Claim and Start. Errno 0 is success; else Step says what failed.
type Reply struct {
	Seq   uint32
	PID   uint32 // of the started process, inside the sandbox's PID namespace
	Errno uint32
	Step  string
}

// Exit says how a started process ended: an exit status, or the signal that ended it.
type Exit struct {
	PID    uint32
	Code   uint32
	Signal uint32
}

// Bare is a message without fields: Join and Ready.
type Bare struct{ Kind Kind }

// Message is one of the types above.
type Message interface{ encode(e *encoder) }

func (m Setup) encode(e *encoder) {
	e.b = append(e.b, byte(KindSetup))
	e.str(m.Hostname)
	e.strs(m.ProcMasks)
	e.strs(m.ProcRO)
	e.u32(m.UID)
	e.u32(m.GID)
	e.u32(flag(m.TmpAttached))
}

func (m Claim) encode(e *encoder) {
	e.b = append(e.b, byte(KindClaim))
	e.u32(m.Seq)
	e.strs(m.Targets)
	e.u32(m.Replace)
	e.u32(m.Files)
}

func (m Start) encode(e *encoder) {
	e.b = append(e.b, byte(KindStart))
	e.u32(m.Seq)
	e.str(m.Path)
	e.str(m.Dir)
	e.strs(m.Args)
	e.strs(m.Env)
}

func (m Signal) encode(e *encoder) {
	e.b = append(e.b, byte(KindSignal))
	e.u32(m.PID)
	e.u32(m.Signal)
}

func (m Reply) encode(e *encoder) {
	e.b = append(e.b, byte(KindReply))
	e.u32(m.Seq)
	e.u32(m.PID)
	e.u32(m.Errno)
	e.str(m.Step)
}

func (m Exit) encode(e *encoder) {
	e.b = append(e.b, byte(KindExit))
	e.u32(m.PID)
	e.u32(m.Code)
	e.u32(m.Signal)
}

func (m Bare) encode(e *encoder) { e.b = append(e.b, byte(m.Kind)) }

// Encode returns the packet of m.
func Encode(m Message) []byte {
	var e encoder
	m.encode(&e)
	return e.b
}

// Decode reads one packet strictly: every field present, nothing left over.
func Decode(p []byte) (Message, error) {
	if len(p) == 0 || len(p) > MaxMessage {
		return nil, ErrMalformed
	}
	d := &decoder{b: p[1:]}
	var m Message
	switch k := Kind(p[0]); k {
	case KindSetup:
		m = Setup{Hostname: d.str(), ProcMasks: d.strs(), ProcRO: d.strs(), UID: d.u32(), GID: d.u32(), TmpAttached: d.flag()}
	case KindClaim:
		m = Claim{Seq: d.u32(), Targets: d.strs(), Replace: d.u32(), Files: d.u32()}
	case KindStart:
		m = Start{Seq: d.u32(), Path: d.str(), Dir: d.str(), Args: d.strs(), Env: d.strs()}
	case KindSignal:
		m = Signal{PID: d.u32(), Signal: d.u32()}
	case KindReply:
		m = Reply{Seq: d.u32(), PID: d.u32(), Errno: d.u32(), Step: d.str()}
	case KindExit:
		m = Exit{PID: d.u32(), Code: d.u32(), Signal: d.u32()}
	case KindJoin, KindReady:
		m = Bare{Kind: k}
	default:
		return nil, ErrMalformed
	}
	if err := d.end(); err != nil {
		return nil, err
	}
	return m, nil
}

func flag(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

// flag accepts 0 and 1 only, so that every value has one encoding.
func (d *decoder) flag() bool {
	v := d.u32()
	if v > 1 {
		d.bad = true
	}
	return v == 1
}
