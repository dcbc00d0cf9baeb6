// Package web is the pages people see: handlers and templates side by side.
package web

import (
	"bytes"
	"fmt"
	"net/http"
	"time"

	"github.com/a-h/templ"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/web/ui"
)

// Site draws the pages.
type Site struct {
	assets *assets
	now    func() time.Time
	dev    bool
}

// Options are what the pages need.
type Options struct {
	Now func() time.Time
	Dev bool // shows the gallery
}

// New reads the built assets and makes the site.
func New(o Options) (*Site, error) {
	files, err := loadAssets()
	if err != nil {
		return nil, err
	}
	return &Site{assets: files, now: o.Now, dev: o.Dev}, nil
}

// show draws a page into memory first, so that a template that fails answers as
// an error and never as half a page.
func (s *Site) show(w http.ResponseWriter, r *http.Request, status int, c templ.Component) error {
	ctx := ui.WithViewer(r.Context(), ui.Viewer{Zone: exchange.NewYork, Now: s.now()})
	var b bytes.Buffer
	if err := c.Render(ctx, &b); err != nil {
		return fmt.Errorf("draw %s: %w", r.URL.Path, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, err := b.WriteTo(w)
	return err
}
