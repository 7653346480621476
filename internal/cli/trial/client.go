// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/gustcloud/gust/internal/access/sigv4"
	"github.com/gustcloud/gust/internal/base/clock"
)

// Client calls Lambda over HTTP with signed requests. It is safe for concurrent use.
type Client struct {
	endpoint string
	http     *http.Client
	clock    clock.Clock
	keys     sigv4.Keys
}

const (
	account = "000000000000"
	region  = "us-east-1"
	role    = "arn:aws:iam::" + account + ":role/trial"
)

// Client returns a client with connections of its own. It signs with the root credentials that the server printed, if it
// did.
func (s *Server) Client() *Client { return NewClient(s.Endpoint, s.rootKeys(), s.options.Clock) }

// NewClient returns a client of any server; without keys it signs with some that only development mode accepts.
func NewClient(endpoint string, keys sigv4.Keys, clk clock.Clock) *Client {
	if keys.AccessKeyID == "" {
		keys = sigv4.Keys{AccessKeyID: account, SecretAccessKey: "trial"}
	}
	return &Client{
		endpoint: endpoint, clock: clk, keys: keys,
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}},
	}
}

// Function is what Create makes.
type Function struct {
	Name, Runtime, Handler string
	Zip                    []byte
	MemoryMB, TimeoutS     int
}

// Create makes a function and returns when it is Active.
func (c *Client) Create(ctx context.Context, f Function) error {
	body, err := json.Marshal(map[string]any{
		"FunctionName": f.Name, "Runtime": f.Runtime, "Handler": f.Handler, "Role": role, "MemorySize": f.MemoryMB, "Timeout": f.TimeoutS,
		"Code": map[string]any{"ZipFile": f.Zip},
	})
	if err != nil {
		return err
	}
	if _, _, err := c.call(ctx, http.MethodPost, "/2015-03-31/functions", body, nil); err != nil {
		return fmt.Errorf("create %s: %w", f.Name, err)
	}
	for {
		answer, _, err := c.call(ctx, http.MethodGet, "/2015-03-31/functions/"+url.PathEscape(f.Name)+"/configuration", nil, nil)
		if err != nil {
			return fmt.Errorf("wait for %s: %w", f.Name, err)
		}
		var state struct{ State, StateReason string }
		if err := json.Unmarshal(answer, &state); err != nil {
			return err
		}
		switch state.State {
		case "Active":
			return nil
		case "Failed":
			return fmt.Errorf("create %s: %s", f.Name, state.StateReason)
		}
		if err := c.clock.Sleep(ctx, time.Millisecond); err != nil {
			return err
		}
	}
}

// Delete removes a function.
func (c *Client) Delete(ctx context.Context, name string) error {
	if _, _, err := c.call(ctx, http.MethodDelete, "/2015-03-31/functions/"+url.PathEscape(name), nil, nil); err != nil {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	return nil
}

// Answer is a function's answer.
type Answer struct {
	Payload []byte
	Took    time.Duration // from before the request is written to the whole answer
	Log     string        // the tail, with the REPORT line; "" unless asked for
}

// Invoke calls a function. An error of the function is an error here.
func (c *Client) Invoke(ctx context.Context, name string, event []byte, tail bool) (Answer, error) {
	header := http.Header{}
	if tail {
		header.Set("X-Amz-Log-Type", "Tail")
	}
	began := c.clock.Now()
	payload, got, err := c.call(ctx, http.MethodPost, "/2015-03-31/functions/"+url.PathEscape(name)+"/invocations", event, header)
	a := Answer{Payload: payload, Took: c.clock.Now().Sub(began)}
	if err != nil {
		return a, fmt.Errorf("invoke %s: %w", name, err)
	}
	if kind := got.Get("X-Amz-Function-Error"); kind != "" {
		return a, fmt.Errorf("invoke %s: %s error: %s", name, kind, payload)
	}
	log, err := base64.StdEncoding.DecodeString(got.Get("X-Amz-Log-Result"))
	a.Log = string(log)
	return a, err
}

var maxMemory = regexp.MustCompile(`Max Memory Used: (\d+) MB`)

// MaxMemoryMB is the measured memory of the REPORT line; -1 where there is none.
func (a Answer) MaxMemoryMB() int {
	m := maxMemory.FindStringSubmatch(a.Log)
	if m == nil {
		return -1
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return -1
	}
	return n
}

func (c *Client) call(ctx context.Context, method, path string, body []byte, header http.Header) ([]byte, http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.endpoint+path, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, values := range header {
		req.Header[name] = values
	}
	sigv4.Sign(req, c.keys, region, "lambda", sigv4.SumHex(body), c.clock.Now())
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, nil, err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return nil, nil, fmt.Errorf("%s %s", resp.Status, answer)
	}
	return answer, resp.Header, nil
}
