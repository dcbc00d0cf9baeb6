package web

import (
	"context"
	"net/http"
	"strconv"

	"github.com/alertsify/alertsify/internal/auth"
)

const publishingPath = "/copy/publishing"

// askPublishing answers GET /copy/publishing: what stopping means, or going on.
func (s *Site) askPublishing(w http.ResponseWriter, r *http.Request) error {
	p, err := s.shell(r, "Publishing", "/copy")
	if err != nil {
		return err
	}
	v, err := s.copier.Publishing(r.Context(), me(r.Context()))
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, publishingPage(p, v))
}

// stopPublishing answers POST /copy/publishing/stop.
func (s *Site) stopPublishing(w http.ResponseWriter, r *http.Request) error {
	if err := s.copier.StopPublishing(r.Context(), me(r.Context())); err != nil {
		return err
	}
	return back(w, "/copy", "publishing-stopped")
}

// publish answers POST /copy/publishing/resume.
func (s *Site) publish(w http.ResponseWriter, r *http.Request) error {
	if err := s.copier.Publish(r.Context(), me(r.Context())); err != nil {
		return err
	}
	return back(w, "/copy", "publishing")
}

func followersWords(n int) string {
	if n == 1 {
		return "1 follower"
	}
	return strconv.Itoa(n) + " followers"
}

// myName is the username of whoever asks.
func myName(ctx context.Context) string {
	p, _ := auth.From(ctx)
	return p.User.Username
}
