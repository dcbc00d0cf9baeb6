package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"
)

// control mounts what a test or a developer may do to Discord.
func (d *discord) control(r chi.Router) {
	r.Post("/discord/webhooks", d.controlCreate)
	r.Post("/discord/webhooks/{id}", d.controlState)
	r.Get("/discord/messages", d.controlMessages)
	r.Post("/discord/mode", d.controlMode)
	r.Post("/discord/limits", d.controlLimits)
	r.Post("/discord/chaos", d.chaos.control)
	r.Get("/discord/chaos", d.chaos.control)
}

func (d *discord) controlCreate(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Name      string `json:"name"`
		ChannelID string `json:"channelId"`
		Forum     bool   `json:"forum"`
		Threads   int    `json:"threads"` // how many the channel has
	}
	if !playerInput(w, r, &in) {
		return
	}
	hook := discordHook{Name: in.Name, ChannelID: in.ChannelID, Forum: in.Forum}
	for range min(in.Threads, 100) {
		hook.Threads = append(hook.Threads, d.snowflake())
	}
	hook = d.create(hook)
	reply(w, http.StatusOK, map[string]any{"url": hook.url(), "id": hook.ID, "channelId": hook.ChannelID, "threads": hook.Threads})
}

// controlState deletes, revokes, forbids or revives a webhook.
func (d *discord) controlState(w http.ResponseWriter, r *http.Request) {
	var in struct {
		State string `json:"state"`
	}
	if !playerInput(w, r, &in) {
		return
	}
	d.mu.Lock()
	hook, known := d.hooks[chi.URLParam(r, "id")]
	d.mu.Unlock()
	states := []string{"", discordDeleted, discordRevoked, discordForbidden, discordNoChannel, discordAutomod, discordHarmfulLink, discordOldEdits}
	if !known || !slices.Contains(states, in.State) {
		reply(w, http.StatusBadRequest, map[string]string{"error": "unknown webhook or state"})
		return
	}
	hook.State = in.State
	d.keepHook(hook)
	reply(w, http.StatusOK, map[string]string{"state": hook.State})
}

// controlMessages lists the messages of a webhook as they stand now.
func (d *discord) controlMessages(w http.ResponseWriter, r *http.Request) {
	found := []discordMessage{}
	d.mu.Lock()
	for _, m := range d.messages {
		if id := r.URL.Query().Get("webhook"); id == "" || id == m.WebhookID {
			found = append(found, m)
		}
	}
	d.mu.Unlock()
	slices.SortFunc(found, func(a, b discordMessage) int { return strings.Compare(a.ID, b.ID) })
	reply(w, http.StatusOK, map[string]any{"data": found})
}

func (d *discord) controlMode(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Mode  string `json:"mode"`
		Count int    `json:"count"`
	}
	if !playerInput(w, r, &in) {
		return
	}
	if !slices.Contains([]string{"", discordGlobal429, discordHTML429, discordBare429, discordRedirect}, in.Mode) {
		reply(w, http.StatusBadRequest, map[string]string{"error": "unknown mode"})
		return
	}
	d.mu.Lock()
	d.mode, d.modeLeft = in.Mode, in.Count
	d.mu.Unlock()
	reply(w, http.StatusOK, in)
}

func (d *discord) controlLimits(w http.ResponseWriter, r *http.Request) {
	limits := discordDefaultLimits()
	if !playerInput(w, r, &limits) {
		return
	}
	d.rate.set(limits)
	reply(w, http.StatusOK, limits)
}

// playerInput reads a small JSON body; an empty one leaves the defaults.
func playerInput(w http.ResponseWriter, r *http.Request, into any) bool {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil && len(body) > 0 {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		reply(w, http.StatusBadRequest, map[string]string{"error": "not the JSON expected here"})
	}
	return err == nil
}
