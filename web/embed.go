package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/web/ui"
)

//go:embed all:dist
var built embed.FS

//go:embed assets/css/fallback.css
var fallback []byte

// AssetsBuilt reports whether this program holds the built style and script.
// Without them the pages work as plain forms, with a small style.
func AssetsBuilt() bool {
	_, err := fs.Stat(built, "dist/app.js")
	return err == nil
}

// assets are the built files in memory, each under its own name and, for those
// that pages refer to, under a name that changes with the content.
type assets struct {
	files map[string]asset
	ui.Assets
}

type asset struct {
	body, zipped []byte
	kind, tag    string
	forever      bool // the name holds the fingerprint: it can be kept for good
}

// loadAssets reads every built file once. The program is useless with half of
// them, so an unreadable one is an error at start.
func loadAssets() (*assets, error) {
	a := &assets{files: map[string]asset{}}
	a.add("fallback.css", fallback)
	a.Style = a.fingerprint("fallback.css")
	entries, err := fs.ReadDir(built, "dist")
	if err != nil {
		return nil, fmt.Errorf("read the built assets: %w", err)
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		body, err := fs.ReadFile(built, path.Join("dist", entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("read the built assets: %w", err)
		}
		a.add(entry.Name(), body)
	}
	if !AssetsBuilt() {
		return a, nil
	}
	if _, styled := a.files["app.css"]; !styled {
		return nil, errors.New("the built assets hold a script but no style: build them again")
	}
	a.Style, a.Script = a.fingerprint("app.css"), a.fingerprint("app.js")
	a.Chart, a.Confetti = a.fingerprint("chart.js"), a.fingerprint("confetti.js")
	return a, nil
}

func (a *assets) add(name string, body []byte) {
	sum := sha256.Sum256(body)
	kind := mime.TypeByExtension(path.Ext(name))
	if kind == "" {
		kind = http.DetectContentType(body)
	}
	a.files[name] = asset{body: body, zipped: zip(kind, body), kind: kind, tag: hex.EncodeToString(sum[:6])}
}

// fingerprint gives a file a second name holding its content's hash and returns its address.
func (a *assets) fingerprint(name string) string {
	f := a.files[name]
	f.forever = true
	ext := path.Ext(name)
	second := strings.TrimSuffix(name, ext) + "." + f.tag + ext
	a.files[second] = f
	return "/assets/" + second
}

// zip is nil for what is compressed already.
func zip(kind string, body []byte) []byte {
	if strings.HasPrefix(kind, "image/png") {
		return nil
	}
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil
	}
	if _, err := w.Write(body); err != nil || w.Close() != nil || b.Len() >= len(body) {
		return nil
	}
	return b.Bytes()
}

// asset answers GET /assets/{name}.
func (s *Site) asset(w http.ResponseWriter, r *http.Request) error {
	f, ok := s.assets.files[r.PathValue("name")]
	if !ok {
		return fault.NotFound()
	}
	if f.forever {
		return f.answer(w, r, "public, max-age=31536000, immutable")
	}
	return f.answer(w, r, "public, max-age=3600")
}

// worker answers GET /sw.js. It lies at the root, because a worker rules only
// what is below its own address, and is asked for afresh, so that an old one cannot stay.
func (s *Site) worker(w http.ResponseWriter, r *http.Request) error {
	f, ok := s.assets.files["sw.js"]
	if !ok {
		return fault.NotFound()
	}
	return f.answer(w, r, "no-cache")
}

// manifest answers GET /manifest.webmanifest: what makes the site an app on a home screen.
func (s *Site) manifest(w http.ResponseWriter, r *http.Request) error {
	f := asset{body: []byte(manifestJSON), kind: "application/manifest+json", tag: "1"}
	return f.answer(w, r, "public, max-age=3600")
}

const manifestJSON = `{
  "name": "Alertsify",
  "short_name": "Alertsify",
  "description": "Options trades, alerts and copies",
  "id": "/",
  "start_url": "/dashboard",
  "scope": "/",
  "display": "standalone",
  "background_color": "#17171f",
  "theme_color": "#17171f",
  "icons": [
    {"src": "/assets/icon.svg", "type": "image/svg+xml", "sizes": "any"},
    {"src": "/assets/icon-192.png", "type": "image/png", "sizes": "192x192"},
    {"src": "/assets/icon-512.png", "type": "image/png", "sizes": "512x512"},
    {"src": "/assets/icon-maskable-512.png", "type": "image/png", "sizes": "512x512", "purpose": "maskable"}
  ]
}
`

func (f asset) answer(w http.ResponseWriter, r *http.Request, keep string) error {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", keep)
	h.Set("ETag", `"`+f.tag+`"`)
	h.Set("Vary", "Accept-Encoding")
	if r.Header.Get("If-None-Match") == `"`+f.tag+`"` {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	body := f.body
	if f.zipped != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = f.zipped
	}
	_, err := w.Write(body)
	return err
}
