package web

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/httpio"
)

// closeDrift answers POST /copy/drift/{id}/close.
func (s *Site) closeDrift(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	f, err := form(w, r)
	if err != nil {
		return err
	}
	key, err := keyOf(f)
	if err != nil {
		return err
	}
	if _, _, err := s.copier.CloseDrift(r.Context(), me(r.Context()), id, copytrade.Key(key)); err != nil {
		return err
	}
	return back(w, "/copy", "drift-closing")
}

// keepDrift answers POST /copy/drift/{id}/keep.
func (s *Site) keepDrift(w http.ResponseWriter, r *http.Request) error {
	return answerDrift(w, r, s.copier.Keep, "drift-kept")
}

// ignoreDrift answers POST /copy/drift/{id}/ignore.
func (s *Site) ignoreDrift(w http.ResponseWriter, r *http.Request) error {
	return answerDrift(w, r, s.copier.Ignore, "drift-ignored")
}

func answerDrift(w http.ResponseWriter, r *http.Request, say func(ctx context.Context, follower, id uuid.UUID) (copytrade.Drift, error), done string) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	if _, err := say(r.Context(), me(r.Context()), id); err != nil {
		return err
	}
	return back(w, "/copy", done)
}

// unmanagedWords is why not all that the trader does reaches the copies, and what that means.
func unmanagedWords(sub copytrade.Subscription) string {
	if sub.Unmanaged == nil {
		return ""
	}
	if *sub.Unmanaged == copytrade.NotPublishing {
		return sub.Unmanaged.Text(sub.Trader) + " Your copies follow their sells all the same."
	}
	return sub.Unmanaged.Text(sub.Trader) + " Your copies are unmanaged until that changes."
}
