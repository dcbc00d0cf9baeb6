package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/web/ui"
)

const (
	deliveriesPath  = "/admin/deliveries"
	deadLettersPath = "/admin/dead-letters"
)

// deliveriesView is how the channels do, and what came to nothing on them.
type deliveriesView struct {
	Health  []delivery.ChannelHealth
	Channel string // whose dead letters; empty: all
	Dead    []delivery.DeadLetter
	Next    string
	Log     []delivery.Ruling
}

func (v deliveriesView) nextPage() string {
	q := url.Values{"cursor": {v.Next}}
	if v.Channel != "" {
		q.Set("channel", v.Channel)
	}
	return deliveriesPath + "?" + q.Encode()
}

// tabs are the channels with their dead letters.
func (v deliveriesView) tabs() []ui.Tab {
	all := ui.Tab{Href: deliveriesPath, Label: "All", Active: v.Channel == ""}
	tabs := []ui.Tab{all}
	for _, h := range v.Health {
		tabs = append(tabs, ui.Tab{
			Href: deliveriesPath + "?" + url.Values{"channel": {h.Channel}}.Encode(), Label: channelWords(h.Channel), Active: v.Channel == h.Channel, Count: h.Dead,
		})
	}
	return tabs
}

// deliveries answers GET /admin/deliveries.
func (s *Site) deliveries(w http.ResponseWriter, r *http.Request) error {
	p, err := s.shell(r, "Deliveries", deliveriesPath)
	if err != nil {
		return err
	}
	v := deliveriesView{Channel: oneOf(r, "channel", append([]string{""}, delivery.AllChannels()...)...)}
	from, err := cursor(r)
	if err != nil {
		return err
	}
	if v.Health, err = s.post.Health(r.Context()); err != nil {
		return err
	}
	list, next, err := s.post.DeadLetters(r.Context(), v.Channel, pageSize, from)
	if err != nil {
		return err
	}
	if v.Dead = list; next != nil {
		v.Next = older(next.At, next.ID)
	}
	if v.Log, err = s.post.Rulings(r.Context()); err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, deliveriesPage(p, v))
}

// deadLetter answers GET /admin/dead-letters/{id}.
func (s *Site) deadLetter(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	return s.showDeadLetter(w, r, http.StatusOK, id, "")
}

func (s *Site) showDeadLetter(w http.ResponseWriter, r *http.Request, status int, id uuid.UUID, problem string) error {
	letter, err := s.post.DeadLetter(r.Context(), id)
	if err != nil {
		return err
	}
	p, err := s.shell(r, "Dead letter", deliveriesPath)
	if err != nil {
		return err
	}
	if problem != "" {
		p.Notice = &ui.Notice{Tone: ui.Bad, Text: problem}
	}
	return s.show(w, r, status, deadLetterPage(p, letter))
}

// replayLetter answers POST /admin/dead-letters/{id}/replay.
func (s *Site) replayLetter(w http.ResponseWriter, r *http.Request) error {
	return s.ruleLetter(w, r, s.post.Replay, "replayed")
}

// discardLetter answers POST /admin/dead-letters/{id}/discard.
func (s *Site) discardLetter(w http.ResponseWriter, r *http.Request) error {
	return s.ruleLetter(w, r, s.post.Discard, "discarded")
}

func (s *Site) ruleLetter(w http.ResponseWriter, r *http.Request, do func(ctx context.Context, by, id uuid.UUID) error, done string) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	err = do(r.Context(), me(r.Context()), id)
	var refused *fault.Error
	if errors.As(err, &refused) && refused.Code == "invalid_state" {
		return s.showDeadLetter(w, r, http.StatusConflict, id, refused.Public)
	}
	if err != nil {
		return err
	}
	return back(w, deadLettersPath+"/"+id.String(), done)
}

// deliveryRoutes are the lines of these pages in the route table.
func (s *Site) deliveryRoutes() []auth.Route {
	return []auth.Route{
		{Method: "GET", Pattern: deliveriesPath, Rule: auth.Operator, Class: httpio.Vital, Handler: s.deliveries},
		{Method: "GET", Pattern: deadLettersPath + "/{id}", Rule: auth.Operator, Class: httpio.Vital, Handler: s.deadLetter},
		{Method: "POST", Pattern: deadLettersPath + "/{id}/replay", Rule: auth.Operator, Class: httpio.Vital, Handler: s.replayLetter},
		{Method: "POST", Pattern: deadLettersPath + "/{id}/discard", Rule: auth.Operator, Class: httpio.Vital, Handler: s.discardLetter},
		{Method: "GET", Pattern: announcementsPath, Rule: auth.Operator, Class: httpio.Vital, Handler: s.announcements},
		{Method: "POST", Pattern: announcementsPath, Rule: auth.Operator, Class: httpio.Vital, Handler: s.announce},
		{Method: "GET", Pattern: "/notifications/{id}", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.notification},
	}
}

// whose is a destination in words.
func whose(l delivery.DeadLetter) string {
	words := channelWords(l.Channel)
	switch {
	case l.Platform:
		words += " of the platform"
	case l.Username != "":
		words += " of @" + l.Username
	}
	if l.Label != "" {
		words += ", " + browserWords(l.Label)
	}
	return words
}

// outcomeWords is what came of an attempt.
func outcomeWords(outcome string) string {
	words := map[string]string{
		"accepted": "accepted", "retry": "failed, tried again", "limited": "told to wait", "unknown": "no answer: it may have arrived",
		"rejected": "refused", "gone": "the destination is gone", "misconfigured": "a setting is wrong", "message_gone": "the message was deleted", "withdrawn": "not sent",
	}
	if word := words[outcome]; word != "" {
		return word
	}
	return outcome
}

// heldUp says what keeps a channel from sending, and until when; until is nil where
// nothing does.
func heldUp(h delivery.ChannelHealth) (words string, until *time.Time) {
	var parts []string
	add := func(end *time.Time, why string) {
		parts = append(parts, why)
		if until == nil || end.After(*until) {
			until = end
		}
	}
	if h.HeldUntil != nil {
		add(h.HeldUntil, "all of it, told so: "+h.HeldReason)
	}
	if h.RestsUntil != nil {
		add(h.RestsUntil, "resting")
	}
	if h.Paused > 0 {
		add(h.PausedUntil, ui.Destinations(h.Paused)+" told to wait")
	}
	return strings.Join(parts, "; "), until
}

func aboutWords(l delivery.DeadLetter) string {
	if l.About == "" {
		return "A message"
	}
	return l.About
}

func opWords(op delivery.Op) string {
	if op == delivery.Update {
		return "a change of a message"
	}
	return "a new message"
}
