// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"archive/zip"
	"bytes"
	"embed"
	"errors"
	"io/fs"
)

//go:embed assets
var assets embed.FS

// errNoBootstrap means that the program was built without the compiled function.
var errNoBootstrap = errors.New("built without the compiled function of demo and bench: run `make build`")

// Bootstrap is the compiled function: an executable for provided.al2023 that answers with its event.
func Bootstrap() ([]byte, error) {
	b, err := assets.ReadFile("assets/bootstrap")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoBootstrap
	}
	return b, err
}

// Zip packs one executable file.
func Zip(name string, content []byte) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	h := &zip.FileHeader{Name: name, Method: zip.Deflate}
	h.SetMode(0o755)
	f, err := w.CreateHeader(h)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
