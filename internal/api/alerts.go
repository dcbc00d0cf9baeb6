package api

import (
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/webpush"
)

func (a *API) timeline(w http.ResponseWriter, r *http.Request) error {
	return a.feed(w, r, alerts.FeedQuery{Kind: alerts.TimelineFeed})
}

func (a *API) globalFeed(w http.ResponseWriter, r *http.Request) error {
	return a.feed(w, r, alerts.FeedQuery{Kind: alerts.GlobalFeed})
}

func (a *API) tradeFeed(w http.ResponseWriter, r *http.Request) error {
	name := chi.URLParam(r, "username")
	if !postgres.Storable(name) {
		return fault.NotFound()
	}
	return a.feed(w, r, alerts.FeedQuery{Kind: alerts.TradeFeed, Username: name})
}

func (a *API) feed(w http.ResponseWriter, r *http.Request, q alerts.FeedQuery) (err error) {
	if q.Limit, err = httpio.QueryLimit(r, 25, 100); err != nil {
		return err
	}
	q.Viewer, q.Cursor = user(r.Context()), r.URL.Query().Get("cursor")
	items, next, err := a.alerts.Feed(r.Context(), q)
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, items, next)
}

func (a *API) listNotifications(w http.ResponseWriter, r *http.Request) error {
	limit, err := httpio.QueryLimit(r, 25, 100)
	if err != nil {
		return err
	}
	items, next, err := a.alerts.Notifications(r.Context(), user(r.Context()), limit, r.URL.Query().Get("cursor"))
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, items, next)
}

// markMax bounds how many notifications one request marks.
const markMax = 500

func (a *API) markRead(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		IDs []string `json:"ids"`
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	if len(in.IDs) == 0 || len(in.IDs) > markMax {
		return fault.Field("ids", "Between 1 and 500 ids.")
	}
	ids := make([]uuid.UUID, 0, len(in.IDs))
	for _, text := range in.IDs {
		id, err := uuid.Parse(text)
		if err != nil {
			return fault.Field("ids", "Not an id: "+text[:min(len(text), 40)]+".")
		}
		ids = append(ids, id)
	}
	unread, err := a.alerts.MarkRead(r.Context(), user(r.Context()), ids)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, map[string]int{"unread": unread})
}

func (a *API) markAllRead(w http.ResponseWriter, r *http.Request) error {
	unread, err := a.alerts.MarkAllRead(r.Context(), user(r.Context()))
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, map[string]int{"unread": unread})
}

func (a *API) pushKey(w http.ResponseWriter, _ *http.Request) error {
	key, err := a.post.PushKey()
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, map[string]string{"key": key})
}

// pushSubscription is what PushSubscription.toJSON() gives.
type pushSubscription struct {
	Endpoint       string   `json:"endpoint"`
	ExpirationTime *float64 `json:"expirationTime,omitempty"`
	Keys           struct {
		P256dh string `json:"p256dh"`
		Auth   string `json:"auth"`
	} `json:"keys"`
}

func (a *API) addPush(w http.ResponseWriter, r *http.Request) error {
	var in pushSubscription
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	s := webpush.Subscription{Endpoint: in.Endpoint, P256dh: in.Keys.P256dh, Auth: in.Keys.Auth}
	id, err := a.post.AddPush(r.Context(), user(r.Context()), s, label(r.UserAgent()))
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusCreated, map[string]uuid.UUID{"id": id})
}

// label is as much of a browser's name for itself as a list of devices shows.
func label(agent string) string {
	const most = 200 // bytes
	return postgres.Clip(agent, most)
}

func (a *API) removePush(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Endpoint string `json:"endpoint"`
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	if err := a.post.RemovePush(r.Context(), user(r.Context()), in.Endpoint); err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, map[string]bool{"removed": true})
}

func (a *API) getDiscord(w http.ResponseWriter, r *http.Request) error {
	hook, err := a.post.DiscordOf(r.Context(), user(r.Context()))
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, hook)
}

// discordPerMinute bounds how often a user may offer or test a webhook: wrong
// guesses count against the whole installation's address at Discord.
const discordPerMinute = 5

func (a *API) setDiscord(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		URL string `json:"url"`
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	owner := user(r.Context())
	if err := httpio.Spend(w, r, a.allow, "discord:"+owner.String(), discordPerMinute); err != nil {
		return err
	}
	hook, err := a.post.SetDiscord(r.Context(), owner, in.URL)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, hook)
}

func (a *API) removeDiscord(w http.ResponseWriter, r *http.Request) error {
	if err := a.post.RemoveDiscord(r.Context(), user(r.Context())); err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, map[string]bool{"removed": true})
}

func (a *API) testDiscord(w http.ResponseWriter, r *http.Request) error {
	owner := user(r.Context())
	if err := httpio.Spend(w, r, a.allow, "discord:"+owner.String(), discordPerMinute); err != nil {
		return err
	}
	if err := a.post.TestDiscord(r.Context(), owner); err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, map[string]bool{"sent": true})
}
