// SPDX-License-Identifier: Apache-2.0

// Command bootstrap is a custom runtime for tests of the worker. What an invocation does is said by its event; what init
// does, by the variable BOOT_INIT. It speaks the Runtime API with net/http, so it is a client that shares no code with
// our server.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// event is bootstraptest.Event.
type event struct {
	Print      string `json:"print,omitempty"`       // to stdout, as it is
	PrintErr   string `json:"print_err,omitempty"`   // to stderr
	WriteTmp   string `json:"write_tmp,omitempty"`   // content of a file in /tmp
	ReadTmp    bool   `json:"read_tmp,omitempty"`    // the file's content is the result
	Allocate   int    `json:"allocate,omitempty"`    // MB to touch
	Env        string `json:"env,omitempty"`         // a variable's value is the result
	Hang       bool   `json:"hang,omitempty"`        // never answers
	Exit       *int   `json:"exit,omitempty"`        // ends the process with this status, without an answer
	Kill       bool   `json:"kill,omitempty"`        // ends the process by SIGKILL
	Size       int    `json:"size,omitempty"`        // a result of this many bytes
	Mode       string `json:"mode,omitempty"`        // response mode header
	Error      string `json:"error,omitempty"`       // answers an error of this type
	PrintAfter string `json:"print_after,omitempty"` // to stdout, after the answer
	ExitAfter  bool   `json:"exit_after,omitempty"`  // ends the process after the answer
	HangAfter  bool   `json:"hang_after,omitempty"`  // never asks for another event after the answer
	Spin       int    `json:"spin,omitempty"`        // milliseconds of CPU time to use
}

func main() {
	api := os.Getenv("AWS_LAMBDA_RUNTIME_API")
	client := &http.Client{}
	if strings.HasPrefix(api, "@") {
		socket := api
		client.Transport = &http.Transport{Dial: func(string, string) (net.Conn, error) { return net.Dial("unix", socket) }}
		api = "localhost"
	}
	base := "http://" + api + "/2018-06-01/runtime/"
	initialize(client, base)
	for n := 1; ; n++ {
		res, err := client.Get(base + "invocation/next")
		if err != nil {
			fmt.Println("next:", err)
			os.Exit(3)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			fmt.Println("next:", res.Status, err)
			os.Exit(3)
		}
		handle(client, base+"invocation/"+res.Header.Get("Lambda-Runtime-Aws-Request-Id"), body, n, res.Header)
	}
}

// initialize does what BOOT_INIT says; "once" variants only until a file in /tmp exists.
func initialize(client *http.Client, base string) {
	what := os.Getenv("BOOT_INIT")
	if rest, ok := strings.CutSuffix(what, "-once"); ok {
		mark := filepath.Join(os.Getenv("TMPDIR"), "init-was-here")
		if _, err := os.Stat(mark); err == nil {
			return
		}
		if err := os.WriteFile(mark, nil, 0o600); err != nil {
			panic(err)
		}
		what = rest
	}
	switch what {
	case "exit0":
		os.Exit(0)
	case "exit7":
		os.Exit(7)
	case "hang":
		hang()
	case "sleep":
		time.Sleep(50 * time.Millisecond) // init that takes a while
	case "error":
		req, _ := http.NewRequest("POST", base+"init/error", strings.NewReader(`{"errorType":"Boot.Failed","errorMessage":"no"}`))
		req.Header.Set("Lambda-Runtime-Function-Error-Type", "Runtime.BootFailed")
		if _, err := client.Do(req); err != nil {
			panic(err)
		}
		os.Exit(1)
	}
}

func handle(client *http.Client, url string, body []byte, n int, head http.Header) {
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		post(client, url+"/error", []byte(`{"errorType":"Boot.BadEvent"}`), "", "Function.BadEvent")
		return
	}
	os.Stdout.WriteString(e.Print)
	os.Stderr.WriteString(e.PrintErr)
	file := filepath.Join(os.Getenv("TMPDIR"), "kept")
	if e.WriteTmp != "" {
		if err := os.WriteFile(file, []byte(e.WriteTmp), 0o600); err != nil {
			panic(err)
		}
	}
	result := map[string]any{"n": n, "pid": os.Getpid(), "deadline": head.Get("Lambda-Runtime-Deadline-Ms")}
	if e.ReadTmp {
		data, err := os.ReadFile(file)
		result["tmp"] = string(data)
		if err != nil {
			result["tmp"] = "no file"
		}
	}
	if e.Allocate > 0 {
		block := make([]byte, e.Allocate<<20)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		result["allocated"] = len(block)
	}
	if e.Env != "" {
		result["env"] = os.Getenv(e.Env)
	}
	if e.Spin > 0 {
		for end := time.Now().Add(time.Duration(e.Spin) * time.Millisecond); time.Now().Before(end); {
		}
	}
	finish(client, url, e, result)
}

func finish(client *http.Client, url string, e event, result map[string]any) {
	switch {
	case e.Hang:
		hang()
	case e.Exit != nil:
		os.Exit(*e.Exit)
	case e.Kill:
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		hang()
	case e.Error != "":
		post(client, url+"/error", fmt.Appendf(nil, `{"errorType":%q,"errorMessage":"as asked"}`, e.Error), "", e.Error)
	case e.Size > 0:
		post(client, url+"/response", bytes.Repeat([]byte{'x'}, e.Size), e.Mode, "")
	default:
		out, _ := json.Marshal(result)
		post(client, url+"/response", out, e.Mode, "")
	}
	os.Stdout.WriteString(e.PrintAfter)
	if e.ExitAfter {
		os.Exit(0)
	}
	if e.HangAfter {
		hang()
	}
}

func post(client *http.Client, url string, body []byte, mode, errorType string) {
	req, err := http.NewRequest("POST", url, bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	if mode != "" {
		req.Header.Set("Lambda-Runtime-Function-Response-Mode", mode)
	}
	if errorType != "" {
		req.Header.Set("Lambda-Runtime-Function-Error-Type", errorType)
	}
	res, err := client.Do(req)
	if err != nil {
		fmt.Println("post:", err)
		return
	}
	if res.StatusCode != http.StatusAccepted {
		fmt.Println("post: status " + strconv.Itoa(res.StatusCode))
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
}

// hang never returns. An empty select would: where no other goroutine can run, the Go runtime ends the program.
func hang() {
	for {
		time.Sleep(time.Hour)
	}
}
