// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// maxModelBytes bounds what one compressed model may unpack to; the largest (EC2) is below 20 MB.
const maxModelBytes = 64 << 20

// wheel is an open botocore wheel (a zip file).
type wheel struct {
	zip    *zip.ReadCloser
	source string // the content of model/SOURCE that this wheel asks for
}

func openWheel(name string) (*wheel, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("open wheel: %w", err)
	}
	z, err := zip.OpenReader(name)
	if err != nil {
		return nil, fmt.Errorf("open wheel: %w", err)
	}
	w := &wheel{zip: z}
	version, err := w.version()
	if err != nil {
		w.close()
		return nil, err
	}
	w.source = fmt.Sprintf("botocore %s\nlicence Apache-2.0\nwheel sha256:%x\nfrom https://pypi.org/project/botocore/%s/\n",
		version, sha256.Sum256(b), version)
	return w, nil
}

func (w *wheel) close() { _ = w.zip.Close() } // opened for reading: nothing is lost

// version reads the package's own metadata: a file name can say anything.
func (w *wheel) version() (string, error) {
	for _, f := range w.zip.File {
		dir, base := path.Split(f.Name)
		if base != "METADATA" || !strings.HasPrefix(dir, "botocore-") || !strings.HasSuffix(dir, ".dist-info/") {
			continue
		}
		b, err := w.read(f.Name)
		if err != nil {
			return "", err
		}
		for _, line := range strings.Split(string(b), "\n") {
			if v, ok := strings.CutPrefix(line, "Version: "); ok {
				return strings.TrimSpace(v), nil
			}
		}
	}
	return "", errors.New("open wheel: it names no botocore version")
}

// model returns the newest model of a service, unpacked, and its date.
func (w *wheel) model(svc string) (raw []byte, date string, err error) {
	for _, f := range w.zip.File {
		d, ok := strings.CutPrefix(f.Name, "botocore/data/"+svc+"/")
		if !ok {
			continue
		}
		if d, ok = strings.CutSuffix(d, "/service-2.json.gz"); ok && !strings.Contains(d, "/") && d > date {
			date = d
		}
	}
	if date == "" {
		return nil, "", errors.New("the wheel has no such service")
	}
	b, err := w.read("botocore/data/" + svc + "/" + date + "/service-2.json.gz")
	if err != nil {
		return nil, "", err
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, "", fmt.Errorf("unpack model: %w", err)
	}
	raw, err = readAll(z)
	return raw, date, err
}

func (w *wheel) read(name string) ([]byte, error) {
	f, err := w.zip.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read wheel: %w", err)
	}
	defer func() { _ = f.Close() }()
	return readAll(f)
}

func readAll(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxModelBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read wheel: %w", err)
	}
	if len(b) > maxModelBytes {
		return nil, fmt.Errorf("read wheel: a file is larger than %d bytes", maxModelBytes)
	}
	return b, nil
}

// checkSource compares the recorded source with the given one; only update accepts a difference.
func checkSource(name, source string, update bool) error {
	old, err := os.ReadFile(name)
	switch {
	case err == nil && string(old) == source:
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("read source: %w", err)
	case !update:
		return fmt.Errorf("the wheel is\n%s\nbut %s says\n%s\nuse that wheel, or -update to change the source", source, name, old)
	}
	return nil
}
