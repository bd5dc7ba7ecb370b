package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed assets
var assetFiles embed.FS

//go:embed templates
var templateFiles embed.FS

// asset is a file that pages load, under a name that changes with its content:
// browsers keep it for good.
type asset struct {
	body []byte
	kind string // media type
	etag string
}

// assets holds them by their hashed name, and the hashed name of each.
type assets struct {
	byName map[string]asset
	hashed map[string]string
}

// hashDigits of SHA-256 tell two versions of a file apart.
const hashDigits = 12

func loadAssets(files fs.FS) (assets, error) {
	a := assets{byName: map[string]asset{}, hashed: map[string]string{}}
	entries, err := fs.ReadDir(files, "assets")
	if err != nil {
		return a, fmt.Errorf("read assets: %w", err)
	}
	for _, entry := range entries {
		body, err := fs.ReadFile(files, path.Join("assets", entry.Name()))
		if err != nil {
			return a, fmt.Errorf("read assets: %w", err)
		}
		sum := sha256.Sum256(body)
		hash := hex.EncodeToString(sum[:])[:hashDigits]
		ext := path.Ext(entry.Name())
		name := strings.TrimSuffix(entry.Name(), ext) + "." + hash + ext
		kind := mime.TypeByExtension(ext)
		switch ext { // whatever this machine's tables say
		case ".js":
			kind = "text/javascript; charset=utf-8"
		case ".css":
			kind = "text/css; charset=utf-8"
		case ".svg":
			kind = "image/svg+xml"
		case ".txt":
			kind = "text/plain; charset=utf-8"
		}
		a.byName[name] = asset{body: body, kind: kind, etag: `"` + hash + `"`}
		a.hashed[entry.Name()] = "/assets/" + name
	}
	return a, nil
}

// url gives the path of an asset by its plain name.
func (a assets) url(name string) (string, error) {
	hashed, ok := a.hashed[name]
	if !ok {
		return "", fmt.Errorf("there is no asset %q", name)
	}
	return hashed, nil
}

func (a assets) serve(w http.ResponseWriter, r *http.Request) error {
	file, ok := a.byName[r.PathValue("name")]
	if !ok {
		return notFound(r.URL.Path)
	}
	w.Header().Set("Content-Type", file.kind)
	w.Header().Set("Etag", file.etag)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file.body))
	return nil
}
